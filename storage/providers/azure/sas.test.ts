import { startFaultProxy } from '../../../emulators/fault-proxy.ts';
import {
  account,
  byKey,
  bySas,
  byWrongSas,
  deletedKeys,
  startAccountFromUrl,
} from '../../../test/support/azure-account.ts';
import { conformance } from '../../conformance.ts';

conformance({
  name: 'Azure Blob with a SAS token',
  start: startAccountFromUrl,
  deletedKeys,
  startProxy: startFaultProxy,
  credentials: (endpoint) => ({ ...account, ...bySas, endpoint }),
  otherCredentials: (endpoint) => ({ ...account, ...byKey, endpoint }),
  wrongCredentials: (endpoint) => ({ ...account, ...byWrongSas, endpoint }),
});
