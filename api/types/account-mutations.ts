import { v7 as uuidv7 } from 'uuid';
import type { CloudAccount as CloudAccountRow, Prisma } from '../../core/db.ts';
import { AppError, type ErrorCode } from '../../core/errors.ts';
import { seal } from '../../core/secrets.ts';
import { parseName } from '../../core/text.ts';
import type { Credentials } from '../../storage/credentials.ts';
import type { AccountCheck } from '../../storage/provider.ts';
import { openProvider } from '../../storage/registry.ts';
import { audit } from '../audit.ts';
import { builder } from '../builder.ts';
import { type Context, viewerOf } from '../context.ts';
import { attempt } from '../errors.ts';
import { createOnce, findReplay } from '../idempotency.ts';
import { terminalStates } from '../live/transfer-feed.ts';
import { openCredentials } from '../provider-cache.ts';
import { CloudAccount, ownAccount, withTimeout } from './cloud-account.ts';
import { CloudCredentialsInput, parseCredentials } from './credentials.ts';
import { type PayloadFields, type PayloadShape, userErrorsField } from './payload.ts';

/** Longest that a cloud may take to judge credentials. */
const checkTimeoutMs = 20_000;
/** For so long after a cancellation workers drop what was begun. */
const tidyingMs = 7 * 24 * 3600 * 1000;
/** Longest name of an account. */
const maxNameLength = 100;

const accountOutput = (t: PayloadFields<PayloadShape<CloudAccountRow>>) => ({
  account: t.field({
    type: CloudAccount,
    nullable: true,
    description: 'The account as it is now. null: see `userErrors`.',
    resolve: ({ result }) => result,
  }),
  userErrors: userErrorsField(t),
});

async function check(context: Context, credentials: Credentials): Promise<AccountCheck> {
  const { addressPolicy, limits } = context.services;
  await limits.count('testCredentialsByUser', viewerOf(context).id);
  const provider = openProvider(credentials, { addressPolicy });
  try {
    return await withTimeout(context.signal, checkTimeoutMs, (signal) => provider.check(signal));
  } finally {
    await provider.close();
  }
}

/** Where an error has no field, it is about the credentials as a whole. */
function blameCredentials(error: unknown): never {
  if (!(error instanceof AppError) || error.field !== undefined || error.code === 'RATE_LIMITED') throw error;
  throw new AppError(error.code, error.message, { field: ['credentials'], cause: error });
}

/** What of the credentials may be shown. */
function publicSettings(credentials: Credentials): Prisma.InputJsonObject {
  return {
    ...(credentials.endpoint === undefined ? {} : { endpoint: credentials.endpoint }),
    ...(credentials.provider === 's3' ? { region: credentials.region } : {}),
  };
}

const providerEnum = { s3: 'S3', azure: 'AZURE', gcs: 'GCS', dropbox: 'DROPBOX' } as const;

builder.relayMutationField(
  'testCredentials',
  {
    description: 'Credentials to try.',
    inputFields: (t) => ({
      credentials: t.field({ type: CloudCredentialsInput, required: true, description: 'What opens the account.' }),
    }),
  },
  {
    description:
      'Tries credentials at their cloud. Stores nothing. At most 60 times in 10 minutes, tests of saved accounts included.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(() => check(context, parseCredentials(input.credentials)).catch(blameCredentials)),
  },
  {
    description: 'What the cloud says to the credentials.',
    outputFields: (t: PayloadFields<PayloadShape<AccountCheck>>) => ({
      ok: t.boolean({
        description: 'Whether the cloud takes them.',
        resolve: ({ result }) => result !== null,
      }),
      identity: t.string({
        nullable: true,
        description: 'Who the credentials are, as the cloud names it. null: it does not take them.',
        resolve: ({ result }) => result?.identity ?? null,
      }),
      userErrors: userErrorsField(t),
    }),
  },
);

builder.relayMutationField(
  'connectAccount',
  {
    description: 'The account to connect.',
    inputFields: (t) => ({
      name: t.string({ required: true, description: 'Own name for it, 1 to 100 characters.' }),
      credentials: t.field({ type: CloudCredentialsInput, required: true, description: 'What opens the account.' }),
      idempotencyKey: t.string({
        description:
          'Any text of 1 to 255 characters. A repetition within 24 hours with the same arguments returns the same account.',
      }),
    }),
  },
  {
    description: 'Tries the credentials and, if the cloud takes them, keeps them sealed.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const { services } = context;
        const { db, keyring, config } = services;
        const userId = viewerOf(context).id;
        const name = parseName(input.name, maxNameLength);
        const credentials = parseCredentials(input.credentials);
        const request = {
          userId,
          key: input.idempotencyKey,
          operation: 'connectAccount',
          arguments: { name, credentials },
          secret: config.AUTH_SECRET,
        };
        const known = await findReplay(db, request);
        if (known !== null) return db.cloudAccount.findUniqueOrThrow({ where: { id: known } });
        const checked = await check(context, credentials).catch(blameCredentials);
        const { id } = await createOnce(db, request, async (tx) => {
          const accountId = uuidv7();
          const sealed = seal(keyring, accountId, credentials);
          await tx.cloudAccount.create({
            data: {
              id: accountId,
              userId,
              provider: providerEnum[credentials.provider],
              name,
              identity: checked.identity,
              sealedCredentials: sealed.bytes,
              keyId: sealed.keyId,
              settings: publicSettings(credentials),
              capabilities: checked.capabilities as unknown as Prisma.InputJsonObject,
              lastCheckedAt: new Date(),
            },
          });
          await audit(
            tx,
            context,
            'account.connect',
            { type: 'cloud-account', id: accountId },
            { provider: credentials.provider, name },
          );
          return accountId;
        });
        return db.cloudAccount.findUniqueOrThrow({ where: { id } });
      }),
  },
  { description: 'The connected account.', outputFields: accountOutput },
);

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
        const account = await ownAccount(context, String(input.id));
        const credentials = openCredentials(keyring, account);
        const outcome = await check(context, credentials).then(
          (checked) => ({
            status: 'CONNECTED' as const,
            errorCode: null,
            errorMessage: null,
            identity: checked.identity,
            capabilities: checked.capabilities as unknown as Prisma.InputJsonObject,
          }),
          (error: unknown) => failure(error),
        );
        return db.$transaction(async (tx) => {
          // Only while it is the account that was tested: it may have been disconnected meanwhile.
          const { count } = await tx.cloudAccount.updateMany({
            where: { id: account.id, keyId: { not: null } },
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
          return tx.cloudAccount.findUniqueOrThrow({ where: { id: account.id } });
        });
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
        return context.services.db.$transaction(async (tx) => {
          await audit(tx, context, 'account.rename', { type: 'cloud-account', id: account.id }, { name });
          return tx.cloudAccount.update({ where: { id: account.id }, data: { name } });
        });
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
      'Wipes the credentials of an account. It stays, DISCONNECTED, for the history of its transfers. CONFLICT while one of them has not ended, or was cancelled and its unfinished uploads are still being dropped. Idempotent.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const account = await ownAccount(context, String(input.id));
        return context.services.db.$transaction(async (tx) => {
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
          const tidying = await tx.transfer.findFirst({
            where: {
              destinationAccountId: account.id,
              state: 'CANCELLED',
              batchesDone: { lt: tx.transfer.fields.batchesListed },
              // Later nobody tidies up any more (worker/transfer/dispatch.ts).
              finishedAt: { gt: new Date(Date.now() - tidyingMs) },
            },
            select: { name: true },
          });
          if (tidying !== null) {
            throw new AppError(
              'CONFLICT',
              `Unfinished uploads of the cancelled transfer '${tidying.name}' are being dropped. Try again in a moment.`,
            );
          }
          await audit(tx, context, 'account.disconnect', { type: 'cloud-account', id: account.id });
          return tx.cloudAccount.update({
            where: { id: account.id },
            data: { status: 'DISCONNECTED', sealedCredentials: null, keyId: null, errorCode: null, errorMessage: null },
          });
        });
      }),
  },
  { description: 'The disconnected account.', outputFields: accountOutput },
);
