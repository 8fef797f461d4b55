import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { startAzurite } from '../../emulators/azure.ts';
import { startAzureFromUrl } from '../../emulators/azure-from-url.ts';
import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import { conformance } from '../conformance.ts';

const account = { provider: 'azure', accountName: 'conformance' } as const;
const accountKey = Buffer.from('right').toString('base64');
const sasToken = generateAccountSASQueryParameters(
  { permissions: AccountSASPermissions.parse('rwdlc'), services: 'b', resourceTypes: 'sco', expiresOn: new Date(4e12) },
  new StorageSharedKeyCredential(account.accountName, accountKey),
).toString();
const azurite = { ...account, accountKey, containers: ['conformance', 'conformance-other'] };

const [byKey, bySas] = [{ accountKey }, { sasToken: `?${sasToken}` }];

for (const [name, right, wrong, other] of [
  ['Azure Blob with the account key', byKey, { accountKey: 'd3Jvbmc=' }, bySas],
  ['Azure Blob with a SAS token', bySas, { sasToken: sasToken.replace('sig=', 'sig=A') }, byKey],
] as const) {
  conformance({
    name,
    start: async () => startAzureFromUrl(await startAzurite(azurite)),
    // Azurite looks through all of its blobs for each that is written.
    manyKeys: 1_200,
    startProxy: startFaultProxy,
    credentials: (endpoint) => ({ ...account, ...right, endpoint }),
    otherCredentials: (endpoint) => ({ ...account, ...other, endpoint }),
    wrongCredentials: (endpoint) => ({ ...account, ...wrong, endpoint }),
  });
}
