import type { Capabilities } from '../../capabilities.ts';
import type { RequestRules } from '../../request-rules.ts';
import { copyPartBytes, s3CopySizes } from './copies.ts';

const one = { read: { read: 1 }, write: { write: 1 } } as const;

/** Most keys that DeleteObjects takes. */
export const maxDeletions = 1000;

export const s3RequestRules = ({ conditionalDelete }: Capabilities): RequestRules => ({
  stat: one.read,
  read: one.read,
  readTags: one.read,
  write: one.write,
  assertWritable: one.write,
  beginUpload: one.write,
  putPart: one.write,
  completeUpload: one.write,
  createFolder: one.write,
  deleteObject: { delete: 1 },
  deleteFolder: {},
  // DeleteObject has had conditions for longer than DeleteObjects: only the former is probed for them.
  deletionsAtOnce: conditionalDelete ? 1 : maxDeletions,
  offerCopy: () => one.read,
  presign: {},
  copy: ({ sizeBytes }) =>
    sizeBytes <= s3CopySizes.wholeMaxBytes
      ? { copy: 1 }
      : { write: 2, copy: Math.ceil(sizeBytes / copyPartBytes(sizeBytes, s3CopySizes)) },
  ingest: () => ({}),
  copyIsStated: true,
});
