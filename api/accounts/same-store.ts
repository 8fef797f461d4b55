import type { CloudAccount } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { normalAddress } from '../../core/text.ts';
import type { CredentialsOf } from '../../storage/credentials.ts';

/** What of an account at S3 says how it is used. */
export type S3Settings = Pick<
  CredentialsOf<'s3'>,
  'addressing' | 'storageClass' | 'serverSideEncryption' | 'kmsKeyId' | 'requesterPays' | 'useMachineIdentity'
>;

/** What of an account's credentials may be shown (`CloudAccount.settings`). */
export interface Settings {
  endpoint?: string;
  region?: string;
  projectId?: string;
  /** Absent also for accounts that were kept before it was. */
  s3?: S3Settings;
}

/** What tells where the paths of an account lead. */
export interface StoreFacts {
  provider: CloudAccount['provider'];
  identity: string;
  settings: Settings;
}

/**
 * Throws CONFLICT unless the credentials lead to the place that the account's paths are about. Transfers, present and
 * scheduled, name paths of an account: under credentials of another place they would read and write somewhere else.
 * - S3: the same endpoint and region. Another key or user is the point of a replacement; it meets the same buckets.
 * - Azure: the same endpoint and storage account.
 * - GCS: the same endpoint; names of buckets are global, whoever asks.
 * - Dropbox: the same person, as paths begin at the person's own root.
 *
 * @param field What of the input the credentials come from.
 */
export function assertSameStore(account: StoreFacts, found: StoreFacts, field: string): void {
  if (storeOf(account) === storeOf(found)) return;
  throw new AppError(
    'CONFLICT',
    `These credentials lead to another place than the account's (${nameOf(found)} instead of ${nameOf(account)}), where its transfers would not find their files. Connect them as a new account.`,
    { field: [field] },
  );
}

function storeOf({ provider, identity, settings }: StoreFacts): string {
  const endpoint = settings.endpoint === undefined ? undefined : normalAddress(settings.endpoint);
  switch (provider) {
    case 'S3':
      return JSON.stringify([provider, endpoint, settings.region]);
    case 'AZURE':
      return JSON.stringify([provider, endpoint ?? `https://${identity}.blob.core.windows.net`, identity]);
    case 'GCS':
      return JSON.stringify([provider, endpoint]);
    case 'DROPBOX':
      return JSON.stringify([provider, endpoint, identity]);
  }
}

function nameOf({ provider, identity, settings }: StoreFacts): string {
  const { endpoint, region } = settings;
  if (provider === 'DROPBOX' || (provider === 'AZURE' && endpoint === undefined)) return identity;
  return [endpoint ?? provider, ...(region === undefined ? [] : [region])].join(', ');
}
