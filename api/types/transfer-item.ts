import type { Db, TransferItem as ItemRow, Prisma, Transfer as TransferRow, TransferState } from '../../core/db.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { planCheckpointSchema } from '../../queue/plan-checkpoint.ts';
import { builder } from '../builder.ts';
import { keysetPage, pageCost, parseOrdinalKey } from '../connection.ts';
import { storedError } from '../errors.ts';
import { nilId } from '../global-id.ts';
import { effectiveState, type StoredEvidence, type StoredLeg, unfinished } from '../item-state.ts';
import { terminalStates } from '../live/transfer-feed.ts';
import { ErrorCodeEnum, TransferError } from './error.ts';
import { Transfer } from './transfer.ts';
import { TransferRoute } from './transfer-options.ts';
import { SourceRemoval, TransferAction, TransferReason } from './transfer-plan.ts';

const TransferItemState = builder.enumType('TransferItemState', {
  description: 'Where one object of a transfer stands.',
  values: {
    PENDING: { description: 'Waits for its turn.' },
    RUNNING: { description: 'Is being moved; in a paused transfer a cloud may still be at it by itself, see `route`.' },
    COMPLETED: { description: 'Arrived and was verified; see `evidence`.' },
    FAILED: { description: 'Failed for good; `error` says why. It can be retried.' },
    SKIPPED: { description: 'Need not be moved.' },
    CANCELLED: { description: 'Its transfer was cancelled before it had ended.' },
  } as const,
});

type ItemState = ItemRow['state'];

/** The states in the database of items that are shown in one of these. */
function storedStates(shown: readonly ItemState[], transferState: TransferState): ItemState[] {
  if (transferState !== 'CANCELLED') return [...shown];
  const ended = shown.filter((state) => !unfinished.includes(state));
  return shown.includes('CANCELLED') ? [...ended, ...unfinished] : ended;
}

/** Items whose transfer's state is in theirs already. */
const effective = new WeakSet<ItemRow>();

const EvidenceKind = builder.enumType('EvidenceKind', {
  description: 'How it is known that one side holds the bytes that were moved, strongest first.',
  values: {
    PROVIDER_HASH: {
      value: 'provider-hash',
      description:
        "The cloud's own hash of the whole object equals ours; where no bytes passed through us, the other cloud's.",
    },
    PER_PART_HASH: { value: 'per-part-hash', description: "The cloud's own hash of every part equals ours." },
    REREAD: { value: 'reread', description: 'The object was read again and its hash compared.' },
    ASSERTED: {
      value: 'asserted',
      description: "The cloud keeps a hash that it may not have checked, and it equals ours, or the other cloud's.",
    },
    SIZE_ONLY: { value: 'size-only', description: 'Only the size could be compared.' },
  } as const,
});

const EvidenceLeg = builder.objectRef<StoredLeg>('EvidenceLeg').implement({
  description: 'What one side says to the bytes that were moved.',
  fields: (t) => ({
    kind: t.expose('kind', { type: EvidenceKind, description: 'How strong the evidence is.' }),
    algorithm: t.string({
      nullable: true,
      description: 'Hash family, such as crc32c or md5. null: no hash.',
      resolve: (leg) => leg.algorithm ?? null,
    }),
    value: t.string({
      nullable: true,
      description: 'The hash in lower-case hex. null: none of the whole object.',
      resolve: (leg) => leg.value ?? null,
    }),
  }),
});

const TransferEvidence = builder.objectRef<StoredEvidence>('TransferEvidence').implement({
  description:
    'Why an object counts as moved: what was read against what the source says, what was sent against what the destination says; where clouds moved it by themselves, what each says against the other.',
  fields: (t) => ({
    source: t.expose('source', { type: EvidenceLeg, description: 'What the source vouches for.' }),
    destination: t.expose('destination', {
      type: EvidenceLeg,
      description: 'What the destination vouches for.',
    }),
    verified: t.exposeBoolean('verified', { description: 'Whether both sides agree by more than size.' }),
  }),
});

export const TransferItem = builder.prismaNode('TransferItem', {
  description: 'One object of a transfer.',
  id: { resolve: (item) => `${item.transferId}:${item.ordinal}`, description: 'Opaque id of the item.' },
  nullable: true,
  findUnique: (id, { viewer }) => {
    const [transferId = nilId, ordinal = ''] = id.split(':');
    return {
      transferId_ordinal: { transferId, ordinal: parseOrdinalKey(ordinal) ?? 0 },
      transfer: { userId: viewer?.id ?? nilId },
    };
  },
  fields: (t) => ({
    ordinal: t.exposeInt('ordinal', { description: 'Place in the order of listing, from 0.' }),
    state: t.field({
      type: TransferItemState,
      description: 'Where it stands.',
      resolve: async (item, _args, { services }) => {
        if (effective.has(item) || !unfinished.includes(item.state)) return item.state;
        // Prisma makes one query of those of a moment.
        const transfer = await services.db.transfer.findUnique({
          where: { id: item.transferId },
          select: { state: true },
        });
        return effectiveState(item.state, transfer?.state);
      },
    }),
    action: t.expose('action', { type: TransferAction, description: 'What is planned for it.' }),
    reason: t.expose('reason', {
      type: TransferReason,
      nullable: true,
      description: 'Why. null: nobody looked at the destination.',
    }),
    sourceRemoval: t.expose('sourceRemoval', {
      type: SourceRemoval,
      nullable: true,
      description: 'What becomes of its source. null: it stays, because this is no move.',
    }),
    modifiedAt: t.expose('modifiedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last modified at the source, as listed. null: the listing does not say.',
    }),
    sourcePath: t.string({
      description: 'Where it is read: "bucket/key".',
      resolve: (item) => `${item.sourceContainer}/${item.sourceKey}`,
    }),
    destinationPath: t.string({
      description: 'Where it is written: "bucket/key".',
      resolve: (item) => `${item.destinationContainer}/${item.destinationKey}`,
    }),
    size: t.expose('sizeBytes', { type: 'ByteSize', description: 'Size at the source as listed.' }),
    acknowledgedBytes: t.expose('acknowledgedBytes', {
      type: 'ByteSize',
      description: 'Bytes of it that the destination has acknowledged.',
    }),
    attempts: t.exposeInt('attempts', { description: 'How often it was tried so far.' }),
    route: t.expose('route', {
      type: TransferRoute,
      nullable: true,
      description:
        'How it was moved, or is being moved. null: it was not tried yet, or it is a folder. What a cloud moves by itself cannot be called back: when its transfer is paused or cancelled meanwhile, it may still arrive whole.',
    }),
    fallbackCode: t.field({
      type: ErrorCodeEnum,
      nullable: true,
      description:
        'Why it was not moved by a better route that both accounts are able to: what trying that led to, for this object or others before it. null: there is no better one.',
      resolve: (item) => item.fallbackCode as ErrorCode | null,
    }),
    droppedTags: t.exposeStringList('droppedTags', {
      description:
        'Names of tags of the source that the destination does not take and that were left behind. Empty too where tags were not to travel, or the destination has none at all: see `fidelity`.',
    }),
    evidence: t.field({
      type: TransferEvidence,
      nullable: true,
      description: 'Why it counts as moved. null: it is not completed.',
      resolve: (item) => item.evidence as unknown as StoredEvidence | null,
    }),
    error: t.field({
      type: TransferError,
      nullable: true,
      description: 'Why it failed, or why its last try did. null: it did not.',
      resolve: (item) => storedError(item.errorCode, item.errorMessage),
    }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was first tried. null: not yet.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended. null: not yet, or it was cancelled.',
    }),
  }),
});

/** Ordinals that are looked through for a page at first. Each further stretch is sixteen times as long. */
const firstStretch = 256;
const ordinalEnd = 2 ** 31 - 1;

/**
 * Items of a transfer within a range. Postgres is asked for stretches with both bounds, as ordinals have few gaps: what it
 * does not know of a new transfer yet can then not mislead it to read all that remains for each page.
 */
async function itemsWithin(
  db: Db,
  { id: transferId, planCheckpoint }: Pick<TransferRow, 'id' | 'planCheckpoint'>,
  where: Prisma.TransferItemWhereInput,
  { range, order, take }: { range: { gt?: number; lt?: number }; order: 'asc' | 'desc'; take: number },
): Promise<ItemRow[]> {
  const end = planCheckpoint === null ? ordinalEnd : planCheckpointSchema.parse(planCheckpoint).nextOrdinal;
  const rows: ItemRow[] = [];
  let from = (range.gt ?? -1) + 1;
  let to = Math.min(range.lt ?? ordinalEnd, end);
  for (let length = firstStretch; from < to && rows.length < take; length *= 16) {
    const [gte, lt] = order === 'asc' ? [from, Math.min(from + length, to)] : [Math.max(to - length, from), to];
    const found = await db.transferItem.findMany({
      where: { ...where, transferId, ordinal: { gte, lt } },
      orderBy: { ordinal: order },
      take: take - rows.length,
    });
    rows.push(...found);
    if (order === 'asc') from = lt;
    else to = gte;
  }
  return rows;
}

builder.prismaObjectFields(Transfer, (t) => ({
  items: t.connection(
    {
      type: TransferItem,
      description: 'Objects of the transfer in the order of listing, as far as they were listed.',
      complexity: pageCost,
      args: {
        states: t.arg({
          type: [TransferItemState],
          description: 'Only objects in one of these states. Absent or null: all.',
        }),
        actions: t.arg({
          type: [TransferAction],
          description: 'Only objects for which one of these is planned. Absent or null: all.',
        }),
        errorCodes: t.arg({
          type: [ErrorCodeEnum],
          description: 'Only objects with one of these as the code of their `error`. Absent or null: all.',
        }),
        sourceRemovals: t.arg({
          type: [SourceRemoval],
          description:
            'Of a move: only objects whose source became, or is to become, one of these. Absent or null: all.',
        }),
      },
      resolve: (transfer, args, { services }) =>
        keysetPage<ItemRow, number>(args, {
          direction: 'asc',
          keyOf: (item) => item.ordinal,
          parseKey: parseOrdinalKey,
          fetch: async (page) => {
            const where = {
              ...(args.states ? { state: { in: storedStates(args.states, transfer.state) } } : {}),
              ...(args.actions ? { action: { in: args.actions } } : {}),
              ...(args.errorCodes ? { errorCode: { in: args.errorCodes } } : {}),
              ...(args.sourceRemovals ? { sourceRemoval: { in: args.sourceRemovals } } : {}),
            };
            const rows = await itemsWithin(services.db, transfer, where, page);
            return rows.map((row) => {
              const item = { ...row, state: effectiveState(row.state, transfer.state) };
              effective.add(item);
              return item;
            });
          },
        }),
    },
    { description: "A page of a transfer's objects." },
    { description: 'An object of a transfer with its cursor.' },
  ),
  sourcesKept: t.int({
    nullable: true,
    description:
      'Of a move that has ended: how many sources were kept, because their copies failed or could not be verified, they changed since, or could not be removed. What the plan refused is not among them. null: it is no move, or goes on.',
    complexity: 10,
    resolve: ({ id, mode, state }, _args, { services }) =>
      mode === 'MOVE' && terminalStates.includes(state)
        ? services.db.transferItem.count({ where: { transferId: id, sourceRemoval: 'KEPT' } })
        : null,
  }),
}));

builder.prismaObjectField(TransferItem, 'collidesWith', (t) =>
  t.field({
    type: TransferItem,
    nullable: true,
    description:
      'The object of the same transfer that has its name at the destination, for which it was refused with NAME_COLLISION. null: none has; what is in its way was at the destination before, or is an object of the transfer that this one retries.',
    complexity: 2,
    resolve: ({ transferId, collidesWith }, _args, { services }) =>
      collidesWith === null
        ? null
        : // Prisma makes one query of those of a moment.
          services.db.transferItem.findUnique({ where: { transferId_ordinal: { transferId, ordinal: collidesWith } } }),
  }),
);
