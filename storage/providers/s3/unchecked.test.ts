import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import { startS3Server } from '../../../emulators/s3/server.ts';
import { conformance } from '../../conformance.ts';

const keys = { accessKeyId: 'conformance', secretAccessKey: 'right' };
const denied = { accessKeyId: 'denied', secretAccessKey: 'right', buckets: [] };
const place = { provider: 's3', region: 'us-east-1', addressing: 'path', ...keys } as const;
// An ETag under a key of KMS is no MD5: nothing of what such a store is sent can be checked.
const account = { ...place, serverSideEncryption: 'aws:kms', kmsKeyId: 'alias/key' } as const;

conformance({
  name: 'S3 without any checksum',
  start: (buckets) => startS3Server({ credentials: [keys, denied], buckets, flexibleChecksums: false }),
  startProxy: startFaultProxy,
  credentials: (endpoint) => ({ ...account, endpoint }),
  wrongCredentials: (endpoint) => ({ ...account, endpoint, secretAccessKey: 'wrong' }),
  deniedCredentials: (endpoint) => ({ ...account, endpoint, accessKeyId: 'denied' }),
});
