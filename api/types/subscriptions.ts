import type { AccountChange, TransferProgress as Progress } from '../../queue/events.ts';
import { builder } from '../builder.ts';
import { type Context, viewerOf } from '../context.ts';
import { encodeGlobalId } from '../global-id.ts';
import { CloudAccount } from './cloud-account.ts';
import { ownTransfer, Transfer } from './transfer.ts';
import { TransferProgress } from './transfer-progress.ts';

const TransferProgressEvent = builder.objectRef<Progress>('TransferProgressEvent').implement({
  description: 'A change of a transfer.',
  fields: (t) => ({
    transferId: t.id({
      description: 'Id of the transfer that changed.',
      resolve: (event) => encodeGlobalId('Transfer', event.transferId),
    }),
    transfer: t.prismaField({
      type: Transfer,
      description: 'The transfer as it is now. Costs a query for each event; `progress` costs none.',
      resolve: (query, event, _args, context) =>
        context.services.db.transfer.findFirstOrThrow({
          ...query,
          where: { id: event.transferId, userId: viewerOf(context).id },
        }),
    }),
    progress: t.field({ type: TransferProgress, description: 'Its counters.', resolve: (event) => event }),
  }),
});

const CloudAccountEvent = builder.objectRef<AccountChange>('CloudAccountEvent').implement({
  description: 'A change of an account.',
  fields: (t) => ({
    account: t.prismaField({
      type: CloudAccount,
      description: 'The account as it is now. Costs a query for each event.',
      resolve: (query, event, _args, context) =>
        context.services.db.cloudAccount.findFirstOrThrow({
          ...query,
          where: { id: event.accountId, userId: viewerOf(context).id },
        }),
    }),
  }),
});

/** Ends the events together with the connection and with the session that it was opened in. */
function live<Value>(context: Context, open: (signal: AbortSignal) => AsyncIterableIterator<Value>) {
  const { sessions } = context.services;
  if (context.sessionId === null) throw new Error('A subscription that needs a session lacks the scope signedIn.');
  const session = sessions.watch(context.sessionId, viewerOf(context).id);
  const events = open(AbortSignal.any([context.signal, session.signal]));
  return releasing(events, () => session.release());
}

async function* releasing<Value>(events: AsyncIterableIterator<Value>, release: () => void): AsyncGenerator<Value> {
  try {
    yield* events;
  } finally {
    release();
  }
}

builder.subscriptionField('transferProgress', (t) =>
  t.field({
    type: TransferProgressEvent,
    description:
      'One transfer: first its state now, then every newer one, at most 10 a second; a slow reader gets the latest. Completes after the transfer has ended. NOT_FOUND for an unknown id.',
    authScopes: { signedIn: true },
    args: { id: t.arg.id({ required: true, description: 'Id of the transfer.' }) },
    subscribe: async (_root, args, context) => {
      const { id } = await ownTransfer(context, String(args.id));
      return live(context, (signal) => context.services.feed.transfer(id, viewerOf(context).id, signal));
    },
    resolve: (event) => event,
  }),
);

builder.subscriptionField('transfers', (t) =>
  t.field({
    type: TransferProgressEvent,
    description:
      'All transfers of the viewer: first one event for each that has not ended, then changes of any, new ones included; a slow reader gets the latest of each.',
    authScopes: { signedIn: true },
    subscribe: (_root, _args, context) =>
      live(context, (signal) => context.services.feed.transfers(viewerOf(context).id, signal)),
    resolve: (event) => event,
  }),
);

builder.subscriptionField('cloudAccounts', (t) =>
  t.field({
    type: CloudAccountEvent,
    description:
      'All accounts of the viewer: first one event for each, then one whenever something about one changes, such as `status` or `throttledUntil`; a slow reader gets the latest of each.',
    authScopes: { signedIn: true },
    subscribe: (_root, _args, context) =>
      live(context, (signal) => context.services.accountFeed.accounts(viewerOf(context).id, signal)),
    resolve: (event) => event,
  }),
);
