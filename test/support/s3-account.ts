import { type S3ServerOptions, startS3Server } from '../../emulators/s3/server.ts';

const key = (accessKeyId: string) => ({ accessKeyId, secretAccessKey: 'right' });
const credentials = [
  key('right'),
  key('other'),
  { ...key('untagged'), mayTag: false },
  { ...key('denied'), buckets: [] },
];

/** The store of the conformance runs. Its access keys are named by what they may do. */
export const startStore = (options: Omit<S3ServerOptions, 'credentials'>) => startS3Server({ ...options, credentials });

/** The account of one of its access keys. */
export const account =
  (accessKeyId: string, secretAccessKey = 'right') =>
  (endpoint: string) =>
    ({ provider: 's3', region: 'us-east-1', addressing: 'path', endpoint, accessKeyId, secretAccessKey }) as const;
