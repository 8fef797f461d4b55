import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import { type S3ServerOptions, startS3Server } from '../../emulators/s3/server.ts';

const key = (accessKeyId: string) => ({ accessKeyId, secretAccessKey: 'right' });
const credentials = [
  key('right'),
  key('other'),
  { ...key('untagged'), mayTag: false },
  { ...key('denied'), buckets: [] },
];

const account =
  (accessKeyId: string, secretAccessKey = 'right') =>
  (endpoint: string) =>
    ({ provider: 's3', region: 'us-east-1', addressing: 'path', endpoint, accessKeyId, secretAccessKey }) as const;

/** The local S3 server as the conformance suite needs it. Its access keys are named by what they may do. */
export const s3Fixture = (options: Omit<S3ServerOptions, 'credentials' | 'buckets'> = {}) => ({
  start: (buckets: readonly string[]) => startS3Server({ ...options, buckets, credentials }),
  startProxy: (endpoint: string) => startFaultProxy(endpoint, 0, options.tls),
  credentials: account('right'),
  otherCredentials: account('other'),
  wrongCredentials: account('right', 'wrong'),
  untaggedCredentials: account('untagged'),
  deniedCredentials: account('denied'),
});
