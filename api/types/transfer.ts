import { queryFromInfo } from '@pothos/plugin-prisma';
import type { Transfer as TransferRow } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { canRetryFailed } from '../../queue/failures.ts';
import { toProgress } from '../../queue/transfer.ts';
import { transferOptionsSchema } from '../../queue/transfer-options.ts';
import { builder } from '../builder.ts';
import { keysetPageById, pageCost } from '../connection.ts';
import { type Context, viewerOf } from '../context.ts';
import { storedError } from '../errors.ts';
import { idOfType, nilId } from '../global-id.ts';
import { CloudAccount } from './cloud-account.ts';
import { TransferError } from './error.ts';
import { TransferMode, TransferOptions } from './transfer-options.ts';
import { TransferProgress, TransferState } from './transfer-progress.ts';
import { User } from './user.ts';

export const TransferPriority = builder.enumType('TransferPriority', {
  description: 'How a transfer is preferred among others that wait.',
  values: {
    LOW: { description: 'After others.' },
    NORMAL: { description: 'The usual share.' },
    HIGH: { description: 'Before others. Lower ones still get their share.' },
  } as const,
});

export const Transfer = builder.prismaNode('Transfer', {
  description: 'One order to move objects from one cloud account to another.',
  id: { field: 'id', description: 'Opaque id of the transfer.' },
  nullable: true,
  findUnique: (id, { viewer }) => ({ id, userId: viewer?.id ?? nilId }),
  authScopes: (transfer) => ({ owner: transfer.userId }),
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Name of the transfer: as given, or made from its paths.' }),
    state: t.expose('state', { type: TransferState, description: 'Where it stands.' }),
    priority: t.expose('priority', {
      type: TransferPriority,
      description: 'How it is preferred among others that wait.',
    }),
    source: t.relation('sourceAccount', { type: CloudAccount, description: 'Account that is read.' }),
    sourcePaths: t.exposeStringList('sourcePaths', {
      description: '1 to 1000 paths: "bucket/key" an object, "bucket/folder/" a folder, "bucket/" all of a bucket.',
    }),
    destination: t.relation('destinationAccount', { type: CloudAccount, description: 'Account that is written.' }),
    destinationPath: t.exposeString('destinationPath', {
      description: '"bucket/" or "bucket/folder/": a folder among the sources appears below it under its own name.',
    }),
    mode: t.expose('mode', { type: TransferMode, description: 'What is done with the objects.' }),
    options: t.field({
      type: TransferOptions,
      description: 'What was chosen about it.',
      resolve: ({ options }) => transferOptionsSchema.parse(options),
    }),
    isDryRun: t.exposeBoolean('dryRun', {
      description: 'Whether it was planned before it was approved, and is carried out exactly as planned.',
    }),
    approvedAt: t.expose('approvedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was approved. null: not yet, or nothing asked for it.',
    }),
    bandwidthLimit: t.expose('bandwidthLimit', {
      type: 'ByteSize',
      nullable: true,
      description:
        'Bytes a second that pass through workers at the most, over all of them together. What clouds move by themselves is not held to it. null: no limit.',
    }),
    canApprove: t.boolean({
      description: 'Whether `approveTransfer` would change it.',
      resolve: ({ state }) => state === 'AWAITING_APPROVAL',
    }),
    startAt: t.expose('startAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Not begun earlier. null: begun at once.',
    }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a worker began. null: not yet.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended. null: not yet.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was ordered.' }),
    progress: t.field({ type: TransferProgress, description: 'Its counters now.', resolve: (row) => toProgress(row) }),
    error: t.field({
      type: TransferError,
      nullable: true,
      description:
        'Why it ended without doing all it should: where causes differ, that of the first object that failed, and `errorGroups` has them all. null: it did all.',
      resolve: (row) => storedError(row.errorCode, row.errorMessage),
    }),
    canPause: t.boolean({
      description: 'Whether `pauseTransfer` would change it.',
      resolve: ({ state }) => isOneOf(state, ['SCHEDULED', 'QUEUED', 'PLANNING', 'RUNNING']),
    }),
    canResume: t.boolean({
      description: 'Whether `resumeTransfer` would change it.',
      resolve: ({ state }) => state === 'PAUSED',
    }),
    canCancel: t.boolean({
      description: 'Whether `cancelTransfer` would change it.',
      resolve: ({ state }) =>
        isOneOf(state, ['SCHEDULED', 'QUEUED', 'PLANNING', 'AWAITING_APPROVAL', 'RUNNING', 'PAUSED']),
    }),
    canRetryFailed: t.boolean({
      description: 'Whether `retryFailedItems`, without a filter, would make a follow-up.',
      resolve: (row, _args, { services }) => canRetryFailed(services.db, row),
    }),
  }),
});

function isOneOf(state: TransferRow['state'], states: readonly TransferRow['state'][]): boolean {
  return states.includes(state);
}

/** The viewer's transfer. Throws NOT_FOUND for anybody else's too. */
export async function ownTransfer(context: Context, globalId: string, field = 'id'): Promise<TransferRow> {
  const id = idOfType('Transfer', globalId);
  const row =
    id === null ? null : await context.services.db.transfer.findFirst({ where: { id, userId: viewerOf(context).id } });
  if (row === null) throw new AppError('NOT_FOUND', 'There is no such transfer.', { field: [field] });
  return row;
}

builder.queryField('transfer', (t) =>
  t.prismaField({
    type: Transfer,
    nullable: true,
    description: "One of the viewer's transfers. null: there is none of this id, or it belongs to someone else.",
    authScopes: { signedIn: true },
    args: { id: t.arg.id({ required: true, description: 'Id of the transfer.' }) },
    resolve: (query, _root, args, context) => {
      const id = idOfType('Transfer', String(args.id));
      if (id === null) return null;
      return context.services.db.transfer.findFirst({ ...query, where: { id, userId: viewerOf(context).id } });
    },
  }),
);

builder.prismaObjectField(User, 'transfers', (t) =>
  t.connection(
    {
      type: Transfer,
      description: 'Transfers of the user, newest first.',
      complexity: pageCost,
      args: {
        states: t.arg({
          type: [TransferState],
          description: 'Only transfers in one of these states. Absent or null: all.',
        }),
        isScheduled: t.arg.boolean({
          description:
            'true: only transfers that a schedule ordered. false: only others. Absent or null: both. Those of one schedule are its `transfers`.',
        }),
      },
      resolve: (user, args, context, info) => {
        // What the rows refer to comes with them, instead of by a query each.
        const { include } = queryFromInfo({ context, info, paths: [['nodes'], ['edges', 'node']] });
        return keysetPageById(args, 'desc', ({ id, ...page }) =>
          context.services.db.transfer.findMany({
            ...page,
            ...(include && { include }),
            where: {
              ...{ userId: user.id, id },
              ...(args.states ? { state: { in: args.states } } : {}),
              ...(args.isScheduled == null ? {} : { scheduleId: args.isScheduled ? { not: null } : null }),
            },
          }),
        );
      },
    },
    { description: "A page of a user's transfers." },
    { description: 'A transfer with its cursor.' },
  ),
);
