import { v7 as uuidv7 } from 'uuid';
import type { CloudAccount, DbSession, Prisma } from '../../core/db.ts';
import { type Keyring, seal } from '../../core/secrets.ts';
import { resumeSchedules } from '../../queue/schedule.ts';
import { findLimitedWith } from '../../storage/cloud-limit.ts';
import type { Credentials, CredentialsOf } from '../../storage/credentials.ts';
import { audit } from '../audit.ts';
import { type Context, viewerOf } from '../context.ts';
import { connected } from '../provider-cache.ts';
import type { Proven } from './check.ts';
import { assertSameStore, type S3Settings, type Settings } from './same-store.ts';

export const providerOf = { s3: 'S3', azure: 'AZURE', gcs: 'GCS', dropbox: 'DROPBOX' } as const;

function s3Settings(credentials: CredentialsOf<'s3'>): S3Settings {
  const { addressing, storageClass, serverSideEncryption, kmsKeyId, requesterPays, useMachineIdentity } = credentials;
  return { addressing, storageClass, serverSideEncryption, kmsKeyId, requesterPays, useMachineIdentity };
}

/** What of the credentials may be shown. */
function publicSettings(credentials: Credentials): Settings {
  return {
    ...(credentials.endpoint === undefined ? {} : { endpoint: credentials.endpoint }),
    ...(credentials.provider === 's3' ? { region: credentials.region, s3: s3Settings(credentials) } : {}),
    ...(credentials.provider === 'gcs' && credentials.projectId !== undefined
      ? { projectId: credentials.projectId }
      : {}),
  };
}

/** The columns that come from credentials and their check, and from accounts that share their limit at the cloud. */
async function columnsOf(tx: DbSession, keyring: Keyring, accountId: string, { credentials, checked }: Proven) {
  const sealed = seal(keyring, accountId, credentials);
  const { identity } = checked;
  const shown = publicSettings(credentials);
  const limited = await findLimitedWith(tx, { provider: providerOf[credentials.provider], identity, settings: shown });
  const ends = limited.map(({ throttledUntil }) => throttledUntil?.getTime() ?? 0);
  return {
    identity,
    sealedCredentials: sealed.bytes,
    keyId: sealed.keyId,
    settings: shown as unknown as Prisma.InputJsonObject,
    throttledUntil: ends.some((end) => end > 0) ? new Date(Math.max(...ends)) : null,
    capabilities: checked.capabilities as unknown as Prisma.InputJsonObject,
    lastCheckedAt: new Date(),
  };
}

/** Keeps proven credentials, sealed, as a new account of the viewer. Returns its id. */
export async function createAccount(tx: DbSession, context: Context, name: string, proven: Proven): Promise<string> {
  const id = uuidv7();
  const { provider } = proven.credentials;
  await tx.cloudAccount.create({
    data: {
      id,
      userId: viewerOf(context).id,
      provider: providerOf[provider],
      name,
      ...(await columnsOf(tx, context.services.keyring, id, proven)),
    },
  });
  await audit(tx, context, 'account.connect', { type: 'cloud-account', id }, { provider, name });
  return id;
}

/**
 * Gives an account proven credentials of the same store in place of its own; the access token of the former ones goes, and
 * schedules that stopped for want of them go on.
 * CONFLICT for a disconnected account and for another store.
 *
 * @param field What of the input the credentials come from.
 */
export async function replaceCredentials(
  tx: DbSession,
  context: Context,
  { id }: CloudAccount,
  proven: Proven,
  field: string,
): Promise<void> {
  await resumeSchedules(tx, id);
  // Against a disconnection and another replacement at the same time.
  await tx.$queryRaw`SELECT 1 FROM cloud_account WHERE id = ${id}::uuid FOR UPDATE`;
  const account = connected(await tx.cloudAccount.findUniqueOrThrow({ where: { id } }));
  const columns = await columnsOf(tx, context.services.keyring, id, proven);
  const { provider } = proven.credentials;
  assertSameStore(
    { ...account, settings: account.settings as Settings },
    { provider: providerOf[provider], identity: columns.identity, settings: publicSettings(proven.credentials) },
    field,
  );
  await tx.accessToken.deleteMany({ where: { accountId: id } });
  await tx.cloudAccount.update({
    where: { id },
    data: { ...columns, status: 'CONNECTED', errorCode: null, errorMessage: null },
  });
  await audit(tx, context, 'account.update-credentials', { type: 'cloud-account', id }, { provider });
}
