import type { CloudAccount } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { parseName } from '../../core/text.ts';
import { type Credentials, credentialsSchema } from '../../storage/credentials.ts';
import { announceAccount } from '../accounts/announce.ts';
import { checkCredentials } from '../accounts/check.ts';
import { giveBack } from '../accounts/give-back.ts';
import { createAccount, replaceCredentials } from '../accounts/keep.ts';
import type { Settings } from '../accounts/same-store.ts';
import { builder } from '../builder.ts';
import { type Context, viewerOf } from '../context.ts';
import { attempt } from '../errors.ts';
import { createOnce, findReplay } from '../idempotency.ts';
import { type OAuthApp, redirectUri, registeredApp } from '../oauth/apps.ts';
import { exchangeCode } from '../oauth/exchange.ts';
import { beginFlow, notUnderWay, type OAuthFlow, resultOfTakenFlow, takeFlow } from '../oauth/flows.ts';
import { connected } from '../provider-cache.ts';
import { withTimeout } from '../with-timeout.ts';
import { accountOutput, maxNameLength } from './account-payload.ts';
import { ownAccount } from './cloud-account.ts';
import { OAuthProvider } from './oauth-provider.ts';
import { type PayloadFields, type PayloadShape, userErrorsField } from './payload.ts';

/** Longest that a token endpoint may take. */
const exchangeTimeoutMs = 20_000;

builder.relayMutationField(
  'startOAuth',
  {
    description: 'Which grant to ask for.',
    inputFields: (t) => ({
      provider: t.field({ type: OAuthProvider, required: true, description: 'The cloud to sign in at.' }),
      accountId: t.id({ description: 'Account whose grant is to be replaced. Absent: a new account.' }),
    }),
  },
  {
    description:
      'Begins to connect an account by signing in at its cloud. Send the person to `authorizationUrl`; the cloud sends them back to /accounts/connected/<provider> with `code` and `state`, which `completeOAuth` takes within 10 minutes. NOT_SUPPORTED, with what the operator has to do, unless `instance.oauthProviders` names the cloud. At most 60 times in 10 minutes.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const { provider, accountId } = input;
        const account = accountId == null ? null : connected(await ownAccount(context, String(accountId), 'accountId'));
        if (account !== null && account.provider !== provider) {
          throw new AppError(
            'CONFLICT',
            'The account is at another kind of cloud. Connect this one as a new account.',
            {
              field: ['provider'],
            },
          );
        }
        return beginFlow(context, provider, account?.id ?? null);
      }),
  },
  {
    description: 'Where to go on.',
    outputFields: (t: PayloadFields<PayloadShape<string>>) => ({
      authorizationUrl: t.string({
        nullable: true,
        description: 'Address at the cloud where the person is asked for the grant. null: see `userErrors`.',
        resolve: ({ result }) => result,
      }),
      userErrors: userErrorsField(t),
    }),
  },
);

builder.relayMutationField(
  'completeOAuth',
  {
    description: 'What the cloud sent back, and how to call the account.',
    inputFields: (t) => ({
      state: t.string({ required: true, description: '`state` of the address that the cloud led back to.' }),
      code: t.string({ required: true, description: '`code` of that address. Works once.' }),
      name: t.string({
        description:
          'Own name for a new account, 1 to 100 characters. Absent: the name of the cloud. Without effect where a grant is replaced.',
      }),
      projectId: t.string({
        description:
          'Project at Google whose buckets are listed, at most 64 characters. Absent: that of the account whose grant is replaced, or buckets are opened by name.',
      }),
      idempotencyKey: t.string({
        description:
          'Any text of 1 to 255 characters. A repetition within 24 hours with the same arguments returns the same account; one that comes while the first is under way waits for it.',
      }),
    }),
  },
  {
    description:
      'Ends what `startOAuth` began: exchanges the code for a lasting grant, tries it, and keeps it sealed as a new account or in place of the grant of the account that was named. NOT_FOUND for a `state` that was used, is older than 10 minutes or is not the viewer’s; CONFLICT when the new grant leads to another place than the account’s: at Dropbox, when it is of somebody else.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const { db, config } = context.services;
        const { state, code } = input;
        const projectId = parseProjectId(input.projectId);
        const name = input.name == null ? null : parseName(input.name, maxNameLength);
        const request = {
          userId: viewerOf(context).id,
          key: input.idempotencyKey,
          operation: 'completeOAuth',
          arguments: { state, code, name, projectId },
          secret: config.AUTH_SECRET,
        };
        const known = await findReplay(db, request);
        if (known !== null) return db.cloudAccount.findUniqueOrThrow({ where: { id: known } });
        const completed = await takeFlow(context, state, async (flow) => {
          // A code works once, so what is begun is brought to its end even if the caller leaves: who reloads the page of
          // the return finds the account.
          const lasting = { ...context, signal: new AbortController().signal };
          const account = await accountOf(context, flow);
          const app = registeredApp(config, flow.provider);
          const grant = await exchange(lasting, app, flow, code);
          const credentials = credentialsOf(app, grant, projectId ?? projectOf(account));
          const { id, replayed } = await keepOrGiveBack(lasting, credentials, async () => {
            const proven = { credentials, checked: await checkCredentials(lasting, credentials) };
            return createOnce(db, request, async (tx) => {
              if (account === null) return createAccount(tx, context, name ?? app.label, proven);
              await replaceCredentials(tx, context, account, proven, 'code');
              return account.id;
            });
          });
          const connectedAccount = await db.cloudAccount.findUniqueOrThrow({ where: { id } });
          if (!replayed) await announceAccount(context, connectedAccount);
          return connectedAccount;
        });
        if (completed !== null) return completed;
        if (request.key == null) throw notUnderWay();
        const id = await resultOfTakenFlow(context, state, () => findReplay(db, request));
        return db.cloudAccount.findUniqueOrThrow({ where: { id } });
      }),
  },
  { description: 'The account that was connected, or whose grant was replaced.', outputFields: accountOutput },
);

/** The account whose grant the flow replaces; null: a new one. */
async function accountOf(context: Context, { accountId }: OAuthFlow): Promise<CloudAccount | null> {
  if (accountId === null) return null;
  const where = { id: accountId, userId: viewerOf(context).id };
  return connected(await context.services.db.cloudAccount.findFirstOrThrow({ where }));
}

/** Judged before the state is used up. */
function parseProjectId(given: string | null | undefined): string | undefined {
  const projectId = given?.trim() ?? '';
  if (projectId === '') return undefined;
  if (/^[\x21-\x7e]{1,64}$/.test(projectId)) return projectId;
  throw new AppError('INVALID_INPUT', 'A project id has 1 to 64 printable characters without blanks.', {
    field: ['projectId'],
  });
}

function projectOf(account: CloudAccount | null): string | undefined {
  return account === null ? undefined : (account.settings as Settings).projectId;
}

function exchange(context: Context, app: OAuthApp, flow: OAuthFlow, code: string): Promise<string> {
  const { http, publicUrl } = context.services;
  const { verifier, provider } = flow;
  return withTimeout(context.signal, exchangeTimeoutMs, (signal) =>
    exchangeCode(http, { app, code, verifier, redirectUri: redirectUri(publicUrl, provider) }, signal),
  );
}

function credentialsOf(app: OAuthApp, refreshToken: string, projectId: string | undefined): Credentials {
  const parsed = credentialsSchema.safeParse(app.credentials(refreshToken, projectId));
  if (parsed.success) return parsed.data;
  throw new AppError('CREDENTIALS_INVALID', `${app.label} gave a grant that cannot be used. Begin again.`);
}

async function keepOrGiveBack<Result>(
  context: Context,
  credentials: Credentials,
  keep: () => Promise<Result>,
): Promise<Result> {
  try {
    return await keep();
  } catch (error) {
    // After any other error it may have been kept all the same: an answer of the database can get lost.
    if (error instanceof AppError) await giveBack(context, credentials);
    throw error;
  }
}
