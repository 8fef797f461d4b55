import { type DbSession, databaseTime, type Transfer as TransferRow } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import {
  approveTransfer,
  cancelTransfer,
  minBandwidthLimit,
  pauseTransfer,
  publishControl,
  publishTransfer,
  resumeTransfer,
  submitTransfer,
  updateTransfer,
} from '../../queue/transfer.ts';
import { maxConcurrency } from '../../queue/transfer-options.ts';
import { type AuditAction, audit } from '../audit.ts';
import { builder } from '../builder.ts';
import { type Context, viewerOf } from '../context.ts';
import { attempt } from '../errors.ts';
import { createOnce, findReplay } from '../idempotency.ts';
import { type PayloadFields, type PayloadShape, userErrorsField } from './payload.ts';
import { ownTransfer, Transfer, TransferPriority } from './transfer.ts';
import { givenOptions } from './transfer-options.ts';
import { orderFields, orderOf, parseNewName } from './transfer-order.ts';

/** Furthest start time. */
const maxAheadMs = 366 * 24 * 3600 * 1000;

/** Of an input field of whatever orders a transfer. */
export const idempotencyKeyDescription =
  'Any text of 1 to 255 characters. A repetition within 24 hours with the same arguments returns the same transfer.';

export const transferOutput = (t: PayloadFields<PayloadShape<TransferRow>>) => ({
  transfer: t.field({
    type: Transfer,
    nullable: true,
    description: 'The transfer as it is now. null: see `userErrors`.',
    resolve: ({ result }) => result,
  }),
  userErrors: userErrorsField(t),
});

/** Tells subscribers and workers of a committed change. They find out by themselves too, so Redis may be away. */
export async function announce(context: Context, row: TransferRow): Promise<void> {
  const { redis } = context.services;
  try {
    await Promise.all([publishTransfer(redis, row), publishControl(redis, row.id)]);
  } catch (error) {
    context.log.warn({ err: error, transferId: row.id }, 'a change of a transfer could not be announced');
  }
}

async function assertStartAt(db: DbSession, startAt: Date | null | undefined): Promise<void> {
  if (startAt == null) return;
  const now = await databaseTime(db);
  if (startAt <= now) {
    throw new AppError('INVALID_INPUT', 'The start time is past. Leave it out to begin at once.', {
      field: ['startAt'],
    });
  }
  if (startAt.getTime() > now.getTime() + maxAheadMs) {
    throw new AppError('INVALID_INPUT', 'The start time is more than a year ahead.', { field: ['startAt'] });
  }
}

/** A mutation that orders a transfer: to be done, or to be planned first. */
function orderMutation(
  operation: 'createTransfer' | 'planTransfer',
  descriptions: { input: string; field: string; payload: string },
): void {
  builder.relayMutationField(
    operation,
    {
      description: descriptions.input,
      inputFields: (t) => ({
        ...orderFields(t),
        startAt: t.field({ type: 'DateTime', description: 'When to begin, at most a year ahead. Absent: at once.' }),
        idempotencyKey: t.string({ description: idempotencyKeyDescription }),
      }),
    },
    {
      description: descriptions.field,
      authScopes: { signedIn: true },
      resolve: (_root, { input }, context) => attempt(() => order(operation, input, context)),
    },
    { description: descriptions.payload, outputFields: transferOutput },
  );
}

type OrderInput = Parameters<typeof orderOf>[1] & {
  startAt?: Date | null | undefined;
  idempotencyKey?: string | null | undefined;
};

async function order(operation: string, input: OrderInput, context: Context): Promise<TransferRow> {
  const { db, config } = context.services;
  const { idempotencyKey, ...given } = {
    ...input,
    bandwidthLimit: input.bandwidthLimit?.toString(),
    options: givenOptions(input.options),
  };
  const request = {
    userId: viewerOf(context).id,
    key: idempotencyKey,
    operation,
    // What is null is as good as absent.
    arguments: Object.fromEntries(Object.entries(given).filter(([, value]) => value != null)),
    secret: config.AUTH_SECRET,
  };
  const known = await findReplay(db, request);
  if (known !== null) return db.transfer.findUniqueOrThrow({ where: { id: known } });
  await assertStartAt(context.services.db, input.startAt);
  const ordered = await orderOf(context, input);
  const { id, replayed } = await createOnce(db, request, async (tx) => {
    const dryRun = operation === 'planTransfer';
    const row = await submitTransfer(tx, { ...ordered, dryRun, startAt: input.startAt ?? undefined });
    await audit(tx, context, 'transfer.create', { type: 'transfer', id: row.id }, { name: row.name });
    return row.id;
  });
  const row = await db.transfer.findUniqueOrThrow({ where: { id } });
  if (!replayed) await announce(context, row);
  return row;
}

orderMutation('createTransfer', {
  input: 'What to move, from where to where.',
  field: 'Orders a transfer. Once it is answered it is kept: it will be done even if everything restarts.',
  payload: 'The ordered transfer.',
});
orderMutation('planTransfer', {
  input: 'What to plan, from where to where.',
  field:
    'Orders a dry run: both sides are listed, and what would be done with each object is kept as the items of a transfer that waits for `approveTransfer`. Nothing is moved or deleted before, and then exactly what was planned: an object that changed since fails.',
  payload: 'The transfer that is being planned.',
});

builder.relayMutationField(
  'updateTransfer',
  {
    description: 'What to change about a transfer. What is absent stays as it is.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'Id of the transfer.' }),
      name: t.string({ description: 'Its name, at most 200 characters. null: as it is.' }),
      priority: t.field({
        type: TransferPriority,
        description: 'How it is preferred among others that wait. null: as it is.',
      }),
      bandwidthLimit: t.field({
        type: 'ByteSize',
        description: `Bytes a second that pass through workers at the most, over all of them together; at least ${minBandwidthLimit}. null, given as such: no limit from now on.`,
      }),
      concurrency: t.int({
        description: `Objects under way at a time, over all workers, 1 to ${maxConcurrency}; of what is under way already, each worker ends the up to 200 objects that it has been given as before. null, given as such: no limit from now on.`,
      }),
    }),
  },
  {
    description:
      'Changes a transfer that has not ended; workers hold to another bandwidth limit within 2 s. CONFLICT once it has ended. Idempotent.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const before = await ownTransfer(context, String(input.id));
        const changes = {
          name: parseNewName(input.name),
          priority: input.priority ?? undefined,
          bandwidthLimit: input.bandwidthLimit,
          concurrency: input.concurrency,
        };
        const row = await context.services.db.$transaction(async (tx) => {
          const changed = await updateTransfer(tx, before.id, changes);
          await audit(tx, context, 'transfer.update', { type: 'transfer', id: before.id });
          return changed;
        });
        await announce(context, row);
        return row;
      }),
  },
  { description: 'The changed transfer.', outputFields: transferOutput },
);

/** A mutation that moves a transfer on in its life. */
function lifeCycleMutation(
  name: string,
  action: AuditAction,
  step: (tx: DbSession, transferId: string) => Promise<TransferRow>,
  descriptions: { input: string; field: string; payload: string },
): void {
  builder.relayMutationField(
    name,
    {
      description: descriptions.input,
      inputFields: (t) => ({ id: t.id({ required: true, description: 'Id of the transfer.' }) }),
    },
    {
      description: descriptions.field,
      authScopes: { signedIn: true },
      resolve: (_root, { input }, context) =>
        attempt(async () => {
          const before = await ownTransfer(context, String(input.id));
          const row = await context.services.db.$transaction(async (tx) => {
            const changed = await step(tx, before.id);
            await audit(tx, context, action, { type: 'transfer', id: before.id });
            return changed;
          });
          await announce(context, row);
          return row;
        }),
    },
    { description: descriptions.payload, outputFields: transferOutput },
  );
}

lifeCycleMutation('approveTransfer', 'transfer.approve', approveTransfer, {
  input: 'The transfer to approve.',
  field:
    'Lets a transfer that is AWAITING_APPROVAL begin: its plan is carried out, deletions beyond its limit included. CONFLICT in another state. Idempotent.',
  payload: 'The approved transfer.',
});
lifeCycleMutation('pauseTransfer', 'transfer.pause', pauseTransfer, {
  input: 'The transfer to pause.',
  field:
    'Stops a transfer that waits or runs; workers let go within 2 s and nothing that arrived is lost. CONFLICT once it has ended. Idempotent.',
  payload: 'The paused transfer.',
});
lifeCycleMutation('resumeTransfer', 'transfer.resume', resumeTransfer, {
  input: 'The transfer to resume.',
  field: 'Lets a paused transfer go on where it was. CONFLICT once it has ended. Idempotent.',
  payload: 'The resumed transfer.',
});
lifeCycleMutation('cancelTransfer', 'transfer.cancel', cancelTransfer, {
  input: 'The transfer to cancel.',
  field:
    'Ends a transfer for good; what arrived stays, unfinished uploads are dropped (Azure keeps blocks of a name that has no blob, unseen, for a week). CONFLICT once it has ended otherwise. Idempotent.',
  payload: 'The cancelled transfer.',
});
