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
/** A token for everything that is of one of the types: service, containers, objects. */
const sasFor = (resourceTypes: string, permissions = 'rwdlct') =>
  generateAccountSASQueryParameters(
    { permissions: AccountSASPermissions.parse(permissions), services: 'b', resourceTypes, expiresOn: new Date(4e12) },
    new StorageSharedKeyCredential(account.accountName, accountKey),
  ).toString();
const sasToken = sasFor('sco');

export const byKey = { accountKey };
export const bySas = { sasToken: `?${sasToken}` };
/** It does everything but with tags. */
export const byUntaggedSas = { sasToken: sasFor('sco', 'rwdlc') };
/** It lists containers, and no more. */
export const byNarrowSas = { sasToken: sasFor('s') };
export const byWrongKey = { accountKey: 'd3Jvbmc=' };
export const byWrongSas = { sasToken: sasToken.replace('sig=', 'sig=A') };

export const startAccount = (containers: readonly string[] = []) =>
  startAzurite({ ...account, accountKey, containers });
export const startAccountFromUrl = async (containers: readonly string[]) =>
  startAzureFromUrl(await startAccount(containers));

/** Azurite looks through all of its blobs for each that is deleted: 1,500 out of 10,000 take it a minute and a half. */
export const deletedKeys = 300;
