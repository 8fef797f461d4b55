import type { PlacedObject, RequestRules, Requests } from '../../request-rules.ts';
import { maxDeletions } from './deletion.ts';

const one = { read: { read: 1 }, write: { write: 1 } } as const;

/** A look at the place, and the move from the hidden name; what is there goes before. */
const moveIn = ({ isReplaced }: PlacedObject): Requests => ({ read: 1, write: 1, delete: isReplaced ? 1 : 0 });

/** Commits go in batches, of which each is counted as if it held one file: at the most so many. */
export const dropboxRequestRules: RequestRules = {
  stat: one.read,
  read: one.read,
  readTags: {},
  write: { write: 2 },
  assertWritable: one.write,
  beginUpload: one.write,
  putPart: one.write,
  completeUpload: one.write,
  createFolder: one.write,
  // A look at what is there before.
  deleteObject: { read: 1, delete: 1 },
  deleteFolder: { read: 1, list: 1, delete: 1 },
  deletionsAtOnce: maxDeletions,
  offerCopy: () => one.read,
  presign: one.read,
  copy: (object) => ({ ...moveIn(object), copy: 1 }),
  ingest: (object) => ({ ...moveIn(object), copy: 1 }),
  copyIsStated: true,
};
