/** Requests to a cloud, in the classes by which clouds charge for them. */
export interface RequestCounts {
  /** Looks at objects, and reads of their bytes. */
  read: number;
  /** Writes of objects and parts, and what begins and completes an upload. */
  write: number;
  /** Pages of listings. */
  list: number;
  delete: number;
  /** Copies that the cloud makes by itself, and fetches from URLs. */
  copy: number;
}

export type Requests = Partial<RequestCounts>;

/** An object that a cloud is to bring to its place by itself. */
export interface PlacedObject {
  sizeBytes: number;
  /** Whether something is there already. */
  isReplaced: boolean;
  /** Whether the source states a hash that this cloud checks. */
  isStated: boolean;
}

/**
 * How many requests the calls of a provider make when nothing fails, told without any. Where a cloud decides by itself how
 * many it takes, it is the most for a write and the least for everything else. Those for access tokens, and questions whether
 * the cloud is done with what it does by itself, are left out.
 */
export interface RequestRules {
  stat: Requests;
  read: Requests;
  readTags: Requests;
  write: Requests;
  assertWritable: Requests;
  beginUpload: Requests;
  putPart: Requests;
  completeUpload: Requests;
  createFolder: Requests;
  /** `deleteObjects` of one object. */
  deleteObject: Requests;
  /** `deleteObjects` of one folder that is no object; none where there are none. */
  deleteFolder: Requests;
  /** Most objects that `deleteObjects` deletes by one request, held to their versions where the store does that. */
  deletionsAtOnce: number;
  presign: Requests;
  /** With what the copy then takes at the offering side. */
  offerCopy(sizeBytes: number): Requests;
  copy(object: PlacedObject): Requests;
  /** Each of its copies is a read at the source. */
  ingest(object: PlacedObject): Requests;
  /** Whether the answer to a copy states a hash that the source states too. */
  copyIsStated: boolean;
}
