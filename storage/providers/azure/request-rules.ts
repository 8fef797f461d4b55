import type { PlacedObject, RequestRules, Requests } from '../../request-rules.ts';
import { fromUrlBytes } from './capabilities.ts';

const one = { read: { read: 1 }, write: { write: 1 } } as const;

/** Blocks, a look at them, and the list that makes the blob. */
const byBlocks = ({ sizeBytes }: PlacedObject): Requests => ({
  copy: Math.ceil(sizeBytes / fromUrlBytes),
  read: 1,
  write: 1,
});

export const azureRequestRules: RequestRules = {
  stat: one.read,
  read: one.read,
  write: one.write,
  beginUpload: {},
  putPart: one.write,
  completeUpload: one.write,
  createFolder: one.write,
  deleteObject: { delete: 1 },
  offerCopy: one.read,
  presign: {},
  copy: (object) => (object.sizeBytes <= fromUrlBytes ? { copy: 1 } : byBlocks(object)),
  ingest: (object) => (object.isStated && object.sizeBytes <= fromUrlBytes ? { copy: 1 } : byBlocks(object)),
  copyIsStated: false,
};
