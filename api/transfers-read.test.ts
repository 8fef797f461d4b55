import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { firstCheckpoint } from '../queue/plan-checkpoint.ts';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { createSchedule } from '../test/support/schedules.ts';
import { create, endWithFailures, mutate, orderWithin, step } from '../test/support/transfer-orders.ts';
import { createTransfer } from '../test/support/transfers.ts';
import { decodeGlobalId } from './global-id.ts';

let api: TestApi;
let store: TestStore;
let token: string;

let account: string;
beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('photos')]);
  ({ token } = await api.signUp());
  account = await api.connect(token, store);
});
afterAll(async () => {
  await api.close();
  await store.close();
});

const order = (more: object = {}) => orderWithin(account, more);
const send = (document: string, input: object, as = token) => mutate(api, document, input, as);
const rowId = (globalId: string) => decodeGlobalId(globalId).id;

describe('reading a transfer', () => {
  let id: string;
  beforeAll(async () => {
    id = (await send(create, order())).transfer.id;
    await endWithFailures(api, id);
  });
  const read = async (selection: string, variables: object = {}, declared = '') => {
    const document = `query ($id: ID! ${declared}) { transfer(id: $id) { ${selection} } }`;
    const answer = await api.query(document, { id, ...variables }, { token });
    expect(answer.errors).toBeUndefined();
    return answer.data.transfer;
  };

  test('pages of objects are found however far apart they lie, from both ends', async () => {
    const far = (await send(create, order())).transfer.id;
    const transferId = rowId(far);
    const ordinals = [0, 1, 300, 301, 9_000, 2_000_000, 2_000_001];
    await api.db.transferItem.createMany({
      data: ordinals.map((ordinal) => ({
        transferId,
        ordinal,
        batchNumber: 0,
        ...{ sourceContainer: 'photos', sourceKey: 'a', destinationContainer: 'archive', destinationKey: 'a' },
        sizeBytes: 1,
        state: ordinal % 2 === 0 ? ('PENDING' as const) : ('SKIPPED' as const),
      })),
    });
    await api.db.transfer.update({
      where: { id: transferId },
      data: { planCheckpoint: { ...firstCheckpoint([]), nextOrdinal: 2_000_002 } },
    });
    const page = async (args: object) => {
      const answer = await api.query(
        `query ($id: ID!, $first: Int, $last: Int, $after: String, $before: String, $states: [TransferItemState!]) {
          transfer(id: $id) { items(first: $first, last: $last, after: $after, before: $before, states: $states) {
            nodes { ordinal } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`,
        { id: far, ...args },
        { token },
      );
      const { nodes, pageInfo } = answer.data.transfer.items;
      return { ...pageInfo, found: nodes.map(({ ordinal }: { ordinal: number }) => ordinal) };
    };
    const one = await page({ first: 3 });
    expect(one).toMatchObject({ found: [0, 1, 300], hasNextPage: true });
    const two = await page({ first: 3, after: one.endCursor });
    expect(two).toMatchObject({ found: [301, 9_000, 2_000_000], hasNextPage: true });
    expect(await page({ first: 3, after: two.endCursor })).toMatchObject({ found: [2_000_001], hasNextPage: false });
    const last = await page({ last: 3 });
    expect(last).toMatchObject({ found: [9_000, 2_000_000, 2_000_001], hasPreviousPage: true });
    expect(await page({ last: 9, before: last.startCursor })).toMatchObject({
      found: [0, 1, 300, 301],
      hasPreviousPage: false,
    });
    expect(await page({ states: ['SKIPPED'] })).toMatchObject({ found: [1, 301, 2_000_001], hasNextPage: false });
  });

  test('groups its failures by reason, most frequent first', async () => {
    const { errorGroups, error, canRetryFailed, progress } = await read(
      'error { code } canRetryFailed errorGroups { code objects bytes retriableObjects examplePaths message remedy } progress { bytesAbandoned bytesFailed bytesSkipped bytesSent objectsVerified objectsFailed etaMs }',
    );
    expect(errorGroups).toEqual([
      {
        code: 'PERMISSION_DENIED',
        objects: 3,
        bytes: '30',
        retriableObjects: 3,
        examplePaths: ['photos/2024/3.jpg', 'photos/2024/4.jpg', 'photos/2024/5.jpg'],
        // They failed with messages of their own: what is told is true of all.
        message: 'The cloud knows the credentials but does not let them do this.',
        remedy: expect.stringMatching(/permission/),
      },
      {
        code: 'NAME_NOT_ALLOWED',
        objects: 1,
        bytes: '10',
        retriableObjects: 0,
        examplePaths: ['photos/2024/6.jpg'],
        message: 'The cloud refused 6.',
        remedy: expect.any(String),
      },
    ]);
    expect({ error, canRetryFailed, progress }).toEqual({
      error: null,
      canRetryFailed: true,
      progress: {
        ...{ bytesAbandoned: '40', bytesFailed: '35', bytesSkipped: '5', bytesSent: '37' },
        ...{ objectsVerified: 2, objectsFailed: 4, etaMs: null },
      },
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
        objectsCompleted: 1,
        bytesListed: kilobytes,
        speedBytesPerSecond: 1,
        paceBytesPerSecond: speed * 1000,
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
    const declared =
      ', $first: Int, $last: Int, $after: String, $before: String, $states: [TransferItemState!], $errorCodes: [ErrorCode!]';
    const page = async (variables: object) =>
      (
        await read(
          `items(first: $first, last: $last, after: $after, before: $before, states: $states, errorCodes: $errorCodes) {
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
    expect(ordinals(await page({ errorCodes: ['PERMISSION_DENIED'], first: 2 }))).toEqual([3, 4]);
    expect(ordinals(await page({ errorCodes: ['NAME_NOT_ALLOWED', 'THROTTLED'] }))).toEqual([6]);
    expect(ordinals(await page({ errorCodes: ['NAME_NOT_ALLOWED'], states: ['COMPLETED'] }))).toEqual([]);
  });
});

test('an object tells how it was moved, and why by no better way', async () => {
  const { id } = (await send(create, order())).transfer;
  const ways = [
    { route: 'SERVER_SIDE_COPY', fallbackCode: null },
    { route: 'RELAY', fallbackCode: 'PERMISSION_DENIED' },
    { route: null, fallbackCode: null },
  ] as const;
  await api.db.transferItem.createMany({
    data: ways.map((way, ordinal) => ({
      transferId: rowId(id),
      ordinal,
      batchNumber: 0,
      sourceContainer: 'photos',
      sourceKey: `2024/${ordinal}.jpg`,
      destinationContainer: 'archive',
      destinationKey: `2024/${ordinal}.jpg`,
      sizeBytes: 10,
      ...way,
    })),
  });
  const document = 'query ($id: ID!) { transfer(id: $id) { items { nodes { route fallbackCode } } } }';
  const { data } = await api.query(document, { id }, { token });
  expect(data.transfer.items.nodes).toEqual(ways);
});

test('transfers that a schedule ordered are told apart from others', async () => {
  const { token, userId } = await api.signUp();
  const { id: accountId } = await api.db.cloudAccount.create({
    data: { userId, provider: 'S3', name: 'x', identity: 'x' },
  });
  const scheduleId = await createSchedule(api.db, { userId, accountId });
  for (const data of [{ name: 'run', scheduleId }, { name: 'ordered' }]) {
    await createTransfer(api.db, { userId, accountId }, { batches: [], data });
  }
  const document = `query ($isScheduled: Boolean) { viewer {
    transfers(isScheduled: $isScheduled) { nodes { name } } } }`;
  const names = async (isScheduled?: boolean) => {
    const { data } = await api.query(document, { isScheduled }, { token });
    return data.viewer.transfers.nodes.map(({ name }: { name: string }) => name);
  };
  expect(await names()).toEqual(['ordered', 'run']);
  expect(await names(true)).toEqual(['run']);
  expect(await names(false)).toEqual(['ordered']);
});

test('an object that collides says with which other one', async () => {
  const { id } = (await send(create, order())).transfer;
  await api.db.transferItem.createMany({
    data: [null, 0, 7].map((collidesWith, ordinal) => ({
      ...{ transferId: rowId(id), ordinal, batchNumber: 0, sizeBytes: 10, collidesWith },
      ...{
        sourceContainer: 'photos',
        sourceKey: `${ordinal}.jpg`,
        destinationContainer: 'archive',
        destinationKey: 'x',
      },
    })),
  });
  const document = 'query ($id: ID!) { transfer(id: $id) { items { nodes { collidesWith { sourcePath state } } } } }';
  const { data } = await api.query(document, { id }, { token });
  // The third one's is an object of the transfer that is retried.
  const rival = { sourcePath: 'photos/0.jpg', state: 'PENDING' };
  expect(data.transfer.items.nodes).toEqual([null, rival, null].map((collidesWith) => ({ collidesWith })));
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
