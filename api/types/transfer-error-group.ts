import type { ErrorCode } from '../../core/errors.ts';
import { openFailures } from '../../queue/follow-up.ts';
import { builder } from '../builder.ts';
import { presentationOf } from '../error-table.ts';
import { storedError } from '../errors.ts';
import { ErrorCodeEnum } from './error.ts';
import { Transfer } from './transfer.ts';

interface ErrorGroupShape {
  code: ErrorCode;
  objects: number;
  bytes: bigint;
  retriableObjects: number;
  examplePaths: string[];
  /** As told for one of them. */
  message: string;
  /** Whether it was told so for all of them. */
  isOneMessage: boolean;
}

/** What is true of all of them: the message that all have, or what the code means. */
function groupMessage({ code, message, isOneMessage }: ErrorGroupShape): string {
  if (!isOneMessage) return presentationOf(code).description;
  return storedError(code, message)?.message ?? '';
}

const TransferErrorGroup = builder.objectRef<ErrorGroupShape>('TransferErrorGroup').implement({
  description: 'Failed objects of a transfer that share a reason.',
  fields: (t) => ({
    code: t.expose('code', { type: ErrorCodeEnum, description: 'The reason, for programs.' }),
    objects: t.exposeInt('objects', { description: 'How many objects failed for it.' }),
    bytes: t.expose('bytes', { type: 'ByteSize', description: 'Their size at the source as listed.' }),
    retriableObjects: t.exposeInt('retriableObjects', {
      description:
        'How many of them `retryFailedItems` would try again: no follow-up has them already, and another try may end otherwise.',
    }),
    examplePaths: t.exposeStringList('examplePaths', {
      description: 'Paths of the first of them at the source, at most three: "bucket/key".',
    }),
    message: t.string({
      description: 'The reason, for people, as far as it is that of all of them.',
      resolve: groupMessage,
    }),
    remedy: t.string({
      description: 'What to do about it, for people.',
      resolve: (group) => storedError(group.code, group.message)?.remedy ?? '',
    }),
  }),
});

builder.prismaObjectField(Transfer, 'errorGroups', (t) =>
  t.field({
    type: [TransferErrorGroup],
    description: 'Failed objects by reason, most frequent first. Empty: none failed.',
    complexity: { field: 10, multiplier: 10 },
    resolve: async (transfer, _args, { services }) => {
      if (transfer.objectsFailed === 0n) return [];
      const { isOpen } = await openFailures(services.db, transfer);
      return services.db.$queryRaw<ErrorGroupShape[]>`
        WITH groups AS (
          SELECT coalesce(error_code, 'INTERNAL') AS code, count(*)::int AS objects, sum(size_bytes)::bigint AS bytes,
            count(*) FILTER (WHERE ${isOpen})::int AS retriable, (array_agg(ordinal ORDER BY ordinal))[1:3] AS first,
            coalesce(min(error_message COLLATE "C"), '') AS message,
            min(error_message COLLATE "C") IS NOT DISTINCT FROM max(error_message COLLATE "C") AS is_one_message
          FROM transfer_item AS item WHERE transfer_id = ${transfer.id}::uuid AND state = 'FAILED' GROUP BY 1
        )
        SELECT code, objects, bytes, retriable AS "retriableObjects", message, is_one_message AS "isOneMessage",
          ARRAY(
            SELECT source_container || '/' || source_key FROM transfer_item
            WHERE transfer_id = ${transfer.id}::uuid AND ordinal = ANY(first) ORDER BY ordinal
          ) AS "examplePaths"
        FROM groups ORDER BY objects DESC, code`;
    },
  }),
);
