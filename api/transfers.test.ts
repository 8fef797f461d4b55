import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { decodeGlobalId, encodeGlobalId } from './global-id.ts';

const errors = 'userErrors { field code message remedy }';
const create = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { id name state priority startAt canPause canResume canCancel canRetryFailed
    source { id } destination { id } sourcePaths destinationPath
    progress { sequence state listingComplete objectsListed bytesListed speedBytesPerSecond etaMs } } ${errors} } }`;
const step = (name: string) =>
  `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) {
    ${name}(input: $input) { transfer { id state canPause canResume canCancel canRetryFailed progress { sequence } } ${errors} } }`;

let api: TestApi;
let store: TestStore;
let token: string;
let userId: string;
let account: string;
beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('photos')]);
  ({ token, userId } = await api.signUp());
  account = await api.connect(token, store);
});
afterAll(async () => {
  await api.close();
  await store.close();
});

const order = (more: object = {}) => ({
  sourceAccountId: account,
  sourcePaths: ['photos/2024/'],
  destinationAccountId: account,
  destinationPath: 'archive/',
  ...more,
});
const send = async (document: string, input: object, as = token) => {
  const answer = await api.query(document, { input }, { token: as });
  expect(answer.errors).toBeUndefined();
  return Object.values(answer.data)[0] as {
    transfer: Record<string, unknown> & { id: string; progress: { sequence: string } };
    userErrors: Record<string, unknown>[];
  };
};
const rowId = (globalId: string) => decodeGlobalId(globalId).id;

describe('ordering a transfer', () => {
  test('keeps it and promises the work in one transaction', async () => {
    const { transfer, userErrors } = await send(create, order({ priority: 'HIGH', name: ' Holiday ' }));
    expect(userErrors).toEqual([]);
    expect(transfer).toMatchObject({
      name: 'Holiday',
      state: 'QUEUED',
      priority: 'HIGH',
      startAt: null,
      source: { id: account },
      destination: { id: account },
      sourcePaths: ['photos/2024/'],
      destinationPath: 'archive/',
      canPause: true,
      canResume: false,
      canCancel: true,
      canRetryFailed: false,
      progress: {
        sequence: '1',
        state: 'QUEUED',
        listingComplete: false,
        objectsListed: 0,
        bytesListed: '0',
        speedBytesPerSecond: '0',
        etaMs: null,
      },
    });
    const id = rowId(transfer.id);
    const [promise] = await api.db.outbox.findMany({ where: { jobId: `t-${id}-1` } });
    expect(promise).toMatchObject({ jobName: 'transfer.plan', payload: { transferId: id, attempt: 1 } });
    const event = await api.db.auditEvent.findFirst({ where: { action: 'transfer.create', subjectId: id } });
    expect(event?.userId).toBe(userId);
  });

  test('for later waits until then', async () => {
    const startAt = new Date(Date.now() + 3_600_000).toISOString();
    const { transfer } = await send(create, order({ startAt }));
    expect(transfer).toMatchObject({ state: 'SCHEDULED', startAt });
  });

  test.each([
    ['sourcePaths', { sourcePaths: [] }],
    ['sourcePaths', { sourcePaths: Array.from({ length: 1001 }, (_, index) => `photos/${index}`) }],
    ['sourcePaths', { sourcePaths: ['photos'] }],
    ['sourcePaths', { sourcePaths: ['/photos/'] }],
    ['sourcePaths', { sourcePaths: ['photos/\ud800'] }],
    ['sourcePaths', { sourcePaths: [`photos/${'x'.repeat(500_000)}`] }],
    ['destinationPath', { destinationPath: 'archive/file' }],
    ['destinationPath', { destinationPath: '' }],
    ['destinationPath', { destinationPath: `archive/${'x'.repeat(1_022)}/` }],
    ['destinationPath', { destinationPath: 'archive/\ud800/' }],
    ['destinationPath', { sourcePaths: ['photos/'], destinationPath: 'photos/copy/' }],
    ['startAt', { startAt: '2020-01-01T00:00:00Z' }],
    ['startAt', { startAt: new Date(Date.now() + 370 * 24 * 3_600_000).toISOString() }],
    ['name', { name: 'x'.repeat(201) }],
    ['name', { name: 'a\0b' }],
    ['name', { name: 'a\ud800b' }],
    ['name', { name: 'a\nb' }],
    ['idempotencyKey', { idempotencyKey: '' }],
    ['idempotencyKey', { idempotencyKey: 'a\0b' }],
    ['idempotencyKey', { idempotencyKey: '\ud800' }],
    ['idempotencyKey', { idempotencyKey: 'k'.repeat(256) }],
  ])('a wrong %s is named and nothing is kept', async (field, more) => {
    const before = await api.db.transfer.count();
    const { transfer, userErrors } = await send(create, order(more));
    expect(transfer).toBeNull();
    expect(userErrors).toMatchObject([{ field: ['input', field], code: 'INVALID_INPUT', remedy: expect.any(String) }]);
    expect(await api.db.transfer.count()).toBe(before);
  });

  test.each(['sourceAccountId', 'destinationAccountId'])('an unknown %s is not found', async (field) => {
    for (const id of [
      'nonsense',
      encodeGlobalId('CloudAccount', '01900000-0000-7000-8000-000000000000'),
      account.slice(1),
    ]) {
      const { transfer, userErrors } = await send(create, order({ [field]: id }));
      expect(transfer).toBeNull();
      expect(userErrors).toMatchObject([{ field: ['input', field], code: 'NOT_FOUND' }]);
    }
  });
});

describe('an idempotency key', () => {
  test('gives a replay the same transfer, and makes one only', async () => {
    const input = order({ idempotencyKey: 'replay' });
    const first = await send(create, input);
    const again = await send(create, input);
    expect(again.transfer.id).toBe(first.transfer.id);
    expect(again.userErrors).toEqual([]);
    expect(await api.db.transfer.count({ where: { id: rowId(first.transfer.id) } })).toBe(1);
  });

  test('serialises replays that come at once', async () => {
    const before = await api.db.transfer.count();
    const input = order({ idempotencyKey: 'at-once' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(create, input)));
    expect(new Set(answers.map(({ transfer }) => transfer.id)).size).toBe(1);
    expect(await api.db.transfer.count()).toBe(before + 1);
  });

  test('with other arguments, or for another mutation, is refused', async () => {
    await send(create, order({ idempotencyKey: 'other' }));
    const changed = await send(create, order({ idempotencyKey: 'other', destinationPath: 'elsewhere/' }));
    expect(changed).toMatchObject({
      transfer: null,
      userErrors: [{ field: ['input', 'idempotencyKey'], code: 'IDEMPOTENCY_KEY_REUSED' }],
    });
  });

  test('belongs to its user', async () => {
    const other = await api.signUp();
    const theirs = await api.connect(other.token, store);
    const mine = await send(create, order({ idempotencyKey: 'shared' }));
    const input = { ...order({ idempotencyKey: 'shared' }), sourceAccountId: theirs, destinationAccountId: theirs };
    const { transfer, userErrors } = await send(create, input, other.token);
    expect(userErrors).toEqual([]);
    expect(transfer.id).not.toBe(mine.transfer.id);
  });

  test('is free again when the first request failed, and after 24 hours', async () => {
    const failed = await send(create, order({ idempotencyKey: 'free', destinationPath: 'no-folder' }));
    expect(failed.transfer).toBeNull();
    const first = await send(create, order({ idempotencyKey: 'free' }));
    expect(first.userErrors).toEqual([]);
    const { expiresAt } = await api.db.idempotencyKey.findFirstOrThrow({ where: { userId, key: 'free' } });
    expect(expiresAt.getTime() - Date.now()).toBeGreaterThan(23.9 * 3_600_000);
    await api.db.idempotencyKey.updateMany({ where: { userId, key: 'free' }, data: { expiresAt: new Date(0) } });
    const later = await send(create, order({ idempotencyKey: 'free' }));
    expect(later.userErrors).toEqual([]);
    expect(later.transfer.id).not.toBe(first.transfer.id);
  });

  test('of connectAccount gives the same account, sees other credentials, and keeps no fingerprint of them', async () => {
    const connect = `mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { account { id } ${errors} } }`;
    const { provider: _provider, ...fields } = store.credentials as { provider: string; secretAccessKey: string };
    const input = { name: 'Once', credentials: { s3: { ...fields, addressing: 'PATH' } }, idempotencyKey: 'connect' };
    const ask = async (given: object) => (await api.query(connect, { input: given }, { token })).data.connectAccount;
    const answers = await Promise.all([ask(input), ask(input), ask(input)]);
    expect(new Set(answers.map((answer) => answer.account.id)).size).toBe(1);
    const other = { ...input, credentials: { s3: { ...input.credentials.s3, secretAccessKey: 'another' } } };
    expect((await ask(other)).userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
    const kept = await api.db.idempotencyKey.findFirstOrThrow({ where: { userId, key: 'connect' } });
    // Without the server's secret the same arguments give another hash.
    const strangers = await startTestApi({ DATABASE_URL: api.config.DATABASE_URL, REDIS_URL: api.config.REDIS_URL });
    try {
      const answer = await strangers.query('mutation ($input: SignInInput!) { signIn(input: $input) { token } }', {
        input: {
          email: (await api.db.user.findUniqueOrThrow({ where: { id: userId } })).email,
          password: 'correct horse battery',
        },
      });
      const { data } = await strangers.query(connect, { input }, { token: answer.data.signIn.token });
      expect(data.connectAccount.userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
    } finally {
      await strangers.close();
    }
    expect(kept.argumentsHash).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("a transfer's life", () => {
  let id: string;
  beforeEach(async () => {
    id = (await send(create, order())).transfer.id;
  });

  test('pauses, resumes, is cancelled; each step raises the sequence, a repeated one changes nothing', async () => {
    const paused = await send(step('pauseTransfer'), { id });
    expect(paused).toMatchObject({
      transfer: { state: 'PAUSED', canPause: false, canResume: true, canCancel: true },
      userErrors: [],
    });
    expect(await send(step('pauseTransfer'), { id })).toEqual(paused);
    const resumed = await send(step('resumeTransfer'), { id });
    expect(resumed).toMatchObject({ transfer: { state: 'QUEUED', canPause: true, canResume: false } });
    expect(BigInt(resumed.transfer.progress.sequence)).toBeGreaterThan(BigInt(paused.transfer.progress.sequence));
    const cancelled = await send(step('cancelTransfer'), { id });
    expect(cancelled).toMatchObject({ transfer: { state: 'CANCELLED', canCancel: false, canRetryFailed: false } });
    const actions = await api.db.auditEvent.findMany({ where: { subjectId: rowId(id) }, orderBy: { id: 'asc' } });
    expect(actions.map(({ action }) => action)).toEqual([
      'transfer.create',
      'transfer.pause',
      'transfer.pause',
      'transfer.resume',
      'transfer.cancel',
    ]);
  });

  test('refuses what its state does not allow', async () => {
    await send(step('cancelTransfer'), { id });
    for (const name of ['pauseTransfer', 'resumeTransfer', 'retryFailedItems']) {
      const { transfer, userErrors } = await send(step(name), { id });
      expect(transfer).toBeNull();
      expect(userErrors).toMatchObject([{ code: 'CONFLICT', message: expect.stringMatching(/cancelled/) }]);
    }
  });

  test('retries what failed, but for names, which no retry mends', async () => {
    await fail(id);
    const { transfer, userErrors } = await send(step('retryFailedItems'), { id });
    expect(userErrors).toEqual([]);
    expect(['QUEUED', 'RUNNING']).toContain(transfer.state);
    const left = await api.db.transferItem.findMany({ where: { transferId: rowId(id), state: 'FAILED' } });
    expect(left.map(({ errorCode }) => errorCode)).toEqual(['NAME_NOT_ALLOWED']);
  });
});

/** Ends a transfer as a worker would: three objects arrived, four failed for two reasons. */
async function fail(globalId: string): Promise<void> {
  const transferId = rowId(globalId);
  await api.db.transferBatch.create({ data: { transferId, number: 0, state: 'DONE', itemCount: 7, sizeBytes: 70 } });
  await api.db.transferItem.createMany({
    data: Array.from({ length: 7 }, (_, ordinal) => ({
      transferId,
      ordinal,
      batchNumber: 0,
      sourceContainer: 'photos',
      sourceKey: `2024/${ordinal}.jpg`,
      destinationContainer: 'archive',
      destinationKey: `2024/${ordinal}.jpg`,
      sizeBytes: 10,
      attempts: 1,
      ...(ordinal < 3
        ? {
            state: 'COMPLETED' as const,
            acknowledgedBytes: 10,
            evidence: {
              source: { kind: 'provider-hash', algorithm: 'crc32c', value: '00000000' },
              destination: { kind: 'per-part-hash', algorithm: 'md5', value: null },
              verified: true,
            },
          }
        : {
            state: 'FAILED' as const,
            errorCode: ordinal === 6 ? 'NAME_NOT_ALLOWED' : 'PERMISSION_DENIED',
            errorMessage: `The cloud refused ${ordinal}.`,
          }),
    })),
  });
  await api.db.transfer.update({
    where: { id: transferId },
    data: {
      state: 'COMPLETED_WITH_ERRORS',
      startedAt: new Date(),
      finishedAt: new Date(),
      listingComplete: true,
      batchesListed: 1,
      batchesDone: 1,
      objectsListed: 7,
      objectsCompleted: 3,
      objectsFailed: 4,
      bytesListed: 70,
      bytesAcknowledged: 30,
      bytesVerified: 30,
      bytesAbandoned: 40,
      sequence: { increment: 1 },
    },
  });
}

describe('reading a transfer', () => {
  let id: string;
  beforeAll(async () => {
    id = (await send(create, order())).transfer.id;
    await fail(id);
  });
  const read = async (selection: string, variables: object = {}, declared = '') => {
    const document = `query ($id: ID! ${declared}) { transfer(id: $id) { ${selection} } }`;
    const answer = await api.query(document, { id, ...variables }, { token });
    expect(answer.errors).toBeUndefined();
    return answer.data.transfer;
  };

  test('groups its failures by reason, most frequent first', async () => {
    const { errorGroups, error, canRetryFailed, progress } = await read(
      'error { code } canRetryFailed errorGroups { code objects exampleKey message remedy } progress { bytesAbandoned objectsFailed etaMs }',
    );
    expect(errorGroups).toEqual([
      {
        code: 'PERMISSION_DENIED',
        objects: 3,
        exampleKey: 'photos/2024/3.jpg',
        // They failed with messages of their own: what is told is true of all.
        message: 'The cloud knows the credentials but does not let them do this.',
        remedy: expect.stringMatching(/permission/),
      },
      {
        code: 'NAME_NOT_ALLOWED',
        objects: 1,
        exampleKey: 'photos/2024/6.jpg',
        message: 'The cloud refused 6.',
        remedy: expect.any(String),
      },
    ]);
    expect({ error, canRetryFailed, progress }).toEqual({
      error: null,
      canRetryFailed: true,
      progress: { bytesAbandoned: '40', objectsFailed: 4, etaMs: null },
    });
  });

  test.each([
    [3_000, 2, 1_500],
    // 31,710 years: GraphQL's Int ends before.
    [1_000_000_000_000, 1, 2_147_483_647],
  ])('estimates the end of %d kB at %d kB/s in whole milliseconds', async (kilobytes, speed, etaMs) => {
    const { transfer } = await send(create, order());
    await api.db.transfer.update({
      where: { id: rowId(transfer.id) },
      data: {
        state: 'RUNNING',
        startedAt: new Date(),
        listingComplete: true,
        batchesListed: 1,
        objectsListed: 1,
        bytesListed: kilobytes,
        speedBytesPerSecond: speed * 1000,
      },
    });
    const document = 'query ($id: ID!) { transfer(id: $id) { progress { etaMs } } }';
    const answer = await api.query(document, { id: transfer.id }, { token });
    expect(answer.errors).toBeUndefined();
    expect(answer.data.transfer.progress.etaMs).toBe(etaMs);
  });

  test('shows the evidence of what arrived and the error of what did not', async () => {
    const { items } =
      await read(`items(first: 4) { nodes { id ordinal state sourcePath destinationPath size acknowledgedBytes attempts
      evidence { verified source { kind algorithm value } destination { kind algorithm value } } error { code message remedy } } }`);
    expect(items.nodes[0]).toEqual({
      id: expect.any(String),
      ordinal: 0,
      state: 'COMPLETED',
      sourcePath: 'photos/2024/0.jpg',
      destinationPath: 'archive/2024/0.jpg',
      size: '10',
      acknowledgedBytes: '10',
      attempts: 1,
      evidence: {
        verified: true,
        source: { kind: 'PROVIDER_HASH', algorithm: 'crc32c', value: '00000000' },
        destination: { kind: 'PER_PART_HASH', algorithm: 'md5', value: null },
      },
      error: null,
    });
    expect(items.nodes[3]).toMatchObject({ state: 'FAILED', evidence: null, error: { code: 'PERMISSION_DENIED' } });
    const node = 'query ($id: ID!) { node(id: $id) { __typename id ... on TransferItem { ordinal } } }';
    const again = await api.query(node, { id: items.nodes[3].id }, { token });
    expect(again.data.node).toEqual({ __typename: 'TransferItem', id: items.nodes[3].id, ordinal: 3 });
  });

  test('pages its items forward and backward, filtered or not', async () => {
    const declared = ', $first: Int, $last: Int, $after: String, $before: String, $states: [TransferItemState!]';
    const page = async (variables: object) =>
      (
        await read(
          `items(first: $first, last: $last, after: $after, before: $before, states: $states) {
            nodes { ordinal } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }`,
          variables,
          declared,
        )
      ).items;
    const ordinals = (items: { nodes: { ordinal: number }[] }) => items.nodes.map(({ ordinal }) => ordinal);
    const first = await page({ first: 3 });
    expect(ordinals(first)).toEqual([0, 1, 2]);
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const second = await page({ first: 3, after: first.pageInfo.endCursor });
    expect(ordinals(second)).toEqual([3, 4, 5]);
    expect(second.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
    const third = await page({ first: 3, after: second.pageInfo.endCursor });
    expect([ordinals(third), third.pageInfo.hasNextPage]).toEqual([[6], false]);
    const last = await page({ last: 2 });
    expect([ordinals(last), last.pageInfo.hasPreviousPage, last.pageInfo.hasNextPage]).toEqual([[5, 6], true, false]);
    const before = await page({ last: 9, before: second.pageInfo.startCursor });
    expect([ordinals(before), before.pageInfo.hasPreviousPage]).toEqual([[0, 1, 2], false]);
    expect(ordinals(await page({ states: ['FAILED'], first: 2 }))).toEqual([3, 4]);
    expect(ordinals(await page({ states: [] }))).toEqual([]);
  });
});

describe('a cancelled transfer', () => {
  test('its objects that had not ended are cancelled, in every view of them', async () => {
    const { id } = (await send(create, order())).transfer;
    const stored = ['COMPLETED', 'RUNNING', 'PENDING', 'FAILED', 'PENDING'] as const;
    await api.db.transferItem.createMany({
      data: stored.map((state, ordinal) => ({
        transferId: rowId(id),
        ordinal,
        batchNumber: 0,
        state,
        sourceContainer: 'photos',
        sourceKey: `2024/${ordinal}.jpg`,
        destinationContainer: 'archive',
        destinationKey: `2024/${ordinal}.jpg`,
        sizeBytes: 10,
      })),
    });
    const document = `query ($id: ID!, $states: [TransferItemState!]) {
      transfer(id: $id) { items(states: $states) { nodes { id ordinal state } } } }`;
    const items = async (states?: string[]) => {
      const answer = await api.query(document, { id, states }, { token });
      expect(answer.errors).toBeUndefined();
      return answer.data.transfer.items.nodes as { id: string; ordinal: number; state: string }[];
    };
    const states = (list: { state: string }[]) => list.map(({ state }) => state);
    const ordinals = (list: { ordinal: number }[]) => list.map(({ ordinal }) => ordinal);
    const before = await items();
    expect(states(before)).toEqual(stored);
    expect(ordinals(await items(['CANCELLED']))).toEqual([]);
    await send(step('cancelTransfer'), { id });

    const cancelled = ['COMPLETED', 'CANCELLED', 'CANCELLED', 'FAILED', 'CANCELLED'];
    expect(states(await items())).toEqual(cancelled);
    expect(ordinals(await items(['CANCELLED']))).toEqual([1, 2, 4]);
    expect(ordinals(await items(['PENDING', 'RUNNING']))).toEqual([]);
    expect(ordinals(await items(['CANCELLED', 'FAILED', 'PENDING']))).toEqual([1, 2, 3, 4]);
    const nodes = await api.query(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on TransferItem { state } } }',
      { ids: before.map((item) => item.id) },
      { token },
    );
    expect(states(nodes.data.nodes)).toEqual(cancelled);
  });
});

describe('the list of transfers', () => {
  test('is newest first, filtered by state, keyset-paged both ways', async () => {
    const own = await api.signUp();
    const theirs = await api.connect(own.token, store);
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) {
      const { transfer } = await send(
        create,
        order({ sourceAccountId: theirs, destinationAccountId: theirs }),
        own.token,
      );
      ids.unshift(transfer.id);
    }
    await send(step('cancelTransfer'), { id: ids[1] }, own.token);
    const list = async (args: string) => {
      const answer = await api.query(
        `{ viewer { transfers(${args}) { nodes { id source { name } } edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor startCursor } } } }`,
        {},
        { token: own.token },
      );
      expect(answer.errors).toBeUndefined();
      return answer.data.viewer.transfers;
    };
    const idsOf = (page: { nodes: { id: string }[] }) => page.nodes.map(({ id }) => id);
    const first = await list('first: 2');
    expect(idsOf(first)).toEqual(ids.slice(0, 2));
    expect(idsOf(await list(`first: 9, after: "${first.pageInfo.endCursor}"`))).toEqual(ids.slice(2));
    expect(idsOf(await list('last: 2'))).toEqual(ids.slice(3));
    expect(idsOf(await list(`last: 1, before: "${first.edges[1].cursor}"`))).toEqual([ids[0]]);
    expect(idsOf(await list('states: [CANCELLED]'))).toEqual([ids[1]]);
    expect(idsOf(await list('states: [QUEUED, CANCELLED]'))).toEqual(ids);
  });

  test.each(['first: 0', 'first: 101', 'last: -1', 'first: 2, last: 2', 'after: "nonsense"', 'before: "bm8"'])(
    'refuses %s',
    async (args) => {
      const { errors: found } = await api.query(`{ viewer { transfers(${args}) { nodes { id } } } }`, {}, { token });
      expect(found?.[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT' });
    },
  );
});
