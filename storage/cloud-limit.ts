import { createHmac } from 'node:crypto';
import { awsHost, awsPartition } from '../core/aws.ts';
import type { CloudAccount, DbSession } from '../core/db.ts';
import { normalAddress } from '../core/text.ts';

/** What of an account tells which requests its cloud counts together. */
export type LimitedAccount = Pick<CloudAccount, 'provider' | 'identity'> & { settings: unknown };

/**
 * What a cloud limits: a credential at a place, whoever has connected it and however often. S3: an access key at an endpoint or
 * in a region; Azure: a storage account; GCS: a service account or a person; Dropbox: a person.
 */
function limitSubject({ provider, identity, settings }: LimitedAccount): string {
  const { endpoint, region } = settings as { endpoint?: string; region?: string };
  // AWS is opened by one name of many for a region, and what is signed for another region is refused there.
  const isAws =
    provider === 'S3' && awsPartition(URL.parse(endpoint ?? '')?.hostname ?? awsHost(region ?? '')) !== null;
  const own = provider === 'AZURE' ? `https://${identity}.blob.core.windows.net` : '';
  return JSON.stringify([provider, isAws ? region : normalAddress(endpoint ?? own), identity]);
}

/**
 * Names in Redis what a cloud limits, without telling it: the same for all accounts whose requests count together.
 *
 * @param secret The same in all processes.
 */
export function limitKey(secret: string, account: LimitedAccount): string {
  return createHmac('sha256', secret)
    .update(`cloud-limit:${limitSubject(account)}`)
    .digest('base64url');
}

/** The connected accounts, of all users, whose requests count together with those of this one, itself included. */
export async function findLimitedWith(
  db: DbSession,
  account: LimitedAccount,
): Promise<{ id: string; throttledUntil: Date | null }[]> {
  const { provider, identity } = account;
  const alike = await db.cloudAccount.findMany({
    where: { identity, provider, sealedCredentials: { not: null } },
    select: { id: true, provider: true, identity: true, settings: true, throttledUntil: true },
  });
  const subject = limitSubject(account);
  return alike.filter((one) => limitSubject(one) === subject);
}
