import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { ensureTool } from '../../scripts/local/tools.ts';
import type { Credentials } from '../../storage/credentials.ts';
import { plainDropbox } from './plain-dropbox.ts';

const run = promisify(execFile);

/** What lies below a prefix of a cloud, as read by what shares no code with the product. */
export interface IndependentReader {
  /** SHA-256 of every object's bytes, by name without the prefix. Empty: nothing is there. */
  hashes(prefix: string): Promise<Record<string, string>>;
  /** Names of all folders, empty ones among them, with a slash behind and without the prefix, in their order. */
  folders(prefix: string): Promise<string[]>;
}

/** rclone, and for Dropbox, which rclone knows under its public address alone, plain requests. */
export async function openIndependently(credentials: Credentials, container: string): Promise<IndependentReader> {
  if (credentials.provider === 'dropbox') {
    const { endpoint, appKey, refreshToken } = credentials;
    const { hashes, folders } = await plainDropbox(String(endpoint), appKey, refreshToken);
    return { hashes, folders: async (prefix) => (await folders(prefix)).sort() };
  }
  const settings = Object.entries({ ...remoteOf(credentials), no_unicode_normalization: 'true' });
  const env = {
    PATH: process.env.PATH,
    RCLONE_CONFIG: '/dev/null',
    RCLONE_RETRIES: '1',
    ...Object.fromEntries(settings.map(([name, value]) => [`RCLONE_CONFIG_CLOUD_${name.toUpperCase()}`, value])),
  };
  const program = await ensureTool('rclone', process.env.DATA_DIRECTORY || '.data', () => {});
  const lines = async (prefix: string, ...command: string[]) => {
    const { stdout } = await run(program, [...command, `cloud:${container}/${prefix}`], { env }).catch((error) => {
      // "Directory not found": https://rclone.org/docs/#list-of-exit-codes
      if (error.code === 3) return { stdout: '' };
      throw error;
    });
    return stdout.split('\n').filter((line) => line !== '');
  };
  return {
    async hashes(prefix) {
      const told = await lines(prefix, 'hashsum', 'SHA256', '--download');
      // "Each line is the hash, two spaces and the name", as sha256sum writes it.
      return Object.fromEntries(told.map((line) => [line.slice(66), line.slice(0, 64)]));
    },
    // Level by level: in a listing of all keys at once rclone passes over the markers of folders.
    folders: async (prefix) => (await lines(prefix, 'lsf', '--recursive', '--dirs-only', '--disable', 'ListR')).sort(),
  };
}

/** Settings of the remote by their names in rclone's configuration file. */
function remoteOf(credentials: Exclude<Credentials, { provider: 'dropbox' }>): Record<string, string | undefined> {
  const endpoint = String(credentials.endpoint);
  switch (credentials.provider) {
    case 's3':
      return {
        type: 's3',
        provider: 'Other',
        endpoint,
        access_key_id: credentials.accessKeyId,
        secret_access_key: credentials.secretAccessKey,
      };
    case 'azure':
      // Its endpoint is a URL of its own only with a signature in it.
      return {
        type: 'azureblob',
        sas_url: `${endpoint}?${signature(credentials.accountName, String(credentials.accountKey))}`,
      };
    case 'gcs':
      return {
        type: 'google cloud storage',
        endpoint: `${endpoint}/storage/v1/`,
        service_account_credentials: credentials.serviceAccountKey,
        bucket_policy_only: 'true',
      };
  }
}

/** By Azure's own library. */
function signature(accountName: string, accountKey: string): string {
  return generateAccountSASQueryParameters(
    {
      permissions: AccountSASPermissions.parse('rl'),
      services: 'b',
      resourceTypes: 'sco',
      expiresOn: new Date(Date.now() + 3_600_000),
    },
    new StorageSharedKeyCredential(accountName, accountKey),
  ).toString();
}
