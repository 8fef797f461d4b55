import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import * as azure from '../../test/support/azure-account.ts';
import { conformance } from '../conformance.ts';

conformance({
  name: 'Azure Blob with the account key',
  start: azure.startAccountFromUrl,
  deletedKeys: azure.deletedKeys,
  startProxy: startFaultProxy,
  credentials: (endpoint) => ({ ...azure.account, ...azure.byKey, endpoint }),
  otherCredentials: (endpoint) => ({ ...azure.account, ...azure.bySas, endpoint }),
  wrongCredentials: (endpoint) => ({ ...azure.account, ...azure.byWrongKey, endpoint }),
  untaggedCredentials: (endpoint) => ({ ...azure.account, ...azure.byUntaggedSas, endpoint }),
  deniedCredentials: (endpoint) => ({ ...azure.account, ...azure.byNarrowSas, endpoint }),
});
