import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { startAzurite } from '../../emulators/azure.ts';
import { startAzureFromUrl } from '../../emulators/azure-from-url.ts';

/** The account of the conformance runs, and the ways into it. */
export const account = { provider: 'azure', accountName: 'conformance' } as const;
const accountKey = Buffer.from('right').toString('base64');
const sasToken = generateAccountSASQueryParameters(
  { permissions: AccountSASPermissions.parse('rwdlc'), services: 'b', resourceTypes: 'sco', expiresOn: new Date(4e12) },
  new StorageSharedKeyCredential(account.accountName, accountKey),
).toString();

export const byKey = { accountKey };
export const bySas = { sasToken: `?${sasToken}` };
export const byWrongKey = { accountKey: 'd3Jvbmc=' };
export const byWrongSas = { sasToken: sasToken.replace('sig=', 'sig=A') };

export const startAccount = () =>
  startAzurite({ ...account, accountKey, containers: ['conformance', 'conformance-other'] });
export const startAccountFromUrl = async () => startAzureFromUrl(await startAccount());

/** Azurite looks through all of its blobs for each that is deleted: 1,500 out of 10,000 take it a minute and a half. */
export const deletedKeys = 300;
