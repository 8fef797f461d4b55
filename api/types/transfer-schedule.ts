import {
  type DbSession,
  databaseTime,
  lockUser,
  type Prisma,
  type TransferSchedule as ScheduleRow,
} from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { nextRun, nextRuns, type ScheduledOrder, scheduledOrderSchema } from '../../queue/schedule.ts';
import {
  assertBandwidthLimit,
  assertConcurrency,
  minBandwidthLimit,
  parseOrder,
  usableAccount,
} from '../../queue/transfer.ts';
import { maxConcurrency } from '../../queue/transfer-options.ts';
import { audit } from '../audit.ts';
import { builder } from '../builder.ts';
import { keysetPageById, pageCost } from '../connection.ts';
import { type Context, viewerOf } from '../context.ts';
import { attempt, storedError } from '../errors.ts';
import { idOfType, nilId } from '../global-id.ts';
import { createOnce, findReplay } from '../idempotency.ts';
import { CloudAccount } from './cloud-account.ts';
import { TransferError } from './error.ts';
import { type PayloadFields, type PayloadShape, userErrorsField } from './payload.ts';
import { Transfer, TransferPriority } from './transfer.ts';
import { TransferMode, TransferOptions } from './transfer-options.ts';
import { orderFields, orderOf, parseNewName } from './transfer-order.ts';
import { User } from './user.ts';

/** Most schedules of one user. */
export const maxSchedules = 200;
const mostRunsAhead = 20;
const usualRunsAhead = 5;

/** Throws INVALID_INPUT. */
function runsAhead(first: number | null | undefined): number {
  const count = first ?? usualRunsAhead;
  if (count >= 1 && count <= mostRunsAhead) return count;
  throw new AppError('INVALID_INPUT', `\`first\` must be between 1 and ${mostRunsAhead}.`);
}

/** The calendar is searched for them, which takes the API itself milliseconds. */
const runsCost = ({ first }: { first?: number | null | undefined }) => ({
  field: 50 + 2 * Math.min(Math.max(first ?? usualRunsAhead, 1), mostRunsAhead),
  multiplier: 1,
});

const orderIn = (row: ScheduleRow): ScheduledOrder => scheduledOrderSchema.parse(row.order);

const limitIn = ({ bandwidthLimit }: ScheduledOrder) => (bandwidthLimit === null ? null : BigInt(bandwidthLimit));
const cronDescription =
  'Five cron fields: minute, hour, day of the month, month, day of the week. `0 3 * * *` is every day at three, `*/15 * * * MON-FRI` every quarter of an hour on weekdays.';

export const TransferSchedule = builder.prismaNode('TransferSchedule', {
  description: 'A transfer that is ordered again and again. Each run is a transfer of its own.',
  id: { field: 'id', description: 'Opaque id of the schedule.' },
  nullable: true,
  findUnique: (id, { viewer }) => ({ id, userId: viewer?.id ?? nilId }),
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Name of the schedule and of its transfers.' }),
    cron: t.exposeString('cron', {
      description: 'When it runs, as five cron fields: minute, hour, day of the month, month, day of the week.',
    }),
    timeZone: t.exposeString('timeZone', { description: 'IANA name of the time zone in which `cron` is read.' }),
    isEnabled: t.exposeBoolean('enabled', {
      description: 'Whether it runs. One that cannot go on stops by itself: `error` says why.',
    }),
    nextRuns: t.field({
      type: ['DateTime'],
      description: 'When it runs next, soonest first. Empty while it is not enabled.',
      complexity: runsCost,
      args: { first: t.arg.int({ defaultValue: usualRunsAhead, description: `How many, 1 to ${mostRunsAhead}.` }) },
      resolve: ({ cron, timeZone, enabled }, { first }) => {
        const count = runsAhead(first);
        return enabled ? nextRuns(cron, timeZone, new Date(), count) : [];
      },
    }),
    lastRunAt: t.expose('lastRunAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ran last, whether or not that ordered a transfer. null: never.',
    }),
    error: t.field({
      type: TransferError,
      nullable: true,
      description:
        'Why it stopped by itself (an account was disconnected, a cloud refuses the credentials of one, its order can no longer be carried out), or while it is enabled: why its last run ordered nothing. null: nothing is wrong.',
      resolve: (row) => storedError(row.errorCode, row.errorMessage),
    }),
    source: t.relation('sourceAccount', { type: CloudAccount, description: 'Account that is read.' }),
    sourcePaths: t.stringList({ description: 'What is read.', resolve: (row) => orderIn(row).sourcePaths }),
    destination: t.relation('destinationAccount', { type: CloudAccount, description: 'Account that is written.' }),
    destinationPath: t.string({ description: 'Where it goes.', resolve: (row) => orderIn(row).destinationPath }),
    mode: t.field({
      type: TransferMode,
      description: 'What is done with the objects.',
      resolve: (row) => orderIn(row).mode,
    }),
    options: t.field({
      type: TransferOptions,
      description: 'What was chosen about its transfers.',
      resolve: (row) => orderIn(row).options,
    }),
    priority: t.field({
      type: TransferPriority,
      description: 'How its transfers are preferred among others that wait.',
      resolve: (row) => orderIn(row).priority,
    }),
    bandwidthLimit: t.field({
      type: 'ByteSize',
      nullable: true,
      description: 'Bytes a second that pass through workers at the most, for each of its transfers. null: no limit.',
      resolve: (row) => limitIn(orderIn(row)),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    transfers: t.connection(
      {
        type: Transfer,
        description: 'Transfers that it ordered, newest first.',
        complexity: pageCost,
        resolve: (schedule, args, { services }) =>
          keysetPageById(args, 'desc', ({ id, ...page }) =>
            services.db.transfer.findMany({ ...page, where: { scheduleId: schedule.id, userId: schedule.userId, id } }),
          ),
      },
      { description: "A page of a schedule's transfers." },
      { description: 'A transfer with its cursor.' },
    ),
  }),
});

builder.prismaObjectField(User, 'transferSchedules', (t) =>
  t.connection(
    {
      type: TransferSchedule,
      description: 'Schedules of the user, newest first.',
      complexity: pageCost,
      resolve: (user, args, { services }) =>
        keysetPageById(args, 'desc', ({ id, ...page }) =>
          services.db.transferSchedule.findMany({ ...page, where: { userId: user.id, id } }),
        ),
    },
    { description: "A page of a user's schedules." },
    { description: 'A schedule with its cursor.' },
  ),
);

builder.queryField('nextScheduleRuns', (t) =>
  t.field({
    type: ['DateTime'],
    description:
      'When a schedule would run from now on, soonest first. Empty: never. INVALID_INPUT for a cron expression or a time zone that is none.',
    complexity: runsCost,
    authScopes: { signedIn: true },
    args: {
      cron: t.arg.string({ required: true, description: cronDescription }),
      timeZone: t.arg.string({ required: true, description: 'IANA name, such as Europe/Berlin.' }),
      first: t.arg.int({ defaultValue: usualRunsAhead, description: `How many, 1 to ${mostRunsAhead}.` }),
    },
    resolve: (_root, { cron, timeZone, first }) => nextRuns(cron, timeZone, new Date(), runsAhead(first)),
  }),
);

const scheduleOutput = (t: PayloadFields<PayloadShape<ScheduleRow>>) => ({
  schedule: t.field({
    type: TransferSchedule,
    nullable: true,
    description: 'The schedule as it is now. null: see `userErrors`.',
    resolve: ({ result }) => result,
  }),
  userErrors: userErrorsField(t),
});

/** The viewer's schedule. Throws NOT_FOUND for anybody else's too. */
async function ownSchedule(context: Context, globalId: string): Promise<ScheduleRow> {
  const id = idOfType('TransferSchedule', globalId);
  const userId = viewerOf(context).id;
  const row = id === null ? null : await context.services.db.transferSchedule.findFirst({ where: { id, userId } });
  if (row === null) throw noSchedule();
  return row;
}

/** The schedule, locked until the transaction ends. Throws NOT_FOUND for one that is gone. */
async function lockSchedule(tx: DbSession, id: string): Promise<ScheduleRow> {
  await tx.$queryRaw`SELECT 1 FROM transfer_schedule WHERE id = ${id}::uuid FOR UPDATE`;
  const row = await tx.transferSchedule.findUnique({ where: { id } });
  if (row === null) throw noSchedule();
  return row;
}

/** What a request with an idempotency key made. Throws IDEMPOTENCY_KEY_REUSED where that was deleted since. */
async function madeSchedule(db: DbSession, id: string): Promise<ScheduleRow> {
  const row = await db.transferSchedule.findUnique({ where: { id } });
  if (row !== null) return row;
  const message = 'The schedule that was made with this idempotency key is deleted.';
  throw new AppError('IDEMPOTENCY_KEY_REUSED', message, { field: ['idempotencyKey'] });
}

const noSchedule = () => new AppError('NOT_FOUND', 'There is no such schedule.', { field: ['id'] });

builder.relayMutationField(
  'createTransferSchedule',
  {
    description: 'What to order, and when.',
    inputFields: (t) => ({
      ...orderFields(t),
      cron: t.string({ required: true, description: cronDescription }),
      timeZone: t.string({ defaultValue: 'UTC', description: 'IANA name, such as Europe/Berlin.' }),
      idempotencyKey: t.string({
        description:
          'Any text of 1 to 255 characters. A repetition within 24 hours with the same arguments returns the same schedule; IDEMPOTENCY_KEY_REUSED when that is deleted.',
      }),
    }),
  },
  {
    description:
      'Orders a transfer whenever the time comes. A run is left out while the transfer of the run before goes on; runs that were missed are made up for by one.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const { db, config } = context.services;
        const { idempotencyKey, cron, timeZone, ...given } = input;
        const ordered = await orderOf(context, given);
        const { userId, sourceAccountId, destinationAccountId } = ordered;
        const zone = timeZone ?? 'UTC';
        const request = {
          userId,
          key: idempotencyKey,
          operation: 'createTransferSchedule',
          arguments: { ...ordered, bandwidthLimit: ordered.bandwidthLimit?.toString(), cron, timeZone: zone },
          secret: config.AUTH_SECRET,
        };
        const known = await findReplay(db, request);
        if (known !== null) return madeSchedule(db, known);
        const nextRunAt = nextRun(cron, zone, await databaseTime(db));
        const { id } = await createOnce(db, request, async (tx) => {
          await lockUser(tx, userId);
          if ((await tx.transferSchedule.count({ where: { userId } })) >= maxSchedules) {
            throw new AppError('CONFLICT', `You have ${maxSchedules} schedules. Delete one first.`);
          }
          const { sourcePaths, options, mode } = await parseOrder(tx, ordered);
          const order = {
            sourcePaths,
            destinationPath: ordered.destinationPath,
            mode,
            options,
            priority: ordered.priority ?? 'NORMAL',
            bandwidthLimit: ordered.bandwidthLimit === undefined ? null : Number(ordered.bandwidthLimit),
          } satisfies ScheduledOrder;
          const row = await tx.transferSchedule.create({
            data: {
              userId,
              name: ordered.name ?? `${sourcePaths[0] ?? ''} to ${ordered.destinationPath}`.slice(0, 200),
              cron,
              timeZone: zone,
              sourceAccountId,
              destinationAccountId,
              order: order as unknown as Prisma.InputJsonObject,
              nextRunAt,
            },
          });
          await audit(tx, context, 'schedule.create', { type: 'transfer-schedule', id: row.id }, { name: row.name });
          return row.id;
        });
        return madeSchedule(db, id);
      }),
  },
  { description: 'The schedule that was made.', outputFields: scheduleOutput },
);

builder.relayMutationField(
  'updateTransferSchedule',
  {
    description: 'What to change about a schedule. What is absent stays as it is.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'Id of the schedule.' }),
      name: t.string({ description: 'Its name, at most 200 characters.' }),
      cron: t.string({ description: 'When it runs, as for `createTransferSchedule`.' }),
      timeZone: t.string({ description: 'IANA name of the time zone.' }),
      isEnabled: t.boolean({
        description:
          'Whether it runs. Runs that it missed are not made up for. true is a CONFLICT while one of its accounts is disconnected.',
      }),
      priority: t.field({
        type: TransferPriority,
        description: 'How its transfers from now on are preferred among others that wait.',
      }),
      bandwidthLimit: t.field({
        type: 'ByteSize',
        description: `Of its transfers from now on, in bytes a second; at least ${minBandwidthLimit}. null, given as such: no limit.`,
      }),
      concurrency: t.int({
        description: `Objects under way at a time, over all workers, of its transfers from now on; 1 to ${maxConcurrency}. null, given as such: no limit.`,
      }),
    }),
  },
  {
    description: 'Changes when a schedule runs, whether it does, its name, or how its transfers run. Idempotent.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const { id } = await ownSchedule(context, String(input.id));
        assertBandwidthLimit(input.bandwidthLimit);
        assertConcurrency(input.concurrency);
        const changedName = parseNewName(input.name);
        return context.services.db.$transaction(async (tx) => {
          const before = await lockSchedule(tx, id);
          const cron = input.cron ?? before.cron;
          const timeZone = input.timeZone ?? before.timeZone;
          const enabled = input.isEnabled ?? before.enabled;
          const next = nextRun(cron, timeZone, await databaseTime(tx));
          const isToggled = enabled !== before.enabled;
          if (isToggled && enabled) {
            await usableAccount(tx, before.userId, before.sourceAccountId, 'isEnabled');
            await usableAccount(tx, before.userId, before.destinationAccountId, 'isEnabled');
          }
          // A run that is due is not lost to a change of something else.
          const isRetimed = isToggled || cron !== before.cron || timeZone !== before.timeZone;
          const order: ScheduledOrder = { ...orderIn(before), ...(input.priority && { priority: input.priority }) };
          if (input.bandwidthLimit !== undefined) {
            order.bandwidthLimit = input.bandwidthLimit === null ? null : Number(input.bandwidthLimit);
          }
          if (input.concurrency !== undefined) order.options.concurrency = input.concurrency;
          await audit(tx, context, 'schedule.update', { type: 'transfer-schedule', id });
          return tx.transferSchedule.update({
            where: { id },
            data: {
              name: changedName ?? before.name,
              cron,
              timeZone,
              enabled,
              order: order as unknown as Prisma.InputJsonObject,
              ...(isRetimed && { nextRunAt: enabled ? next : null }),
              ...(isToggled && { errorCode: null, errorMessage: null }),
            },
          });
        });
      }),
  },
  { description: 'The changed schedule.', outputFields: scheduleOutput },
);

builder.relayMutationField(
  'deleteTransferSchedule',
  {
    description: 'The schedule to delete.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'Id of the schedule.' }) }),
  },
  {
    description: 'Deletes a schedule for good. Its transfers stay. NOT_FOUND when it is gone already.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const before = await ownSchedule(context, String(input.id));
        await context.services.db.$transaction(async (tx) => {
          await audit(tx, context, 'schedule.delete', { type: 'transfer-schedule', id: before.id });
          await tx.transferSchedule.deleteMany({ where: { id: before.id } });
        });
        return before;
      }),
  },
  { description: 'The schedule as it was.', outputFields: scheduleOutput },
);
