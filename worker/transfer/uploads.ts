import { z } from 'zod';
import { type Db, Prisma } from '../../core/db.ts';
import { AppError, toAppError } from '../../core/errors.ts';
import type { Location, StorageProvider, UploadSession } from '../../storage/provider.ts';
import type { OpenAccount } from './accounts.ts';
import { leaseMs } from './checkpoint.ts';
import { type Engine, patiently } from './engine.ts';
import { uploadSessionSchema } from './item.ts';
import { wholeMaxBufferedBytes } from './parts.ts';
import type { AccountReference } from './take-batch.ts';

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
 * An upload of which nobody knows the id: its beginning was not answered, or whoever asked died before the answer was on
 * record. It was asked for within `lastedMs` before the row's date. Whoever goes on with its object begins the next one
 * `nextBeginMs` after that, or has it on record.
 */
const lostSchema = z.object({ container: z.string(), key: z.string(), lastedMs: z.number() });
const abandonedSchema = z.union([uploadSessionSchema, lostSchema]);
/**
 * From a beginning that was not answered to the next: more than how late a request that was cut off can be carried out,
 * and what clouds round times to on top of that.
 */
export const nextBeginMs = 4_000;
/** A request whose connection is gone may still be on its way through the cloud for so long. */
const carriedOutLateMs = 1_500;
/** A beginning is on record, or known to be lost, within so long: the request's time-out, and a write. */
const beginLastsMs = 75_000;

/**
 * Has uploads looked for that holders of batches may have begun before they died: a WITH part that inserts, behind one named
 * `returned` of batches that are taken back, with transfer_id, number, lease_until and whether somebody held them (was_held).
 * Holders showed the last sign of life less than a lease before `lease_until`; nobody goes on before the statement.
 */
export const lookForLostUploads = Prisma.sql`
  INSERT INTO abandoned_upload (account_id, session, created_at)
  SELECT transfer.destination_account_id, jsonb_build_object(
      'container', item.destination_container, 'key', item.destination_key,
      'lastedMs', ${beginLastsMs + leaseMs}::int + 1000 * extract(epoch FROM now() - returned.lease_until)
    ), now() - make_interval(secs => ${nextBeginMs / 1_000})
  FROM returned
  JOIN transfer ON transfer.id = returned.transfer_id
  CROSS JOIN LATERAL (
    -- Looked up for each batch: mostly there is none, and the items of all transfers are many.
    SELECT destination_container, destination_key FROM transfer_item
    WHERE transfer_id = returned.transfer_id AND batch_number = returned.number AND state IN ('PENDING', 'RUNNING')
      AND checkpoint IS NULL AND action = 'WRITE' AND size_bytes > ${wholeMaxBufferedBytes}::int OFFSET 0
  ) AS item
  WHERE returned.was_held`;

/** Sees to uploads at one destination that nobody goes on with. Its promises reject with the reason of `stopping` alone. */
export class AbandonedUploads {
  readonly #engine: Pick<Engine, 'db' | 'log' | 'stopping'>;
  readonly #accountId: string;
  readonly #provider: () => StorageProvider | undefined;

  /** `provider`: undefined where the account does not open. */
  constructor(
    engine: Pick<Engine, 'db' | 'log' | 'stopping'>,
    accountId: string,
    provider: () => StorageProvider | undefined,
  ) {
    this.#engine = engine;
    this.#accountId = accountId;
    this.#provider = provider;
  }

  /**
   * Drops an upload, so that nothing half-written stays behind. Where that fails, or the account does not open, it is kept on
   * record and dropped later: call this before the item forgets it.
   */
  async drop(session: UploadSession): Promise<void> {
    try {
      const provider = this.#provider();
      if (provider === undefined) throw new AppError('CREDENTIALS_INVALID', 'The account cannot be opened.');
      await provider.abortUpload(session, AbortSignal.timeout(abortUploadMs));
    } catch (error) {
      this.#engine.log.warn({ err: error, upload: session.id }, 'an upload could not be dropped, and is dropped later');
      await this.#record(session, 0);
    }
  }

  /** Has an upload looked for whose beginning was not answered within `lastedMs`. */
  async lost({ container, key }: Location, lastedMs: number): Promise<void> {
    await this.#record({ container, key, lastedMs }, nextBeginMs);
  }

  async #record(abandoned: z.infer<typeof abandonedSchema>, firstTryMs: number): Promise<void> {
    const { db, stopping } = this.#engine;
    // By the database's clock, as whoever sweeps asks.
    await patiently(
      stopping,
      () => db.$executeRaw`
        INSERT INTO abandoned_upload (account_id, session, next_try_at)
        VALUES (${this.#accountId}::uuid, ${JSON.stringify(abandoned)}::jsonb,
          now() + make_interval(secs => ${firstTryMs / 1_000}::float8))`,
    );
  }
}

interface OpensAccounts {
  use(reference: AccountReference): Promise<Pick<OpenAccount, 'provider' | 'release'>>;
}

/**
 * Drops uploads that could not be dropped when they were given up. Only those on record: what others began, and what a
 * paused transfer goes on with, is never touched. Any number of processes may do it. Returns whether there may be more.
 */
export async function sweepUploads({
  db,
  log,
  accounts,
}: Pick<Engine, 'db' | 'log'> & { accounts: OpensAccounts }): Promise<boolean> {
  const takenAt = performance.now();
  // Taken by putting them off: a process that dies meanwhile leaves them to the next.
  const rows = await db.$queryRaw<
    { id: bigint; accountId: string; updatedAt: Date; session: unknown; old: boolean; ageMs: number }[]
  >`
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
      upload.created_at < now() - make_interval(days => ${keptDays}::int) AS old,
      (1000 * extract(epoch FROM now() - upload.created_at))::float8 AS "ageMs"`;
  const dropped: bigint[] = [];
  for (const { id, accountId, updatedAt, session, old, ageMs } of rows) {
    try {
      const account = await accounts.use({ id: accountId, updatedAt });
      try {
        const signal = AbortSignal.timeout(abortUploadMs);
        const abandoned = abandonedSchema.parse(session);
        // Those before it may have taken long.
        const nowMs = ageMs + performance.now() - takenAt;
        const sessions =
          'id' in abandoned ? [abandoned] : await findLost(db, account.provider, abandoned, nowMs, signal);
        for (const upload of sessions) await account.provider.abortUpload(upload, signal);
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

/**
 * What was begun in its span of time and no object goes on with: whoever took over meanwhile, or another transfer to the same
 * name, began one as well. `ageMs`: since it went on record.
 */
async function findLost(
  db: Db,
  provider: StorageProvider,
  { container, key, lastedMs }: z.infer<typeof lostSchema>,
  ageMs: number,
  signal: AbortSignal,
): Promise<UploadSession[]> {
  const newestMs = Math.max(0, ageMs - carriedOutLateMs);
  const request = { container, key, oldestMs: ageMs + lastedMs, newestMs };
  const found = await provider.findUploads(request, signal);
  if (found.length === 0) return found;
  const kept = await db.$queryRaw<{ id: string }[]>`
    SELECT item.checkpoint #>> '{session,id}' AS id
    FROM transfer JOIN transfer_item AS item ON item.transfer_id = transfer.id
    WHERE transfer.finished_at IS NULL AND item.state IN ('PENDING', 'RUNNING') AND item.checkpoint IS NOT NULL
      AND item.destination_container = ${container} AND item.destination_key = ${key}`;
  const ids = new Set(kept.map(({ id }) => id));
  return found.filter(({ id }) => !ids.has(id));
}
