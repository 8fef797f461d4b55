import { AppError } from '../../core/errors.ts';
import { parseName } from '../../core/text.ts';
import { announceAccount } from '../accounts/announce.ts';
import { type Proven, proveCredentials } from '../accounts/check.ts';
import { createAccount, providerOf, replaceCredentials } from '../accounts/keep.ts';
import { builder } from '../builder.ts';
import { viewerOf } from '../context.ts';
import { attempt } from '../errors.ts';
import { createOnce, findReplay } from '../idempotency.ts';
import { connected } from '../provider-cache.ts';
import { accountOutput, maxNameLength } from './account-payload.ts';
import { ownAccount } from './cloud-account.ts';
import { CloudCredentialsInput, parseCredentials } from './credentials.ts';
import { type PayloadFields, type PayloadShape, userErrorsField } from './payload.ts';

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
      attempt(() => proveCredentials(context, parseCredentials(input.credentials))),
  },
  {
    description: 'What the cloud says to the credentials.',
    outputFields: (t: PayloadFields<PayloadShape<Proven>>) => ({
      ok: t.boolean({
        description: 'Whether the cloud takes them.',
        resolve: ({ result }) => result !== null,
      }),
      identity: t.string({
        nullable: true,
        description: 'Who the credentials are, as the cloud names it. null: it does not take them.',
        resolve: ({ result }) => result?.checked.identity ?? null,
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
        const { db, config } = context.services;
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
        const proven = await proveCredentials(context, credentials);
        const { id, replayed } = await createOnce(db, request, (tx) => createAccount(tx, context, name, proven));
        const account = await db.cloudAccount.findUniqueOrThrow({ where: { id } });
        if (!replayed) await announceAccount(context, account);
        return account;
      }),
  },
  { description: 'The connected account.', outputFields: accountOutput },
);

builder.relayMutationField(
  'updateAccountCredentials',
  {
    description: 'The account and its new credentials.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'Id of the account.' }),
      credentials: t.field({
        type: CloudCredentialsInput,
        required: true,
        description: 'What opens the account from now on, of the same kind of cloud.',
      }),
    }),
  },
  {
    description:
      'Replaces the credentials of an account, such as a rotated key. They are tried first; work under way goes on with them from its next batch. CONFLICT when they lead to another place than the transfers of the account are about: another endpoint, region or storage account. Grants of people are replaced by `startOAuth`. Idempotent.',
    authScopes: { signedIn: true },
    resolve: (_root, { input }, context) =>
      attempt(async () => {
        const { db } = context.services;
        const account = connected(await ownAccount(context, String(input.id)));
        const credentials = parseCredentials(input.credentials);
        if (providerOf[credentials.provider] !== account.provider) {
          throw new AppError('CONFLICT', 'The account is at another kind of cloud. Connect these as a new account.', {
            field: ['credentials'],
          });
        }
        const proven = await proveCredentials(context, credentials);
        await db.$transaction((tx) => replaceCredentials(tx, context, account, proven, 'credentials'));
        await announceAccount(context, account);
        return db.cloudAccount.findUniqueOrThrow({ where: { id: account.id } });
      }),
  },
  { description: 'The account with its new credentials.', outputFields: accountOutput },
);
