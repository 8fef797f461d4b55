import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { expect, test } from 'vitest';
import { startAzurite } from '../../emulators/azure.ts';
import { startAzureFromUrl } from '../../emulators/azure-from-url.ts';
import { startFaultProxy } from '../../emulators/fault-proxy.ts';
import { createAddressPolicy } from '../address-policy.ts';
import { conformance } from '../conformance.ts';
import { openProvider } from '../registry.ts';

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
    // Azurite looks through all of its blobs for each that is deleted: 1,500 out of 10,000 take it a minute and a half.
    deletedKeys: 300,
    startProxy: startFaultProxy,
    credentials: (endpoint) => ({ ...account, ...right, endpoint }),
    otherCredentials: (endpoint) => ({ ...account, ...other, endpoint }),
    wrongCredentials: (endpoint) => ({ ...account, ...wrong, endpoint }),
  });
}

test.each([
  ['the account key', byKey],
  ['a SAS token', bySas],
])(
  'an account that the endpoint does not know is told from a blob that is not there: with %s',
  async (_name, secret) => {
    const server = await startAzurite(azurite);
    try {
      const accountName = 'nobody';
      const credentials = { ...account, ...secret, accountName, endpoint: new URL(accountName, server.endpoint).href };
      const provider = openProvider(credentials, { addressPolicy: createAddressPolicy(['127.0.0.0/8']) });
      try {
        await expect(provider.check(new AbortController().signal)).rejects.toMatchObject({
          code: 'ENDPOINT_INVALID',
          message: expect.stringMatching(/'nobody'.*Check the name of the account and the endpoint/),
        });
      } finally {
        await provider.close();
      }
    } finally {
      await server.close();
    }
  },
);
