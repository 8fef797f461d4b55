import { Cron } from 'croner';
import { z } from 'zod';
import { type Db, type DbSession, databaseTime, type Transfer, type TransferSchedule } from '../core/db.ts';
import { AppError, toAppError } from '../core/errors.ts';
import { submitTransfer } from './transfer.ts';
import { transferOptionsSchema } from './transfer-options.ts';

/** Longest cron expression, in characters. */
const maxCronLength = 100;

/** What a schedule orders with each run, besides its accounts. */
export const scheduledOrderSchema = z.object({
  sourcePaths: z.array(z.string()),
  destinationPath: z.string(),
  mode: z.enum(['COPY', 'MOVE', 'SYNC', 'VERIFY']),
  options: transferOptionsSchema,
  priority: z.enum(['LOW', 'NORMAL', 'HIGH']),
  /** Bytes a second; null: no limit. */
  bandwidthLimit: z.number().int().nullable().default(null),
});
export type ScheduledOrder = z.infer<typeof scheduledOrderSchema>;

/**
 * Moments at which a schedule fires after `after`, at most `count`. A cron expression has five fields (minute, hour, day of the month,
 * month, day of the week), read in the time zone: an hour that a change of the clocks leaves out is made up for, and one
 * that comes twice counts once. Throws INVALID_INPUT, with `field`, for an expression or a zone that is none.
 */
export function nextRuns(cron: string, timeZone: string, after: Date, count: number): Date[] {
  if (!isTimeZone(timeZone)) {
    const message = `'${timeZone.slice(0, 100)}' is not a time zone. Write its IANA name, such as Europe/Berlin or UTC.`;
    throw new AppError('INVALID_INPUT', message, { field: ['timeZone'] });
  }
  try {
    if (cron.length > maxCronLength) throw new Error('it is too long');
    // The parser takes words such as @daily, too.
    if (cron.trim().split(/\s+/).length !== 5) throw new Error('it has not five fields');
    return new Cron(cron, { timezone: timeZone, paused: true, mode: '5-part' }).nextRuns(count, after);
  } catch (cause) {
    const message = `'${cron.slice(0, maxCronLength)}' is not a cron expression. Write five fields: minute, hour, day of the month, month, day of the week; such as 0 3 * * * for every day at three.`;
    throw new AppError('INVALID_INPUT', message, { field: ['cron'], cause });
  }
}

/** The next moment after `after`. Throws INVALID_INPUT for an expression that never fires, too. */
export function nextRun(cron: string, timeZone: string, after: Date): Date {
  const [next] = nextRuns(cron, timeZone, after, 1);
  if (next) return next;
  const message = `'${cron}' never fires: there is no such day.`;
  throw new AppError('INVALID_INPUT', message, { field: ['cron'] });
}

/** A name that Intl knows. It takes offsets, too, which know nothing of daylight saving. */
function isTimeZone(timeZone: string): boolean {
  if (/^[+-]/.test(timeZone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return true;
  } catch {
    return false;
  }
}

const endStates: readonly Transfer['state'][] = ['COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED', 'CANCELLED'];

/**
 * Orders what is due, at most one schedule a call; returns the transfer, null where the run ordered none, undefined when nothing
 * is due. Any number of processes may call it. Runs that were missed, because nothing ran, are made up for by one. While
 * the transfer of the last run goes on, a run is left out. A schedule that cannot be ordered, or never fires again, is no
 * longer enabled, and says why.
 */
export async function runDueSchedule(db: Db): Promise<Transfer | null | undefined> {
  return db.$transaction(async (tx) => {
    // The database's clock says what is due and what comes next: by another one, a run might never be over.
    const [due] = await tx.$queryRaw<{ id: string; now: Date }[]>`
      SELECT id, now() AS now FROM transfer_schedule WHERE enabled AND next_run_at <= now()
      ORDER BY next_run_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
    if (!due) return undefined;
    const schedule = await tx.transferSchedule.findUniqueOrThrow({ where: { id: due.id } });
    const moment = momentAfter(schedule, due.now);
    const run: Run = 'error' in moment ? moment : await orderRun(tx, schedule);
    const nextRunAt = 'error' in run || 'error' in moment ? null : moment.next;
    await tx.transferSchedule.update({
      where: { id: schedule.id },
      data: {
        enabled: nextRunAt !== null,
        nextRunAt,
        lastRunAt: due.now,
        ...('transfer' in run && { lastTransferId: run.transfer.id }),
        ...reasonOf('transfer' in run ? null : 'error' in run ? run.error : run.leftOut),
      },
    });
    return 'transfer' in run ? run.transfer : null;
  });
}

/** Time zones come and go with the machine's data of them. A schedule that cannot be read stops, or it would hold up all others. */
function momentAfter({ cron, timeZone }: TransferSchedule, now: Date): { next: Date } | { error: AppError } {
  try {
    return { next: nextRun(cron, timeZone, now) };
  } catch (cause) {
    return { error: toAppError(cause) };
  }
}

/** What becomes of a run. After an error every other run would have the same. */
type Run = { transfer: Transfer } | { leftOut: AppError } | { error: AppError };

const reasonOf = (error: AppError | null) => ({
  errorCode: error?.code ?? null,
  errorMessage: error?.message ?? null,
});

async function orderRun(tx: DbSession, schedule: TransferSchedule): Promise<Run> {
  const { id, userId, name, sourceAccountId, destinationAccountId, lastTransferId } = schedule;
  const last = lastTransferId && (await tx.transfer.findUnique({ where: { id: lastTransferId } }));
  if (last && !endStates.includes(last.state)) {
    return {
      leftOut: new AppError('CONFLICT', 'The transfer of the run before had not ended, so this run was left out.'),
    };
  }
  try {
    // Checks what can be wrong before it writes, so that an error leaves the transaction usable.
    const { bandwidthLimit: limit, ...order } = scheduledOrderSchema.parse(schedule.order);
    const bandwidthLimit = limit === null ? undefined : BigInt(limit);
    const accounts = { sourceAccountId, destinationAccountId };
    return {
      transfer: await submitTransfer(tx, { userId, name, scheduleId: id, ...accounts, ...order, bandwidthLimit }),
    };
  } catch (cause) {
    if (!(cause instanceof AppError || cause instanceof z.ZodError)) throw cause;
    return { error: toAppError(cause) };
  }
}

const ofAccount = (id: string) => ({ OR: [{ sourceAccountId: id }, { destinationAccountId: id }] });

/**
 * Stops the schedules of an account that is to be disconnected. Before its caller locks the account: a run locks its schedule
 * first, and its accounts then.
 */
export async function stopSchedules(tx: DbSession, account: { id: string; name: string }): Promise<void> {
  const message = `The account '${account.name}' is disconnected for good. Connect the cloud as a new account and make a new schedule with that.`;
  await tx.transferSchedule.updateMany({
    where: { enabled: true, ...ofAccount(account.id) },
    data: { enabled: false, nextRunAt: null, ...reasonOf(new AppError('CONFLICT', message)) },
  });
}

/**
 * Has the schedules of an account go on that stopped because a cloud refused credentials (a trigger of transfer). Before its
 * caller locks the account, as for `stopSchedules`.
 */
export async function resumeSchedules(tx: DbSession, accountId: string): Promise<void> {
  const now = await databaseTime(tx);
  const stopped = await tx.transferSchedule.findMany({
    where: { enabled: false, errorCode: 'CREDENTIALS_INVALID', ...ofAccount(accountId) },
  });
  for (const schedule of stopped) {
    const moment = momentAfter(schedule, now);
    if ('error' in moment) continue;
    await tx.transferSchedule.updateMany({
      where: { id: schedule.id },
      data: { enabled: true, nextRunAt: moment.next, ...reasonOf(null) },
    });
  }
}
