import type { RequestRules } from '../../request-rules.ts';

const one = { read: { read: 1 }, write: { write: 1 } } as const;

/** A rewrite between locations or storage classes may take several requests, as the service likes. */
export const gcsRequestRules: RequestRules = {
  stat: one.read,
  read: one.read,
  readTags: {},
  write: one.write,
  assertWritable: one.write,
  beginUpload: one.write,
  putPart: one.write,
  completeUpload: one.write,
  createFolder: one.write,
  deleteObject: { delete: 1 },
  deleteFolder: {},
  deletionsAtOnce: 1,
  offerCopy: () => one.read,
  presign: {},
  copy: () => ({ copy: 1 }),
  ingest: () => ({}),
  copyIsStated: true,
};
