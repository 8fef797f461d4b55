import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { create, mutate, orderWithin, step } from '../test/support/transfer-orders.ts';
import { decodeGlobalId, encodeGlobalId } from './global-id.ts';

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

const order = (more: object = {}) => orderWithin(account, more);
const send = (document: string, input: object, as = token) => mutate(api, document, input, as);
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
    ['bandwidthLimit', { bandwidthLimit: '32767' }],
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
    const connect = `mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { account { id } userErrors { field code message remedy } } }`;
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

test('what may change of a transfer changes until its end, and nobody else changes it', async () => {
  const update = `mutation ($input: UpdateTransferInput!) {
    updateTransfer(input: $input) { transfer { name priority bandwidthLimit options { concurrency maxTries } progress { sequence } } userErrors { field code } }
  }`;
  const { transfer } = await send(create, order({ name: 'Before', bandwidthLimit: '1000000' }));
  const { id } = transfer;
  const changed = await send(update, { id, name: 'After', priority: 'LOW' });
  expect(changed).toEqual({
    transfer: {
      name: 'After',
      priority: 'LOW',
      bandwidthLimit: '1000000',
      options: { concurrency: null, maxTries: 3 },
      progress: { sequence: '2' },
    },
    userErrors: [],
  });
  const unlimited = await send(update, { id, bandwidthLimit: null });
  expect(unlimited.transfer).toMatchObject({ name: 'After', bandwidthLimit: null });
  const alone = await send(update, { id, concurrency: 1 });
  expect(alone.transfer).toMatchObject({ bandwidthLimit: null, options: { concurrency: 1, maxTries: 3 } });
  const tooMany = await send(update, { id, concurrency: 10_001 });
  expect(tooMany.userErrors).toEqual([{ field: ['input', 'concurrency'], code: 'INVALID_INPUT' }]);
  const together = await send(update, { id, concurrency: null });
  expect(together.transfer).toMatchObject({ options: { concurrency: null, maxTries: 3 } });
  const tooLittle = await send(update, { id, bandwidthLimit: '100' });
  expect(tooLittle.userErrors).toEqual([{ field: ['input', 'bandwidthLimit'], code: 'INVALID_INPUT' }]);
  const stranger = await api.signUp();
  expect((await send(update, { id, name: 'Theirs' }, stranger.token)).userErrors).toMatchObject([
    { code: 'NOT_FOUND' },
  ]);
  await api.db.transfer.update({ where: { id: rowId(id) }, data: { state: 'CANCELLED', finishedAt: new Date() } });
  expect((await send(update, { id, name: 'Late' })).userErrors).toMatchObject([{ code: 'CONFLICT' }]);
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
      const { transfer, userErrors } = await send(
        step(name),
        name === 'retryFailedItems' ? { transferId: id } : { id },
      );
      expect(transfer).toBeNull();
      expect(userErrors).toMatchObject([{ code: 'CONFLICT', message: expect.stringMatching(/cancelled/) }]);
    }
  });
});
