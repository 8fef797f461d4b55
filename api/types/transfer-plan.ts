import type { TransferAction as Action } from '../../core/db.ts';
import { type ErrorCode, errorCodes } from '../../core/errors.ts';
import { type Amount, planCheckpointSchema } from '../../queue/plan-checkpoint.ts';
import { builder } from '../builder.ts';
import { ErrorCodeEnum } from './error.ts';
import { Transfer } from './transfer.ts';

export const TransferAction = builder.enumType('TransferAction', {
  description: 'What is planned for an object.',
  values: {
    WRITE: { description: 'Written in place of whatever is there: nobody looked, because that did not matter.' },
    ADD: { description: 'Written where nothing was.' },
    REPLACE: { description: 'Written in place of the version that was there.' },
    SKIP: { description: 'Left alone.' },
    DELETE: { description: 'Deleted at the destination.' },
    COMPARE: { description: 'Held against what is at the destination.' },
  } as const,
});

export const TransferReason = builder.enumType('TransferReason', {
  description: 'Why this is planned for an object.',
  values: {
    ABSENT: { description: 'It is not at the destination.' },
    EXTRA: { description: 'It is not at the source.' },
    EXISTS: { description: 'It is at the destination already.' },
    NEWER: { description: 'It is newer at the source.' },
    NOT_NEWER: { description: 'It is not newer at the source.' },
    DIFFERENT_SIZE: { description: 'The sizes differ.' },
    DIFFERENT_HASH: { description: 'The hashes differ.' },
    SAME: { description: 'Hashes of both sides agree.' },
    NOT_COMPARABLE: {
      description:
        'Of one size, and neither listings nor looks give a hash of both sides; of VERIFY: the listings give none.',
    },
  } as const,
});

export const SourceRemoval = builder.enumType('SourceRemoval', {
  description: "What becomes of a moved object's source.",
  values: {
    PENDING: { description: 'Removed once the copy is verified.' },
    REMOVED: { description: 'Removed, after its copy was verified.' },
    KEPT: {
      description: 'Not removed, because there is no verified copy, or it changed since or is gone; `error` says why.',
    },
  } as const,
});

interface TotalShape extends Amount {
  action: Action | null;
  refusedFor: ErrorCode | null;
}

const PlanTotal = builder.objectRef<TotalShape>('PlanTotal').implement({
  description: 'Objects for which the same is planned, or that are refused for the same reason.',
  fields: (t) => ({
    action: t.expose('action', {
      type: TransferAction,
      nullable: true,
      description: 'What is planned for them. null: they are refused.',
    }),
    refusedFor: t.expose('refusedFor', {
      type: ErrorCodeEnum,
      nullable: true,
      description: 'Why nothing can be done about them. null: something can.',
    }),
    objects: t.exposeInt('objects', { description: 'How many they are.' }),
    bytes: t.field({
      type: 'ByteSize',
      description: 'Their size at the source; 0 for deletions.',
      resolve: ({ bytes }) => BigInt(bytes),
    }),
  }),
});

builder.prismaObjectField(Transfer, 'planTotals', (t) =>
  t.field({
    type: [PlanTotal],
    description:
      'What is planned so far, by action and by reason of refusal, largest number first. Complete once `progress.listingComplete` is true.',
    select: { planCheckpoint: true },
    resolve: ({ planCheckpoint }) => {
      const totals = planCheckpoint === null ? {} : planCheckpointSchema.parse(planCheckpoint).totals;
      return Object.entries(totals)
        .map(([name, amount]): TotalShape => {
          const isRefusal = (errorCodes as readonly string[]).includes(name);
          return {
            ...amount,
            action: isRefusal ? null : (name as Action),
            refusedFor: isRefusal ? (name as ErrorCode) : null,
          };
        })
        .toSorted((a, b) => b.objects - a.objects);
    },
  }),
);
