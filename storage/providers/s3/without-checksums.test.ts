import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import * as s3 from '../../../test/support/s3-account.ts';
import { conformance } from '../../conformance.ts';

conformance({
  name: 'S3 without checksums of its own',
  start: (buckets) => s3.startStore({ buckets, flexibleChecksums: false }),
  startProxy: startFaultProxy,
  credentials: s3.account('right'),
  otherCredentials: s3.account('other'),
  wrongCredentials: s3.account('right', 'wrong'),
  untaggedCredentials: s3.account('untagged'),
  deniedCredentials: s3.account('denied'),
});
