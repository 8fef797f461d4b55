import { maxRetryPaths, retryFailedItems } from '../../queue/follow-up.ts';
import { maxGlobLength } from '../../queue/transfer-options.ts';
import { audit } from '../audit.ts';
import { builder } from '../builder.ts';
import { keysetPageById, pageCost } from '../connection.ts';
import { viewerOf } from '../context.ts';
import { attempt } from '../errors.ts';
import { createOnce, findReplay } from '../idempotency.ts';
import { ErrorCodeEnum } from './error.ts';
import { ownTransfer, Transfer } from './transfer.ts';
import { announce, idempotencyKeyDescription, transferOutput } from './transfer-mutations.ts';

builder.prismaObjectFields(Transfer, (t) => ({
  retryOf: t.field({
    type: Transfer,
    nullable: true,
    description: 'The transfer whose failed objects it tries again. null: it was ordered anew, or that one is gone.',
    select: { retryOfId: true, userId: true },
    resolve: ({ retryOfId, userId }, _args, { services }) =>
      retryOfId === null ? null : services.db.transfer.findFirst({ where: { id: retryOfId, userId } }),
  }),
  followUps: t.connection(
    {
      type: Transfer,
      description: 'Transfers that try its failed objects again, newest first; see `retryFailedItems`.',
      complexity: pageCost,
      resolve: (transfer, args, { services }) =>
        keysetPageById(args, 'desc', ({ id, ...page }) =>
          services.db.transfer.findMany({ ...page, where: { retryOfId: transfer.id, userId: transfer.userId, id } }),
        ),
    },
    { description: "A page of a transfer's follow-ups." },
    { description: 'A follow-up with its cursor.' },
  ),
}));

const FailedItemFilterInput = builder.inputType('FailedItemFilterInput', {
  description: 'Which failed objects are meant. What is absent, null or empty does not matter.',
  fields: (t) => ({
    errorCodes: t.field({
      type: [ErrorCodeEnum],
      description: 'Objects that failed for one of these reasons.',
    }),
    paths: t.stringList({
      description: `Objects whose path, "bucket/key" at the source, or at the destination of what is not at the source, matches one of up to ${maxRetryPaths} globs of at most ${maxGlobLength} characters: \`*\` and \`?\` within a name, \`**\` across folders, as in \`bucket/folder/**\`.`,
    }),
  }),
});

builder.relayMutationField(
  'retryFailedItems',
  {
    description:
      'Which failed objects of which transfer to try again. Deletions of a mirror that were left out because not everything could be listed count among them, once all of that is tried again.',
    inputFields: (t) => ({
      transferId: t.id({ required: true, description: 'Id of the transfer that has ended.' }),
      filter: t.field({ type: FailedItemFilterInput, description: 'Absent: all that another try may mend.' }),
      idempotencyKey: t.string({ description: idempotencyKeyDescription }),
    }),
  },
  {
    description:
      'Orders a follow-up: a transfer that tries failed objects of an ended one again by the same plan, and lists again the source paths that could not be listed. The ended one stays as it is. Objects that a follow-up has already are left to it, unless it was cancelled; failures that no other try mends, of names for instance, are left out. Of an approved plan, what changed since fails again, and what could not be listed then is planned and waits for `approveTransfer`. CONFLICT unless the transfer is COMPLETED_WITH_ERRORS or FAILED, when an account is disconnected, and when nothing is left to try again; INVALID_INPUT when the filter takes nothing.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const { db, config } = context.services;
        const origin = await ownTransfer(context, String(input.transferId), 'transferId');
        const filter = {
          errorCodes: [...new Set(input.filter?.errorCodes ?? [])].toSorted(),
          paths: [...new Set(input.filter?.paths ?? [])].toSorted(),
        };
        const request = {
          userId: viewerOf(context).id,
          key: input.idempotencyKey,
          operation: 'retryFailedItems',
          arguments: { transferId: origin.id, filter },
          secret: config.AUTH_SECRET,
        };
        const known = await findReplay(db, request);
        if (known !== null) return db.transfer.findUniqueOrThrow({ where: { id: known } });
        const { id, replayed } = await createOnce(db, request, async (tx) => {
          const followUp = await retryFailedItems(tx, origin.id, filter);
          await audit(tx, context, 'transfer.retry', { type: 'transfer', id: origin.id }, { followUpId: followUp.id });
          return followUp.id;
        });
        const row = await db.transfer.findUniqueOrThrow({ where: { id } });
        if (!replayed) await announce(context, row);
        return row;
      }),
  },
  { description: 'The follow-up.', outputFields: transferOutput },
);
