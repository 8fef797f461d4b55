import { expect, test } from 'vitest';
import { azureCapabilities } from '../storage/providers/azure/capabilities.ts';
import { dropboxCapabilities } from '../storage/providers/dropbox/capabilities.ts';
import { gcsCapabilities } from '../storage/providers/gcs/capabilities.ts';
import { awsAbilities, s3Capabilities } from '../storage/providers/s3/capabilities.ts';
import { partSizeFor } from '../worker/transfer/parts.ts';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const s3 = s3Capabilities(awsAbilities);
const azure = azureCapabilities('key', false);
const gcs = gcsCapabilities(true);

/**
 * What each cloud documents, as least and most:
 * S3 "Amazon S3 multipart upload limits", Azure "Scalability targets for Blob storage" and "Put Blob", Cloud Storage "Quotas
 * and limits" (XML API multipart uploads), Dropbox /files/upload, /upload_session/append_v2 and UploadSessionFinishError.
 */
test.each([
  ['S3', s3, { single: 5 * GiB, object: 5 * 1024 * GiB, part: [5 * MiB, 5 * GiB], parts: 10_000, multiple: 1 }],
  [
    'Azure',
    azure,
    { single: 5_000 * MiB, object: 50_000 * 4_000 * MiB, part: [1, 4_000 * MiB], parts: 50_000, multiple: 1 },
  ],
  [
    'Cloud Storage',
    gcs,
    { single: 5 * 1024 * GiB, object: 5 * 1024 * GiB, part: [5 * MiB, 5 * GiB], parts: 10_000, multiple: 1 },
  ],
  [
    'Dropbox',
    dropboxCapabilities,
    { single: 150 * MiB, object: 2_199_019_061_248, part: [4 * MiB, 150 * MiB], parts: 100_000, multiple: 4_194_304 },
  ],
] as const)(
  '%s: what is declared is within what the cloud takes, and the largest object fits',
  (_, { write }, limits) => {
    expect(write.singleMaxBytes).toBeLessThanOrEqual(limits.single);
    expect(write.objectMaxBytes).toBeLessThanOrEqual(limits.object);
    expect(write.partMinBytes).toBeGreaterThanOrEqual(limits.part[0]);
    expect(write.partMaxBytes).toBeLessThanOrEqual(limits.part[1]);
    expect(write.maxParts).toBeLessThanOrEqual(limits.parts);
    expect(write.partMultipleBytes % limits.multiple).toBe(0);
    const partBytes = partSizeFor(write.objectMaxBytes, write, 64 * MiB);
    expect(partBytes).toBeLessThanOrEqual(write.partMaxBytes);
    expect(partBytes % write.partMultipleBytes).toBe(0);
    expect(Math.ceil(write.objectMaxBytes / partBytes)).toBeLessThanOrEqual(write.maxParts);
  },
);

test('server-side copies go no further than what their cloud copies in one request, or by parts', () => {
  expect(s3.copy?.maxBytes).toBeLessThanOrEqual(5 * 1024 * GiB);
  expect(s3Capabilities({ ...awsAbilities, copies: 'whole' }).copy?.maxBytes).toBeLessThanOrEqual(5 * GiB);
});
