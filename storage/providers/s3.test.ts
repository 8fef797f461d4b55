import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import { startS3Server } from '../../emulators/s3/server.ts';
import { conformance } from '../conformance.ts';

const keys = { accessKeyId: 'conformance', secretAccessKey: 'right' };
const other = { accessKeyId: 'other', secretAccessKey: 'right too' };
const untagged = { accessKeyId: 'untagged', secretAccessKey: 'right', mayTag: false };
const denied = { accessKeyId: 'denied', secretAccessKey: 'right', buckets: [] };
const account = { provider: 's3', region: 'us-east-1', addressing: 'path', ...keys } as const;

for (const flexibleChecksums of [true, false]) {
  conformance({
    name: flexibleChecksums ? 'S3' : 'S3 without checksums of its own',
    start: (buckets) => startS3Server({ credentials: [keys, other, untagged, denied], buckets, flexibleChecksums }),
    startProxy: startFaultProxy,
    credentials: (endpoint) => ({ ...account, endpoint }),
    otherCredentials: (endpoint) => ({ ...account, ...other, endpoint }),
    wrongCredentials: (endpoint) => ({ ...account, endpoint, secretAccessKey: 'wrong' }),
    untaggedCredentials: (endpoint) => ({ ...account, endpoint, accessKeyId: 'untagged' }),
    deniedCredentials: (endpoint) => ({ ...account, endpoint, accessKeyId: 'denied' }),
  });
}
