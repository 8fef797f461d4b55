import type { PlacedObject, RequestRules, Requests } from '../../request-rules.ts';
import { fromUrlBytes } from './capabilities.ts';

const one = { read: { read: 1 }, write: { write: 1 } } as const;

/** Fetches that an object takes. */
const blocksOf = (sizeBytes: number) => Math.max(1, Math.ceil(sizeBytes / fromUrlBytes));

/** Blocks, a look at them, and the list that makes the blob. */
const byBlocks = ({ sizeBytes }: PlacedObject): Requests => ({
  copy: blocksOf(sizeBytes),
  read: 1,
  write: 1,
});

export const azureRequestRules: RequestRules = {
  stat: one.read,
  read: one.read,
  readTags: one.read,
  write: one.write,
  assertWritable: {},
  beginUpload: {},
  putPart: one.write,
  completeUpload: one.write,
  createFolder: one.write,
  deleteObject: { delete: 1 },
  // A flat namespace is asked for a marker of the name before.
  deleteFolder: { read: 1, list: 1, delete: 2 },
  deletionsAtOnce: 1,
  // "Put Blob From URL", billing: what is read from a blob is charged to its account.
  offerCopy: (sizeBytes) => ({ read: 1 + blocksOf(sizeBytes) }),
  presign: {},
  copy: (object) => (object.sizeBytes <= fromUrlBytes ? { copy: 1 } : byBlocks(object)),
  ingest: (object) => (object.isStated && object.sizeBytes <= fromUrlBytes ? { copy: 1 } : byBlocks(object)),
  copyIsStated: false,
};
