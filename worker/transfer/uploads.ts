import { Prisma } from '../../core/db.ts';
import { AppError, toAppError } from '../../core/errors.ts';
import type { StorageProvider } from '../../storage/provider.ts';
import { type Engine, patiently } from './engine.ts';
import { type Item, uploadSessionSchema } from './item.ts';

/** Longest wait for the destination to drop an upload. */
const abortUploadMs = 10_000;
/** Uploads that one sweep drops. */
const sweepLimit = 20;
/** A destination that does not answer is asked again after so long, twice as long each time, up to an hour. */
const firstRetryMs = 30_000;
const lastRetryMs = 3_600_000;
/** Most clouds have dropped an upload by themselves by then. */
const keptDays = 7;

/**
 * Drops the upload that was begun for an object, so that nothing half-written stays behind. Where that fails, or the account
 * does not open, it is kept on record and dropped later: call this before the item forgets it. Never rejects but with the
 * reason of `stopping`.
 */
export async function dropUpload(
  { db, log, stopping }: Pick<Engine, 'db' | 'log' | 'stopping'>,
  accountId: string,
  provider: StorageProvider | undefined,
  item: Item,
): Promise<void> {
  if (item.checkpoint === null) return;
  const { session } = item.checkpoint;
  try {
    if (provider === undefined) throw new AppError('CREDENTIALS_INVALID', 'The account cannot be opened.');
    await provider.abortUpload(session, AbortSignal.timeout(abortUploadMs));
  } catch (error) {
    log.warn({ err: error, upload: session.id }, 'an upload could not be dropped, and is dropped later');
    const data = { accountId, session: session as unknown as Prisma.InputJsonObject };
    await patiently(stopping, () => db.abandonedUpload.create({ data }));
  }
}

/**
 * Drops uploads that could not be dropped when they were given up. Only those on record: what others began, and what a
 * paused transfer goes on with, is never touched. Any number of processes may do it. Returns whether there may be more.
 */
export async function sweepUploads({ db, log, accounts }: Pick<Engine, 'db' | 'log' | 'accounts'>): Promise<boolean> {
  // Taken by putting them off: a process that dies meanwhile leaves them to the next.
  const rows = await db.$queryRaw<{ id: bigint; accountId: string; updatedAt: Date; session: unknown; old: boolean }[]>`
    UPDATE abandoned_upload AS upload
    SET tries = tries + 1, next_try_at = now() + make_interval(
      secs => least(${firstRetryMs / 1_000}::float8 * 2 ^ least(tries, 20), ${lastRetryMs / 1_000}::float8)
    )
    FROM cloud_account AS account
    WHERE account.id = upload.account_id AND upload.id IN (
      SELECT id FROM abandoned_upload WHERE next_try_at <= now()
      ORDER BY next_try_at LIMIT ${sweepLimit} FOR UPDATE SKIP LOCKED
    )
    RETURNING upload.id, account.id AS "accountId", account.updated_at AS "updatedAt", upload.session,
      upload.created_at < now() - make_interval(days => ${keptDays}::int) AS old`;
  const dropped: bigint[] = [];
  for (const { id, accountId, updatedAt, session, old } of rows) {
    try {
      const account = await accounts.use({ id: accountId, updatedAt });
      try {
        const signal = AbortSignal.timeout(abortUploadMs);
        await account.provider.abortUpload(uploadSessionSchema.parse(session), signal);
        dropped.push(id);
      } finally {
        account.release();
      }
    } catch (error) {
      if (old) dropped.push(id);
      log.warn({ err: toAppError(error), accountId, old }, 'an abandoned upload could not be dropped');
    }
  }
  if (dropped.length > 0) await db.$executeRaw`DELETE FROM abandoned_upload WHERE id IN (${Prisma.join(dropped)})`;
  return rows.length === sweepLimit;
}
