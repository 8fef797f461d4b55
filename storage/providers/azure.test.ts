import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { startAzurite } from '../../emulators/azure.ts';
import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import { conformance } from '../conformance.ts';

const account = { provider: 'azure', accountName: 'conformance' } as const;
const accountKey = Buffer.from('right').toString('base64');
const sasToken = generateAccountSASQueryParameters(
  { permissions: AccountSASPermissions.parse('rwdlc'), services: 'b', resourceTypes: 'sco', expiresOn: new Date(4e12) },
  new StorageSharedKeyCredential(account.accountName, accountKey),
).toString();
const azurite = { ...account, accountKey, containers: ['conformance', 'conformance-other'] };

for (const [name, right, wrong] of [
  ['Azure Blob with the account key', { accountKey }, { accountKey: 'd3Jvbmc=' }],
  ['Azure Blob with a SAS token', { sasToken: `?${sasToken}` }, { sasToken: sasToken.replace('sig=', 'sig=A') }],
] as const) {
  conformance({
    name,
    start: () => startAzurite(azurite),
    startProxy: startFaultProxy,
    credentials: (endpoint) => ({ ...account, ...right, endpoint }),
    wrongCredentials: (endpoint) => ({ ...account, ...wrong, endpoint }),
  });
}
