import { databaseTime, type Prisma } from '../../core/db.ts';
import { AppError, type ErrorCode } from '../../core/errors.ts';
import { parseName } from '../../core/text.ts';
import { stopSchedules } from '../../queue/schedule.ts';
import { isConnected, openCredentials } from '../../storage/open-account.ts';
import { announceAccount } from '../accounts/announce.ts';
import { checkCredentials } from '../accounts/check.ts';
import { giveBackGrantOf } from '../accounts/give-back.ts';
import { noteRefusal } from '../accounts/refusal.ts';
import { audit } from '../audit.ts';
import { builder } from '../builder.ts';
import { attempt } from '../errors.ts';
import { terminalStates } from '../live/transfer-feed.ts';
import { connected } from '../provider-cache.ts';
import { accountOutput, maxNameLength } from './account-payload.ts';
import { ownAccount } from './cloud-account.ts';

/** For so long after a cancellation workers drop what was begun. */
const tidyingMs = 7 * 24 * 3600 * 1000;
/**
 * What could not be dropped in this time is not waited for: workers have tried seven times, and what Dropbox fetches late has
 * arrived or never will (20 minutes).
 */
const droppingMs = 35 * 60 * 1000;

builder.relayMutationField(
  'testAccount',
  {
    description: 'The account to test.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'Id of the account.' }) }),
  },
  {
    description:
      'Tries a saved account at its cloud and keeps the outcome as its `status` and `error`. An account that fails is no user error: the test itself succeeded.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const { db, keyring } = context.services;
        const account = connected(await ownAccount(context, String(input.id)));
        const outcome = await checkCredentials(context, openCredentials(keyring, account)).then(
          (checked) => ({
            status: 'CONNECTED' as const,
            errorCode: null,
            errorMessage: null,
            identity: checked.identity,
            capabilities: checked.capabilities as unknown as Prisma.InputJsonObject,
          }),
          async (error: unknown) => {
            await noteRefusal(context, account, error);
            return failure(error);
          },
        );
        const { tested, changed } = await db.$transaction(async (tx) => {
          // Only what was tested: meanwhile the account may have been disconnected, or given other credentials.
          const { count } = await tx.cloudAccount.updateMany({
            where: { id: account.id, sealedCredentials: account.sealedCredentials },
            data: { ...outcome, lastCheckedAt: new Date() },
          });
          if (count > 0) {
            await audit(
              tx,
              context,
              'account.test',
              { type: 'cloud-account', id: account.id },
              { status: outcome.status },
            );
          }
          return { tested: await tx.cloudAccount.findUniqueOrThrow({ where: { id: account.id } }), changed: count > 0 };
        });
        if (changed) await announceAccount(context, tested);
        return tested;
      }),
  },
  { description: 'The tested account.', outputFields: accountOutput },
);

/** Reasons that say nothing about the account. */
const notTheAccounts: readonly ErrorCode[] = ['RATE_LIMITED', 'CANCELLED', 'INTERNAL', 'SERVICE_UNAVAILABLE'];

function failure(error: unknown) {
  if (!(error instanceof AppError) || notTheAccounts.includes(error.code)) throw error;
  return { status: 'FAILING' as const, errorCode: error.code, errorMessage: error.message };
}

builder.relayMutationField(
  'renameAccount',
  {
    description: 'The account and its new name.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'Id of the account.' }),
      name: t.string({ required: true, description: 'New name, 1 to 100 characters.' }),
    }),
  },
  {
    description: 'Gives an account another name. Idempotent.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const account = await ownAccount(context, String(input.id));
        const name = parseName(input.name, maxNameLength);
        const renamed = await context.services.db.$transaction(async (tx) => {
          await audit(tx, context, 'account.rename', { type: 'cloud-account', id: account.id }, { name });
          return tx.cloudAccount.update({ where: { id: account.id }, data: { name } });
        });
        await announceAccount(context, renamed);
        return renamed;
      }),
  },
  { description: 'The renamed account.', outputFields: accountOutput },
);

builder.relayMutationField(
  'disconnectAccount',
  {
    description: 'The account to disconnect.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'Id of the account.' }) }),
  },
  {
    description:
      'Wipes the credentials of an account, and ends its grant at a cloud that ends single ones (Dropbox). It stays, DISCONNECTED, for the history of its transfers; its schedules stop. CONFLICT while one of them has not ended, or was cancelled and its unfinished uploads are still being dropped; for up to 35 minutes also when one could not be dropped at once. Idempotent.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const account = await ownAccount(context, String(input.id));
        const { before, disconnected } = await context.services.db.$transaction(async (tx) => {
          await stopSchedules(tx, account);
          // Creating a transfer takes a share of this lock (its foreign key), so none can begin in between.
          await tx.$queryRaw`SELECT 1 FROM cloud_account WHERE id = ${account.id}::uuid FOR UPDATE`;
          const busy = await tx.transfer.findFirst({
            where: {
              OR: [{ sourceAccountId: account.id }, { destinationAccountId: account.id }],
              state: { notIn: [...terminalStates] },
            },
            select: { name: true },
          });
          if (busy !== null) {
            throw new AppError(
              'CONFLICT',
              `The transfer '${busy.name}' still uses this account. Cancel it or let it end.`,
            );
          }
          const now = (await databaseTime(tx)).getTime();
          const tidying = await tx.transfer.findFirst({
            where: {
              destinationAccountId: account.id,
              state: 'CANCELLED',
              batchesDone: { lt: tx.transfer.fields.batchesListed },
              // Later nobody tidies up any more (worker/transfer/dispatch.ts).
              finishedAt: { gt: new Date(now - tidyingMs) },
            },
            select: { name: true },
          });
          if (tidying !== null) {
            throw new AppError(
              'CONFLICT',
              `Unfinished uploads of the cancelled transfer '${tidying.name}' are being dropped. Try again in a moment.`,
            );
          }
          const undropped = await tx.abandonedUpload.findFirst({
            where: { accountId: account.id, createdAt: { gt: new Date(now - droppingMs) } },
            orderBy: { createdAt: 'desc' },
            select: { createdAt: true },
          });
          if (undropped !== null) {
            const minutes = Math.ceil((undropped.createdAt.getTime() + droppingMs - now) / 60_000);
            throw new AppError(
              'CONFLICT',
              `An unfinished upload could not be dropped yet, and is tried again. Disconnect the account once it is, in ${minutes} minutes at the latest.`,
            );
          }
          // Without credentials nobody can.
          await tx.abandonedUpload.deleteMany({ where: { accountId: account.id } });
          await tx.accessToken.deleteMany({ where: { accountId: account.id } });
          await tx.oauthFlow.deleteMany({ where: { accountId: account.id } });
          await audit(tx, context, 'account.disconnect', { type: 'cloud-account', id: account.id });
          const where = { id: account.id };
          return {
            before: await tx.cloudAccount.findUniqueOrThrow({ where }),
            disconnected: await tx.cloudAccount.update({
              where,
              data: {
                status: 'DISCONNECTED',
                sealedCredentials: null,
                keyId: null,
                errorCode: null,
                errorMessage: null,
              },
            }),
          };
        });
        await announceAccount(context, disconnected);
        if (isConnected(before)) await giveBackGrantOf(context, before);
        return disconnected;
      }),
  },
  { description: 'The disconnected account.', outputFields: accountOutput },
);
