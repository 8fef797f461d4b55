import type { CloudAccount as CloudAccountRow } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { storedCapabilities } from '../../storage/capabilities.ts';
import { noteRefusal } from '../accounts/refusal.ts';
import type { Settings } from '../accounts/same-store.ts';
import { builder } from '../builder.ts';
import { keysetPageById, pageCost } from '../connection.ts';
import { type Context, viewerOf } from '../context.ts';
import { storedError } from '../errors.ts';
import { idOfType, nilId } from '../global-id.ts';
import { withTimeout } from '../with-timeout.ts';
import { CloudCapabilities } from './cloud-capabilities.ts';
import { browse, EntryConnection } from './entry.ts';
import { TransferError } from './error.ts';
import { S3Settings } from './s3-settings.ts';
import { User } from './user.ts';

/** Longest that a cloud may take to list a folder. */
const browseTimeoutMs = 20_000;

const CloudProvider = builder.enumType('CloudProvider', {
  description: 'Which kind of cloud an account is at.',
  values: {
    S3: { description: 'AWS S3 or a compatible store.' },
    AZURE: { description: 'Azure Blob Storage.' },
    GCS: { description: 'Google Cloud Storage.' },
    DROPBOX: { description: 'Dropbox, a personal account or that of a team member.' },
  } as const,
});

const CloudAccountStatus = builder.enumType('CloudAccountStatus', {
  description: 'Whether an account can be used.',
  values: {
    CONNECTED: { description: 'The last check succeeded.' },
    FAILING: { description: 'The last check failed; `error` says why. Transfers may still be tried.' },
    DISCONNECTED: {
      description: 'Its owner disconnected it: the credentials are wiped. Kept for the history of its transfers.',
    },
  } as const,
});

const settingsOf = (account: CloudAccountRow) => account.settings as Settings;

export const CloudAccount = builder.prismaNode('CloudAccount', {
  description: 'Access to one cloud. Credentials are sealed and never answered.',
  id: { field: 'id', description: 'Opaque id of the account.' },
  nullable: true,
  findUnique: (id, { viewer }) => ({ id, userId: viewer?.id ?? nilId }),
  authScopes: (account) => ({ owner: account.userId }),
  fields: (t) => ({
    provider: t.expose('provider', { type: CloudProvider, description: 'Which kind of cloud it is at.' }),
    name: t.exposeString('name', { description: "The owner's name for it, 1 to 100 characters." }),
    identity: t.exposeString('identity', {
      description: 'Who the credentials are, as the cloud names it: an access key id, a storage account. No secret.',
    }),
    endpoint: t.string({
      nullable: true,
      description: "Address of the storage service. null: the cloud's own.",
      resolve: (account) => settingsOf(account).endpoint ?? null,
    }),
    region: t.string({
      nullable: true,
      description: 'Region that requests are signed for. null: the cloud has none.',
      resolve: (account) => settingsOf(account).region ?? null,
    }),
    projectId: t.string({
      nullable: true,
      description: 'Project whose buckets are listed. null: the cloud has none, or the credentials name it.',
      resolve: (account) => settingsOf(account).projectId ?? null,
    }),
    s3: t.field({
      type: S3Settings,
      nullable: true,
      description: 'How it uses S3. null: it is at another cloud, or its credentials were kept before this was.',
      resolve: (account) => settingsOf(account).s3 ?? null,
    }),
    capabilities: t.field({
      type: CloudCapabilities,
      nullable: true,
      description: 'What the store can do, as the last check found. null: not known; `testAccount` finds out.',
      resolve: (account) => storedCapabilities(account.capabilities) ?? null,
    }),
    status: t.expose('status', { type: CloudAccountStatus, description: 'Whether it can be used, as last checked.' }),
    error: t.field({
      type: TransferError,
      nullable: true,
      description: 'Why the last check failed. null: it succeeded.',
      resolve: (account) => storedError(account.errorCode, account.errorMessage),
    }),
    lastCheckedAt: t.expose('lastCheckedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the credentials were last tried. null: never.',
    }),
    throttledUntil: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The cloud has asked for fewer requests until then. null: it takes them.',
      resolve: ({ throttledUntil }) => (throttledUntil !== null && throttledUntil > new Date() ? throttledUntil : null),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was connected.' }),
    entries: t.field({
      type: EntryConnection,
      // An account whose cloud does not answer must not take the others of the same answer along.
      nullable: true,
      description:
        'One level of what lies in the account, asked of the cloud now, in its order. Forward paging only. Costs 25. null: the cloud did not list it; `errors` says why under this path, such as CREDENTIALS_INVALID or CONTAINER_NOT_FOUND.',
      complexity: (args) => ({ ...pageCost(args), field: 25 }),
      args: {
        path: t.arg.string({
          required: true,
          defaultValue: '',
          description: 'Empty: the containers. "bucket/" or "bucket/folder/": what lies directly in there.',
        }),
        first: t.arg.int({ description: 'Size of the page, 1 to 100. Default 25.' }),
        after: t.arg.string({ description: 'Only entries after the one with this cursor, of the same path.' }),
      },
      resolve: async (account, args, context) => {
        try {
          return await withTimeout(context.signal, browseTimeoutMs, (signal) =>
            context.services.providers.use(account, (provider) => browse(provider, account, args, signal)),
          );
        } catch (error) {
          await noteRefusal(context, account, error);
          throw error;
        }
      },
    }),
  }),
});

/** The viewer's account. Throws NOT_FOUND for anybody else's too. */
export async function ownAccount(context: Context, globalId: string, field = 'id'): Promise<CloudAccountRow> {
  const id = idOfType('CloudAccount', globalId);
  const account =
    id === null
      ? null
      : await context.services.db.cloudAccount.findFirst({ where: { id, userId: viewerOf(context).id } });
  if (account === null) throw new AppError('NOT_FOUND', 'There is no such account.', { field: [field] });
  return account;
}

builder.queryField('cloudAccount', (t) =>
  t.prismaField({
    type: CloudAccount,
    nullable: true,
    description: "One of the viewer's cloud accounts. null: there is none of this id, or it belongs to someone else.",
    authScopes: { signedIn: true },
    args: { id: t.arg.id({ required: true, description: 'Id of the account.' }) },
    resolve: (query, _root, args, context) => {
      const id = idOfType('CloudAccount', String(args.id));
      if (id === null) return null;
      return context.services.db.cloudAccount.findFirst({ ...query, where: { id, userId: viewerOf(context).id } });
    },
  }),
);

builder.prismaObjectField(User, 'cloudAccounts', (t) =>
  t.connection(
    {
      type: CloudAccount,
      description: 'Cloud accounts of the user, in the order in which they were connected.',
      complexity: pageCost,
      resolve: (user, args, { services }) =>
        keysetPageById(args, 'asc', ({ id, ...page }) =>
          services.db.cloudAccount.findMany({ ...page, where: { userId: user.id, id } }),
        ),
    },
    { description: "A page of a user's cloud accounts." },
    { description: 'A cloud account with its cursor.' },
  ),
);
