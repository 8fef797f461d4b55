import { createHash } from 'node:crypto';
import {
  type GraphQLField,
  type GraphQLObjectType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keepManifest } from '../queue/manifest.ts';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { subscribe } from '../test/support/live.ts';
import { encodeGlobalId, idOfType } from './global-id.ts';
import { schema } from './schema.ts';

/** Words that only the owner may ever see. */
const owned = { account: 'Account of the owner', transfer: 'Transfer of the owner', folder: 'folder-of-the-owner' };

let api: TestApi;
let store: TestStore;
let owner: Awaited<ReturnType<TestApi['signUp']>>;
let stranger: Awaited<ReturnType<TestApi['signUp']>>;
/** Global ids of what the owner has, by type. */
let ids: Record<'User' | 'CloudAccount' | 'Transfer' | 'TransferItem' | 'TransferSchedule' | 'PathManifest', string>;
let strangersAccount: string;
let snapshot: string;
beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('photos')]);
  [owner, stranger] = [await api.signUp('Owner'), await api.signUp('Stranger')];
  await store.put(`${owned.folder}/a.jpg`, 1);
  const account = await api.connect(owner.token, store, owned.account);
  strangersAccount = await api.connect(stranger.token, store, 'Account of the stranger');
  const { data } = await api.query(
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }',
    {
      input: {
        name: owned.transfer,
        sourceAccountId: account,
        sourcePaths: [`photos/${owned.folder}/`],
        destinationAccountId: account,
        destinationPath: 'archive/',
        idempotencyKey: 'the-owners',
      },
    },
    { token: owner.token },
  );
  const transfer: string = data.createTransfer.transfer.id;
  const transferId = idOfType('Transfer', transfer) ?? '';
  await api.db.transferItem.create({
    data: {
      transferId,
      ordinal: 0,
      batchNumber: 0,
      sourceContainer: 'photos',
      sourceKey: `${owned.folder}/a.jpg`,
      destinationContainer: 'archive',
      destinationKey: 'a.jpg',
      sizeBytes: 1,
    },
  });
  const scheduled = await api.query(
    'mutation ($input: CreateTransferScheduleInput!) { createTransferSchedule(input: $input) { schedule { id } } }',
    {
      input: {
        name: owned.transfer,
        sourceAccountId: account,
        sourcePaths: [`photos/${owned.folder}/`],
        destinationAccountId: account,
        destinationPath: 'archive/',
        cron: '0 3 1 1 *',
      },
    },
    { token: owner.token },
  );
  const { id: manifestId } = await api.db.$transaction((tx) =>
    keepManifest(tx, owner.userId, [`photos/${owned.folder}/a.jpg`]),
  );
  ids = {
    User: encodeGlobalId('User', owner.userId),
    CloudAccount: account,
    Transfer: transfer,
    TransferItem: encodeGlobalId('TransferItem', `${transferId}:0`),
    TransferSchedule: scheduled.data.createTransferSchedule.schedule.id,
    PathManifest: encodeGlobalId('PathManifest', manifestId),
  };
  const accountId = idOfType('CloudAccount', account) ?? '';
  const sealed = { keyId: 'test', expiresAt: new Date(Date.now() + 3_600_000) };
  await api.db.accessToken.create({ data: { ...sealed, accountId, sealedToken: Buffer.alloc(1) } });
  const flow = { ...sealed, userId: owner.userId, provider: 'DROPBOX', accountId } as const;
  const stateHash = createHash('sha256').update('anything-state').digest();
  await api.db.oauthFlow.create({ data: { ...flow, stateHash, sealedVerifier: Buffer.alloc(1) } });
  snapshot = await everything();
});
afterAll(async () => {
  await api.close();
  await store.close();
});

/** All that the owner has, as it lies in the database. */
async function everything(): Promise<string> {
  const where = { userId: owner.userId };
  const rows = await Promise.all([
    api.db.user.findMany({ where: { id: owner.userId } }),
    api.db.session.findMany({ where }),
    api.db.cloudAccount.findMany({ where, include: { accessToken: true } }),
    api.db.oauthFlow.findMany({ where }),
    api.db.transfer.findMany({ where, include: { items: true } }),
    api.db.transferSchedule.findMany({ where }),
    api.db.pathManifest.findMany({ where }),
    api.db.idempotencyKey.findMany({ where }),
    api.db.auditEvent.findMany({ where }),
  ]);
  return JSON.stringify(rows, (_name, value) => (typeof value === 'bigint' ? String(value) : value));
}

/** A selection of every field below a type that needs no argument, two levels of objects deep. */
function selection(type: GraphQLObjectType, depth: number): string {
  const fields = Object.values(type.getFields()).flatMap((field) => {
    if (field.args.some(isRequiredArgument)) return [];
    const inner = getNamedType(field.type);
    if (isLeafType(inner)) return [field.name];
    return isObjectType(inner) && depth > 0 ? [`${field.name} { ${selection(inner, depth - 1)} }`] : [];
  });
  return ['__typename', ...fields].join(' ');
}

function selectionOf(field: GraphQLField<unknown, unknown>): string {
  const type = getNamedType(field.type);
  if (isInterfaceType(type)) {
    const parts = schema
      .getPossibleTypes(type)
      .map((possible) => `... on ${possible.name} { ${aliased(possible, possible.name)} }`);
    return `{ ${parts.join(' ')} }`;
  }
  return isObjectType(type) ? `{ ${selection(type, 2)} }` : '';
}

/** Types behind one interface have fields of the same name and other kinds. */
function aliased(type: GraphQLObjectType, prefix: string): string {
  return selection(type, 0)
    .split(' ')
    .map((name) => `${prefix}_${name}: ${name}`)
    .join(' ');
}

/** Values for a field's arguments that point at what the owner has wherever an id is asked for. */
function valueFor(typeName: string, fieldName: string, argument: string): unknown {
  const type = schema.getType(typeName);
  if (typeName === 'ID') {
    if (argument === 'manifest') return ids.PathManifest;
    if (/account/i.test(argument) || /account/i.test(fieldName)) return ids.CloudAccount;
    return /schedule/i.test(fieldName) ? ids.TransferSchedule : ids.Transfer;
  }
  if (typeName === 'DateTime') return new Date(Date.now() + 60_000).toISOString();
  if (argument === 'cron') return '0 3 * * *';
  if (argument === 'timeZone') return 'UTC';
  if (typeName === 'String') return /path/i.test(argument) ? `photos/${owned.folder}/` : `anything-${argument}`;
  if (typeName === 'Int' || typeName === 'Float') return 1;
  if (typeName === 'ByteSize') return '1';
  if (typeName === 'Duration') return 'P1D';
  if (typeName === 'Boolean') return false;
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    return Object.fromEntries(
      (type.isOneOf ? fields.slice(0, 1) : fields).map((field) => [field.name, wrapped(field, fieldName)]),
    );
  }
  throw new Error(`No value is known for ${typeName}.`);
}

function wrapped(argument: { name: string; type: { toString(): string } }, fieldName: string): unknown {
  const value = valueFor(argument.type.toString().replace(/[[\]!]/g, ''), fieldName, argument.name);
  return argument.type.toString().startsWith('[') ? [value] : value;
}

function operationOf(kind: 'query' | 'mutation' | 'subscription', field: GraphQLField<unknown, unknown>) {
  const declared = field.args.map((argument) => `$${argument.name}: ${argument.type}`).join(', ');
  const given = field.args.map(({ name }) => `${name}: $${name}`).join(', ');
  const document = `${kind} ${declared && `(${declared})`} { ${field.name}${given && `(${given})`} ${selectionOf(field)} }`;
  const variables = Object.fromEntries(field.args.map((argument) => [argument.name, wrapped(argument, field.name)]));
  return { document, variables };
}

function expectNothingOfTheOwner(answer: unknown): void {
  const text = JSON.stringify(answer);
  const words = [owned.account, owned.transfer, owner.email, owner.userId, ids.User, owner.token];
  expect(words.filter((word) => text.includes(word))).toEqual([]);
}

const fieldsOf = (type: GraphQLObjectType | null | undefined) =>
  Object.values(type?.getFields() ?? {}).map((field) => [field.name, field] as const);
/** These end or begin a session of whoever calls and name nothing of anybody else. */
const aboutOneself = ['signUp', 'signIn', 'signOut', 'requestPasswordReset', 'resetPassword'];

describe('a stranger who knows every id of somebody', () => {
  test.each(fieldsOf(schema.getQueryType()))('sees nothing by the query %s', async (_name, field) => {
    const { document, variables } = operationOf('query', field);
    for (const token of [stranger.token, undefined]) {
      const answer = await api.query(document, variables, token === undefined ? {} : { token });
      expect(answer.errors?.filter(({ extensions }) => extensions.code === 'INVALID_INPUT') ?? []).toEqual([]);
      expectNothingOfTheOwner(answer);
    }
  });

  test('sees nothing by node and nodes, whatever the type', async () => {
    const unknown = Object.keys(ids).map((type) => {
      const id = '01900000-0000-7000-8000-000000000000';
      return encodeGlobalId(type, type === 'TransferItem' ? `${id}:0` : id);
    });
    const all = [...Object.values(ids), ...unknown, 'nonsense', ''];
    const { data, errors } = await api.query(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
      { ids: all },
      { token: stranger.token },
    );
    expect(errors).toBeUndefined();
    expect(data.nodes).toEqual(all.map(() => null));
    const mine = await api.query(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
      { ids: Object.values(ids) },
      { token: owner.token },
    );
    expect(mine.data.nodes).toEqual(Object.values(ids).map((id) => ({ id })));
    for (const id of all) {
      const answer = await api.query('query ($id: ID!) { node(id: $id) { id } }', { id }, { token: stranger.token });
      expect(answer.data).toEqual({ node: null });
    }
  });

  test.each(fieldsOf(schema.getMutationType()).filter(([name]) => !aboutOneself.includes(name)))(
    'changes and sees nothing by the mutation %s',
    async (name, field) => {
      const { document, variables } = operationOf('mutation', field);
      const answer = await api.query(document, variables, { token: stranger.token });
      expect(answer.errors).toBeUndefined();
      const payload = answer.data[name];
      const takesIds =
        JSON.stringify(variables).includes(ids.Transfer) || JSON.stringify(variables).includes(ids.CloudAccount);
      if (takesIds) expect(payload.userErrors.map(({ code }: { code: string }) => code)).toEqual(['NOT_FOUND']);
      expectNothingOfTheOwner(answer);
      expect(await everything()).toBe(snapshot);
      const anonymous = await api.query(document, variables);
      expect(anonymous.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
      expect(await everything()).toBe(snapshot);
    },
  );

  test.each(fieldsOf(schema.getSubscriptionType()))('hears nothing by the subscription %s', async (_name, field) => {
    const { document, variables } = operationOf('subscription', field);
    const live = subscribe(api.url, document, variables, { token: stranger.token, transport: 'sse' });
    if (field.args.length > 0) {
      const event = await live.next();
      expect(event?.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
      expectNothingOfTheOwner(event);
    } else {
      // The first that comes is the stranger's own.
      await api.query(
        'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { message } } }',
        {
          input: {
            name: 'Own',
            sourceAccountId: strangersAccount,
            sourcePaths: ['photos/'],
            destinationAccountId: strangersAccount,
            destinationPath: 'archive/',
          },
        },
        { token: stranger.token },
      );
      const event = await live.next();
      const own: Record<string, object> = {
        transfers: { transfer: { name: 'Own' } },
        cloudAccounts: { account: { id: strangersAccount } },
      };
      expect(event?.data).toMatchObject({ [field.name]: own[field.name] });
      expectNothingOfTheOwner(event);
    }
    await live.close();
  });

  test('cannot order a transfer from or to an account of somebody else', async () => {
    const create =
      'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { code field } } }';
    const input = { sourcePaths: ['photos/'], destinationPath: 'archive/' };
    const [from, to] = await Promise.all(
      [
        { sourceAccountId: ids.CloudAccount, destinationAccountId: strangersAccount },
        { sourceAccountId: strangersAccount, destinationAccountId: ids.CloudAccount },
      ].map((accounts) => api.query(create, { input: { ...input, ...accounts } }, { token: stranger.token })),
    );
    expect(from?.data.createTransfer.userErrors).toEqual([{ code: 'NOT_FOUND', field: ['input', 'sourceAccountId'] }]);
    expect(to?.data.createTransfer.userErrors).toEqual([
      { code: 'NOT_FOUND', field: ['input', 'destinationAccountId'] },
    ]);
  });

  test('cannot order a transfer by a manifest of somebody else', async () => {
    const input = {
      sourceAccountId: strangersAccount,
      sourcePaths: ['photos/'],
      destinationAccountId: strangersAccount,
      destinationPath: 'archive/',
      options: { filter: { manifest: ids.PathManifest } },
    };
    const answer = await api.query(
      'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { code field } } }',
      { input },
      { token: stranger.token },
    );
    expect(answer.data.createTransfer).toEqual({
      transfer: null,
      userErrors: [{ code: 'NOT_FOUND', field: ['input', 'options', 'filter', 'manifest'] }],
    });
    expect(await everything()).toBe(snapshot);
  });
});

test('ids tell nothing apart that is unknown, foreign or of another type', async () => {
  const read = async (id: string) => {
    const answer = await api.query(
      'query ($id: ID!) { transfer(id: $id) { name } cloudAccount(id: $id) { name } }',
      { id },
      { token: stranger.token },
    );
    return JSON.stringify([answer.data, answer.errors]);
  };
  const answers = await Promise.all(
    [ids.Transfer, ids.CloudAccount, ids.User, ids.TransferItem, 'x', strangersAccount.toLowerCase()].map(read),
  );
  expect(new Set(answers).size).toBe(1);
});
