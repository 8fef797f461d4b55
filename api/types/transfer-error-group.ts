import { type Failures, failuresOf } from '../../queue/failures.ts';
import { builder } from '../builder.ts';
import { presentationOf } from '../error-table.ts';
import { storedError } from '../errors.ts';
import { ErrorCodeEnum } from './error.ts';
import { Transfer } from './transfer.ts';

interface ErrorGroup extends Failures {
  transferId: string;
}

/** Objects that are named for a reason, at the most. */
const mostExamples = 3;

/** What is true of all of them: the message that all have, or what the code means. */
function groupMessage({ code, message }: ErrorGroup): string {
  return message === null ? presentationOf(code).description : (storedError(code, message)?.message ?? '');
}

const TransferErrorGroup = builder.objectRef<ErrorGroup>('TransferErrorGroup').implement({
  description: 'Failed objects of a transfer that share a reason.',
  fields: (t) => ({
    code: t.expose('code', { type: ErrorCodeEnum, description: 'The reason, for programs.' }),
    objects: t.exposeInt('objects', { description: 'How many objects failed for it.' }),
    bytes: t.expose('bytes', { type: 'ByteSize', description: 'Their size at the source as listed.' }),
    retriableObjects: t.exposeInt('open', {
      description:
        'How many of them `retryFailedItems` would try again: no follow-up has them already, and another try may end otherwise.',
    }),
    examplePaths: t.stringList({
      description:
        'Paths of the first of them, at most three: "bucket/key" at the source, or at the destination of what is not at the source.',
      resolve: async ({ transferId, code }, _args, { services }) => {
        const examples = await services.db.transferItem.findMany({
          where: { transferId, errorCode: code, state: 'FAILED' },
          orderBy: { ordinal: 'asc' },
          take: mostExamples,
          select: {
            reason: true,
            sourceContainer: true,
            sourceKey: true,
            destinationContainer: true,
            destinationKey: true,
          },
        });
        return examples.map(({ reason, ...item }) =>
          reason === 'EXTRA'
            ? `${item.destinationContainer}/${item.destinationKey}`
            : `${item.sourceContainer}/${item.sourceKey}`,
        );
      },
    }),
    message: t.string({
      description: 'The reason, for people, as far as it is that of all of them.',
      resolve: groupMessage,
    }),
    remedy: t.string({
      description: 'What to do about it, for people.',
      resolve: ({ code, message }) => storedError(code, message ?? '')?.remedy ?? '',
    }),
  }),
});

builder.prismaObjectField(Transfer, 'errorGroups', (t) =>
  t.field({
    type: [TransferErrorGroup],
    description: 'Failed objects by reason, most frequent first. Empty: none failed.',
    complexity: { field: 10, multiplier: 10 },
    resolve: async (transfer, _args, { services }) => {
      const failures = await failuresOf(services.db, transfer);
      return failures.map((failure) => ({ ...failure, transferId: transfer.id }));
    },
  }),
);
