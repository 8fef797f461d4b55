import type { TransferProgress as Progress } from '../../queue/events.ts';
import { builder } from '../builder.ts';
import { type Context, viewerOf } from '../context.ts';
import { encodeGlobalId } from '../global-id.ts';
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

/** Ends the events together with the connection and with the session that it was opened in. */
function live(context: Context, open: (signal: AbortSignal) => AsyncIterableIterator<Progress>) {
  const { sessions } = context.services;
  if (context.sessionId === null) throw new Error('A subscription that needs a session lacks the scope signedIn.');
  const session = sessions.watch(context.sessionId, viewerOf(context).id);
  const events = open(AbortSignal.any([context.signal, session.signal]));
  return releasing(events, () => session.release());
}

async function* releasing(events: AsyncIterableIterator<Progress>, release: () => void): AsyncGenerator<Progress> {
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
