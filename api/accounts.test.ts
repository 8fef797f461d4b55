import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { credentialsInput, startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';

const errors = 'userErrors { field code message remedy }';
const account =
  'account { id provider name identity endpoint region status error { code message remedy } lastCheckedAt }';
const connect = `mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { ${account} ${errors} } }`;
const tryCredentials = `mutation ($input: TestCredentialsInput!) { testCredentials(input: $input) { ok identity ${errors} } }`;
const testAccount = `mutation ($input: TestAccountInput!) { testAccount(input: $input) { ${account} ${errors} } }`;
const rename = `mutation ($input: RenameAccountInput!) { renameAccount(input: $input) { ${account} ${errors} } }`;
const disconnect = `mutation ($input: DisconnectAccountInput!) { disconnectAccount(input: $input) { ${account} ${errors} } }`;
const createTransfer = `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } ${errors} } }`;
const browse = `query ($id: ID!, $path: String!, $first: Int, $after: String) {
  cloudAccount(id: $id) { entries(path: $path, first: $first, after: $after) {
    nodes { path name kind size storageClass } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`;

let api: TestApi;
let store: TestStore;
let token: string;
let userId: string;
beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('photos')]);
  await Promise.all(['archive', 'empty'].map((Bucket) => store.client.send(new CreateBucketCommand({ Bucket }))));
  for (const key of ['2024/a.jpg', '2024/b.jpg', '2025/c.jpg', 'ä ö?.txt', 'note.txt', 'zero']) {
    await store.put(key, key === 'zero' ? 0 : 5);
  }
  // A folder that lies there as an empty object of its own.
  await store.client.send(new PutObjectCommand({ Bucket: 'photos', Key: '2024/', Body: Buffer.alloc(0) }));
});
afterAll(async () => {
  await api.close();
  await store.close();
});
beforeEach(async () => {
  ({ token, userId } = await api.signUp());
});

const wrongSecret = () => {
  const input = credentialsInput(store);
  return { s3: { ...input.s3, secretAccessKey: 'not-the-secret-key' } };
};

describe('connecting', () => {
  test('tries the credentials, keeps them sealed and answers everything but them', async () => {
    const answer = await api.query(
      connect,
      { input: { name: ' Photos ', credentials: credentialsInput(store) } },
      { token },
    );
    expect(answer.data.connectAccount).toEqual({
      account: {
        id: expect.any(String),
        provider: 'S3',
        name: 'Photos',
        identity: 'skyferry-test',
        endpoint: store.server.endpoint,
        region: 'us-east-1',
        status: 'CONNECTED',
        error: null,
        lastCheckedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      },
      userErrors: [],
    });
    const row = await api.db.cloudAccount.findFirstOrThrow({ where: { userId } });
    expect(row.keyId).toBe('test');
    const { s3 } = credentialsInput(store);
    const kept = JSON.stringify(row) + Buffer.from(row.sealedCredentials ?? []).toString('latin1');
    expect(kept).not.toContain(s3.secretAccessKey);
    expect(row.capabilities).toMatchObject({ listing: { order: 'bytes' } });
    const event = await api.db.auditEvent.findFirstOrThrow({ where: { userId, action: 'account.connect' } });
    expect(event).toMatchObject({ subjectType: 'cloud-account', subjectId: row.id, ipAddress: '127.0.0.1' });
    expect(JSON.stringify(event)).not.toContain(s3.secretAccessKey);
  });

  test('keeps nothing when the cloud refuses, and says what to do', async () => {
    const { data } = await api.query(connect, { input: { name: 'X', credentials: wrongSecret() } }, { token });
    expect(data.connectAccount).toEqual({
      account: null,
      userErrors: [
        {
          field: ['input', 'credentials'],
          code: 'CREDENTIALS_INVALID',
          message: expect.any(String),
          remedy: expect.stringMatching(/complete, and neither revoked nor expired/),
        },
      ],
    });
    expect(JSON.stringify(data)).not.toContain('not-the-secret-key');
    expect(await api.db.cloudAccount.count({ where: { userId } })).toBe(0);
  });

  test('testing credentials stores nothing either way', async () => {
    const good = await api.query(tryCredentials, { input: { credentials: credentialsInput(store) } }, { token });
    expect(good.data.testCredentials).toEqual({ ok: true, identity: 'skyferry-test', userErrors: [] });
    const bad = await api.query(tryCredentials, { input: { credentials: wrongSecret() } }, { token });
    expect(bad.data.testCredentials).toMatchObject({
      ok: false,
      identity: null,
      userErrors: [{ code: 'CREDENTIALS_INVALID' }],
    });
    expect(await api.db.cloudAccount.count({ where: { userId } })).toBe(0);
  });

  test('an endpoint at a private address that the operator did not list is refused before any connection', async () => {
    const own = await startTestApi({ ALLOWED_PRIVATE_ADDRESSES: '' });
    try {
      const user = await own.signUp();
      const before = store.server.observer.counters('ListBuckets').requests;
      for (const endpoint of [store.server.endpoint, 'http://169.254.169.254', 'http://[::1]:9000']) {
        const input = credentialsInput(store);
        const credentials = { s3: { ...input.s3, endpoint } };
        const { data } = await own.query(tryCredentials, { input: { credentials } }, { token: user.token });
        expect(data.testCredentials).toMatchObject({ ok: false, userErrors: [{ code: 'ADDRESS_NOT_ALLOWED' }] });
      }
      expect(store.server.observer.counters('ListBuckets').requests).toBe(before);
    } finally {
      await own.close();
    }
  });

  test.each([
    [['credentials', 's3', 'endpoint'], { s3: { accessKeyId: 'a', secretAccessKey: 'b', endpoint: 'ftp://x' } }],
    [['credentials', 's3', 'endpoint'], { s3: { accessKeyId: 'a', secretAccessKey: 'b', endpoint: 'http://x\0' } }],
    [['credentials', 's3', 'accessKeyId'], { s3: { accessKeyId: '', secretAccessKey: 'b' } }],
    [['credentials', 's3', 'region'], { s3: { accessKeyId: 'a', secretAccessKey: 'b', region: 'r'.repeat(65) } }],
    [['credentials', 'azure', 'accountKey'], { azure: { accountName: 'acc' } }],
    [['credentials', 'azure', 'accountKey'], { azure: { accountName: 'acc', accountKey: 'eA==', sasToken: 'sv=1' } }],
    [['credentials', 'azure', 'accountKey'], { azure: { accountName: 'acc', accountKey: 'not base64' } }],
  ])('wrong credentials are refused by field: %j', async (path, credentials) => {
    const { data } = await api.query(connect, { input: { name: 'X', credentials } }, { token });
    expect(data.connectAccount.userErrors).toMatchObject([{ field: ['input', ...path], code: 'INVALID_INPUT' }]);
  });

  test('an endpoint of another kind of store is named as such', async () => {
    const azure = { accountName: 'account', accountKey: 'a2V5', endpoint: store.server.endpoint };
    const { data } = await api.query(tryCredentials, { input: { credentials: { azure } } }, { token });
    expect(data.testCredentials.userErrors).toMatchObject([
      { field: ['input', 'credentials'], code: 'ENDPOINT_INVALID' },
    ]);
  });

  test('exactly one kind of credentials is given', async () => {
    const both = { ...credentialsInput(store), azure: { accountName: 'acc', accountKey: 'eA==' } };
    for (const credentials of [{}, both]) {
      const { data, errors: found } = await api.query(connect, { input: { name: 'X', credentials } }, { token });
      expect(data ?? null).toBeNull();
      expect(found?.[0]?.extensions.code).toBe('INVALID_INPUT');
    }
  });

  test('credentials can be tried 60 times in 10 minutes', async () => {
    const own = await startTestApi();
    try {
      const user = await own.signUp();
      const input = { credentials: credentialsInput(store) };
      for (let tries = 0; tries < 60; tries++) {
        const { data } = await own.query(tryCredentials, { input }, { token: user.token });
        expect(data.testCredentials.ok).toBe(true);
      }
      const { data } = await own.query(tryCredentials, { input }, { token: user.token });
      expect(data.testCredentials).toMatchObject({ ok: false, userErrors: [{ code: 'RATE_LIMITED', field: null }] });
    } finally {
      await own.close();
    }
  });
});

describe('a connected account', () => {
  let id: string;
  beforeEach(async () => {
    id = await api.connect(token, store, 'Photos');
  });

  test('can be renamed', async () => {
    const { data } = await api.query(rename, { input: { id, name: 'Pictures' } }, { token });
    expect(data.renameAccount).toMatchObject({ account: { id, name: 'Pictures' }, userErrors: [] });
    for (const name of [' ', 'a\0b', 'a\ud800b', 'a\nb', 'x'.repeat(101)]) {
      const wrong = await api.query(rename, { input: { id, name } }, { token });
      expect(wrong.data.renameAccount.userErrors).toMatchObject([{ field: ['input', 'name'], code: 'INVALID_INPUT' }]);
    }
  });

  test('shows a failing test as its state, and recovers by the next one', async () => {
    const fault = store.server.faults.add({
      match: { operation: 'ListBuckets', count: 1000 },
      action: { kind: 'status', status: 503 },
    });
    const failing = await api.query(testAccount, { input: { id } }, { token });
    fault.remove();
    expect(failing.data.testAccount).toMatchObject({
      account: { status: 'FAILING', error: { code: 'THROTTLED', remedy: expect.any(String) } },
      userErrors: [],
    });
    const recovered = await api.query(testAccount, { input: { id } }, { token });
    expect(recovered.data.testAccount.account).toMatchObject({ status: 'CONNECTED', error: null });
  });

  test('is disconnected for good: credentials wiped, no browsing, no transfer; again is no error', async () => {
    const first = await api.query(disconnect, { input: { id } }, { token });
    expect(first.data.disconnectAccount).toMatchObject({ account: { status: 'DISCONNECTED' }, userErrors: [] });
    const row = await api.db.cloudAccount.findFirstOrThrow({ where: { userId } });
    expect(row).toMatchObject({ sealedCredentials: null, keyId: null });
    const again = await api.query(disconnect, { input: { id } }, { token });
    expect(again.data.disconnectAccount.userErrors).toEqual([]);
    const browsed = await api.query(browse, { id, path: '' }, { token });
    expect(browsed.errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT', remedy: expect.any(String) });
    const tested = await api.query(testAccount, { input: { id } }, { token });
    expect(tested.data.testAccount.userErrors).toMatchObject([{ code: 'CONFLICT' }]);
    const other = await api.connect(token, store);
    const input = {
      sourceAccountId: id,
      sourcePaths: ['photos/'],
      destinationAccountId: other,
      destinationPath: 'archive/',
    };
    const ordered = await api.query(createTransfer, { input }, { token });
    expect(ordered.data.createTransfer.userErrors).toMatchObject([
      { field: ['input', 'sourceAccountId'], code: 'CONFLICT' },
    ]);
  });

  test('is not disconnected while a transfer uses it', async () => {
    const input = {
      sourceAccountId: id,
      sourcePaths: ['photos/'],
      destinationAccountId: id,
      destinationPath: 'archive/',
    };
    const { data } = await api.query(createTransfer, { input }, { token });
    const refused = await api.query(disconnect, { input: { id } }, { token });
    expect(refused.data.disconnectAccount).toMatchObject({ account: null, userErrors: [{ code: 'CONFLICT' }] });
    const cancel = 'mutation ($input: CancelTransferInput!) { cancelTransfer(input: $input) { transfer { state } } }';
    await api.query(cancel, { input: { id: data.createTransfer.transfer.id } }, { token });
    const allowed = await api.query(disconnect, { input: { id } }, { token });
    expect(allowed.data.disconnectAccount.account.status).toBe('DISCONNECTED');
  });

  test('keeps its credentials while an upload that was given up waits to be dropped, though not for ever', async () => {
    const { id: accountId } = await api.db.cloudAccount.findFirstOrThrow({ where: { userId } });
    const session = { id: 'upload', container: 'photos', key: 'half', sizeBytes: 1, metadata: { user: {} } };
    const left = { accountId, session };
    await api.db.abandonedUpload.create({ data: left });
    // By the database's clock, whatever that of this machine says.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    const waiting = await api.query(disconnect, { input: { id } }, { token });
    expect(waiting.data.disconnectAccount).toMatchObject({
      account: null,
      userErrors: [{ code: 'CONFLICT', message: expect.stringContaining('in 35 minutes at the latest') }],
    });
    expect(
      (await api.db.cloudAccount.findUniqueOrThrow({ where: { id: accountId } })).sealedCredentials,
    ).not.toBeNull();
    vi.useRealTimers();
    await api.db.abandonedUpload.updateMany({ data: { createdAt: new Date(Date.now() - 36 * 60_000) } });
    const allowed = await api.query(disconnect, { input: { id } }, { token });
    expect(allowed.data.disconnectAccount.account.status).toBe('DISCONNECTED');
    expect(await api.db.abandonedUpload.count({ where: { accountId } })).toBe(0);
  });

  test('cannot get a transfer at the very moment of its disconnection', async () => {
    const input = {
      sourceAccountId: id,
      sourcePaths: ['photos/'],
      destinationAccountId: id,
      destinationPath: 'archive/',
    };
    const answers = await Promise.all([
      ...Array.from({ length: 5 }, () => api.query(createTransfer, { input }, { token })),
      api.query(disconnect, { input: { id } }, { token }),
    ]);
    const row = await api.db.cloudAccount.findFirstOrThrow({ where: { userId } });
    const transfers = await api.db.transfer.count({ where: { userId } });
    expect(answers.flatMap(({ errors: found }) => found ?? [])).toEqual([]);
    expect(row.status === 'DISCONNECTED' ? transfers === 0 : transfers > 0).toBe(true);
  });
});

describe('browsing', () => {
  let id: string;
  beforeEach(async () => {
    id = await api.connect(token, store);
  });
  const level = async (path: string, page: { first?: number; after?: string | null } = {}) => {
    const answer = await api.query(browse, { id, path, ...page }, { token });
    expect(answer.errors).toBeUndefined();
    return answer.data.cloudAccount.entries;
  };

  test('begins with the containers', async () => {
    const { nodes, pageInfo } = await level('');
    expect(nodes).toEqual(
      ['archive', 'empty', 'photos'].map((name) => ({
        path: `${name}/`,
        name,
        kind: 'CONTAINER',
        size: null,
        storageClass: null,
      })),
    );
    expect(pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
  });

  test('shows one level of a container and of a folder, hard names and sizes right', async () => {
    const { nodes } = await level('photos/');
    expect(nodes.map(({ path, name, kind, size }: Record<string, unknown>) => [path, name, kind, size])).toEqual([
      ['photos/2024/', '2024', 'FOLDER', null],
      ['photos/2025/', '2025', 'FOLDER', null],
      ['photos/note.txt', 'note.txt', 'FILE', '5'],
      ['photos/zero', 'zero', 'FILE', '0'],
      ['photos/ä ö?.txt', 'ä ö?.txt', 'FILE', '5'],
    ]);
    const folder = await level('photos/2024/');
    expect(folder.nodes.map(({ path }: { path: string }) => path)).toEqual(['photos/2024/a.jpg', 'photos/2024/b.jpg']);
    expect((await level('empty/')).nodes).toEqual([]);
  });

  test.each([1, 2, 3, 5])('pages of %i give every entry once, in order, and end', async (first) => {
    const whole = (await level('photos/')).nodes.map(({ path }: { path: string }) => path);
    const seen: string[] = [];
    let after: string | null = null;
    for (let pages = 0; pages < 10; pages++) {
      const { nodes, pageInfo } = await level('photos/', { first, after });
      expect(pageInfo.hasPreviousPage).toBe(after !== null);
      seen.push(...nodes.map(({ path }: { path: string }) => path));
      after = pageInfo.endCursor;
      if (!pageInfo.hasNextPage) break;
    }
    expect(seen).toEqual(whole);
  });

  test('goes on after any single entry', async () => {
    const { nodes, edges } = await level('photos/');
    for (const [index, { cursor }] of edges.entries()) {
      const rest = await level('photos/', { after: cursor });
      expect(rest.nodes).toEqual(nodes.slice(index + 1));
    }
  });

  test.each([
    ['INVALID_INPUT', { path: 'photos' }],
    ['INVALID_INPUT', { path: 'photos/note.txt' }],
    ['INVALID_INPUT', { path: '/photos/' }],
    ['INVALID_INPUT', { path: 'photos/', first: 0 }],
    ['INVALID_INPUT', { path: 'photos/', first: 101 }],
    ['INVALID_INPUT', { path: 'photos/', after: 'nonsense' }],
    ['CONTAINER_NOT_FOUND', { path: 'no-such-bucket/' }],
  ])('%s for %j', async (code, variables) => {
    const { data, errors: found } = await api.query(browse, { id, ...variables }, { token });
    expect(data).toEqual({ cloudAccount: { entries: null } });
    expect(found?.[0]).toMatchObject({
      path: ['cloudAccount', 'entries'],
      extensions: { code, requestId: expect.any(String), remedy: expect.any(String) },
    });
  });

  test('one account that does not answer takes no other along', async () => {
    const gone = await startStore('gone');
    await api.connect(token, gone, 'Gone');
    await gone.close();
    const answer = await api.query(
      '{ viewer { cloudAccounts { nodes { name entries { nodes { path } } } } } }',
      {},
      { token },
    );
    const [here, away] = answer.data.viewer.cloudAccounts.nodes;
    expect(here.entries.nodes).toContainEqual({ path: 'photos/' });
    expect(away).toEqual({ name: 'Gone', entries: null });
    expect(answer.errors).toEqual([
      expect.objectContaining({
        path: ['viewer', 'cloudAccounts', 'nodes', 1, 'entries'],
        extensions: expect.objectContaining({ code: 'ENDPOINT_UNREACHABLE' }),
      }),
    ]);
  });

  test('a cursor of another folder is refused', async () => {
    const { pageInfo } = await level('photos/', { first: 1 });
    const { errors: found } = await api.query(browse, { id, path: 'archive/', after: pageInfo.endCursor }, { token });
    expect(found?.[0]?.extensions.code).toBe('INVALID_INPUT');
  });

  test('a cloud that is away is said to be so, not hidden', async () => {
    const fault = store.server.faults.add({
      match: { operation: 'ListObjectsV2', count: 100 },
      action: { kind: 'reset' },
    });
    const { errors: found } = await api.query(browse, { id, path: 'photos/' }, { token });
    fault.remove();
    expect(found?.[0]?.extensions.code).toBe('PROVIDER_UNAVAILABLE');
  });
});
