import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import {
  account,
  byKey,
  bySas,
  byWrongKey,
  deletedKeys,
  startAccountFromUrl,
} from '../../test/support/azure-account.ts';
import { conformance } from '../conformance.ts';

conformance({
  name: 'Azure Blob with the account key',
  start: startAccountFromUrl,
  deletedKeys,
  startProxy: startFaultProxy,
  credentials: (endpoint) => ({ ...account, ...byKey, endpoint }),
  otherCredentials: (endpoint) => ({ ...account, ...bySas, endpoint }),
  wrongCredentials: (endpoint) => ({ ...account, ...byWrongKey, endpoint }),
});
