import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { endWith, oddKeys } from '../test/support/ended-transfer.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { create, endWithFailures, mutate, orderWithin, step } from '../test/support/transfer-orders.ts';
import { decodeGlobalId, encodeGlobalId } from './global-id.ts';

let api: TestApi;
let store: TestStore;
let ada: Awaited<ReturnType<TestApi['signUp']>>;
let account: string;
/** Row of an account that keeps less. */
let narrow: string;

beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('photos')]);
  ada = await api.signUp();
  account = await api.connect(ada.token, store, 'Ada\'s "store"');
  // So that there is something to lose.
  const where = { id: rowId(account) };
  const { userId, provider, capabilities } = await api.db.cloudAccount.findUniqueOrThrow({ where });
  const { write, tags, ...others } = capabilities as { write: object; tags: object };
  const less = { ...others, write: { ...write, userMetadata: false }, tags: { ...tags, maxTags: 1 } };
  const data = { userId, provider, name: 'Narrow', identity: 'narrow', capabilities: less };
  narrow = (await api.db.cloudAccount.create({ data })).id;
});
afterAll(async () => {
  await api.close();
  await store.close();
});

async function ordered(): Promise<string> {
  return (await mutate(api, create, orderWithin(account), ada.token)).transfer.id;
}
async function endedWithFailures(): Promise<string> {
  const id = await ordered();
  await endWithFailures(api, id);
  return id;
}
/** One whose destination keeps less than its source. */
async function endedWithLosses(changed: { mode?: 'VERIFY'; options?: object } = {}): Promise<string> {
  const id = await endedWithFailures();
  const data = { destinationAccountId: narrow, options: { keep: { tags: false } }, ...changed };
  await api.db.transfer.update({ where: { id: rowId(id) }, data });
  return id;
}
const rowId = (id: string) => decodeGlobalId(id).id;
const fields = `query ($id: ID!) { transfer(id: $id) { state fidelity { code message }
  csv: report(format: CSV) lines: report(format: JSON_LINES) receipt } }`;
async function links(id: string) {
  const { data, errors } = await api.query(fields, { id }, { token: ada.token });
  expect(errors).toBeUndefined();
  return data.transfer;
}
const pathOf = (id: string, name: string) => `${api.url}/downloads/transfers/${id}/${name}`;
const get = (id: string, name: string, token: string | null = ada.token, method = 'GET') =>
  fetch(pathOf(id, name), { method, headers: token === null ? {} : { authorization: `Bearer ${token}` } });
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Cells of RFC 4180, by a reader of the test's own. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)?.push(quoted === undefined ? (plain as string) : quoted.replaceAll('""', '"'));
    if (end === '\r\n') rows.push([]);
  }
  return rows.slice(0, -1);
}

describe('who gets a report', () => {
  let id: string;
  beforeAll(async () => {
    id = await endedWithFailures();
  });

  test('its owner, by token and by cookie, and the addresses lead there', async () => {
    const { csv, lines, receipt } = await links(id);
    const { publicUrl } = { publicUrl: `http://localhost:${new URL(api.url).port}` };
    for (const [url, name] of [
      [csv, 'report.csv'],
      [lines, 'report.jsonl'],
      [receipt, 'receipt.json'],
    ]) {
      expect(url).toBe(`${publicUrl}/downloads/transfers/${id}/${name}`);
      const answer = await get(id, name);
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
      expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="skyferry-${rowId(id)}-${name}"`);
      const head = await get(id, name, ada.token, 'HEAD');
      expect([head.status, head.headers.get('content-type')]).toEqual([200, answer.headers.get('content-type')]);
      expect(await head.text()).toBe('');
    }
    const signIn = await api.query(
      'mutation ($input: SignInInput!) { signIn(input: $input) { userErrors { message } } }',
      { input: { email: ada.email, password: ada.password } },
    );
    const cookie = signIn.headers.getSetCookie().map((line) => line.split(';')[0]);
    const answer = await fetch(pathOf(id, 'report.jsonl'), { headers: { cookie: cookie.join('; ') } });
    expect(answer.status).toBe(200);
  });

  test.each(['report.csv', 'report.jsonl', 'receipt.json'])(
    'nobody else gets %s, and cannot tell that it is there',
    async (name) => {
      const bob = await api.signUp('Bob');
      const unknown = Buffer.from('Transfer:01890000-0000-7000-8000-000000000000').toString('base64url');
      const foreign = await get(id, name, bob.token);
      const missing = await get(unknown, name, bob.token);
      expect([foreign.status, missing.status]).toEqual([404, 404]);
      const told = async (answer: Response) => {
        const { errors } = (await answer.json()) as { errors: { extensions: object }[] };
        return errors.map(({ extensions, ...error }) => ({ ...error, extensions: { ...extensions, requestId: '' } }));
      };
      const answers = await told(foreign);
      expect(answers).toEqual(await told(missing));
      expect(answers).toMatchObject([{ message: 'There is no such transfer.', extensions: { code: 'NOT_FOUND' } }]);
      const nobody = await get(id, name, null);
      expect([nobody.status, await nobody.json()]).toMatchObject([
        401,
        { errors: [{ extensions: { code: 'UNAUTHENTICATED', remedy: expect.any(String) } }] },
      ]);
      // The field of somebody else's transfer cannot be asked either.
      expect((await api.query(fields, { id }, { token: bob.token })).data.transfer).toBeNull();
    },
  );

  test('nobody, of what has not ended, is no document, or by another method', async () => {
    const running = await ordered();
    expect(await links(running)).toMatchObject({ csv: null, lines: null, receipt: null });
    const early = await get(running, 'report.csv');
    expect([early.status, await early.json()]).toMatchObject([
      409,
      { errors: [{ message: expect.stringContaining('has not ended'), extensions: { code: 'CONFLICT' } }] },
    ]);
    for (const name of ['report.pdf', 'report.csv/more', '', '..%2f..'])
      expect((await get(id, name)).status, name).toBe(404);
    expect((await fetch(`${api.url}/downloads/`, { headers: { authorization: `Bearer ${ada.token}` } })).status).toBe(
      404,
    );
    const post = await get(id, 'report.csv', ada.token, 'POST');
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

test('the report tells of accounts, losses, every object and the end, and of no secret', async () => {
  const id = await endedWithLosses();
  const text = await (await get(id, 'report.jsonl')).text();
  const records = jsonLines(text);
  expect(records[0]).toMatchObject({
    type: 'transfer',
    reportVersion: 1,
    id,
    state: 'COMPLETED_WITH_ERRORS',
    sourceAccount: 'Ada\'s "store"',
    sourceProvider: 'S3',
    sourcePaths: ['photos/2024/'],
    destinationPath: 'archive/',
    objectsListed: 7,
    objectsFailed: 4,
    bytesVerified: '30',
  });
  const { fidelity } = await links(id);
  expect(fidelity.map(({ code }: { code: string }) => code)).toEqual(['USER_METADATA']);
  expect(records.filter(({ type }) => type === 'fidelity')).toEqual(
    fidelity.map((loss: object) => ({ type: 'fidelity', ...loss })),
  );
  const items = records.filter(({ type }) => type === 'item');
  expect(items.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(items[0]).toEqual({
    type: 'item',
    ordinal: 0,
    action: 'WRITE',
    reason: null,
    route: null,
    fallbackCode: null,
    droppedTags: [],
    sourceRemoval: null,
    state: 'COMPLETED',
    sourcePath: 'photos/2024/0.jpg',
    destinationPath: 'archive/2024/0.jpg',
    sizeBytes: '10',
    sourceEtag: null,
    sourceVersionId: null,
    sourceEvidence: 'PROVIDER_HASH',
    sourceHashAlgorithm: 'crc32c',
    sourceHash: '00000000',
    destinationEvidence: 'PER_PART_HASH',
    destinationHashAlgorithm: 'md5',
    destinationHash: null,
    verified: true,
    attempts: 1,
    errorCode: null,
    errorMessage: null,
    startedAt: null,
    finishedAt: null,
  });
  expect(items[6]).toMatchObject({
    state: 'FAILED',
    errorCode: 'NAME_NOT_ALLOWED',
    errorMessage: 'The cloud refused 6.',
  });
  expect(records.at(-1)).toEqual({
    type: 'end',
    objectsCompleted: 3,
    bytesCompleted: '30',
    manifestSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(text).not.toContain(store.keys.secretAccessKey);
  expect(text).not.toContain(store.keys.accessKeyId);
});

test('what an account can keep is unknown until it was checked', async () => {
  const id = await endedWithFailures();
  const where = { id: rowId(account) };
  const { capabilities } = await api.db.cloudAccount.findUniqueOrThrow({ where });
  await api.db.cloudAccount.update({ where, data: { capabilities: {} } });
  expect((await links(id)).fidelity).toBeNull();
  expect(await (await get(id, 'report.csv')).text()).toContain('fidelity,UNKNOWN,');
  await api.db.cloudAccount.update({ where, data: { capabilities: capabilities as object } });
});

test('a comparison leaves nothing behind', async () => {
  const id = await endedWithLosses({ mode: 'VERIFY' });
  expect((await links(id)).fidelity).toEqual([]);
  expect(await (await get(id, 'report.csv')).text()).not.toContain('fidelity,');
});

test('that some tags do not fit is told where tags are to travel', async () => {
  const told = async (keepsTags: boolean) => {
    const id = await endedWithLosses({ options: { keep: { tags: keepsTags } } });
    const codes = (losses: { code: string }[]) => losses.map(({ code }) => code);
    const document = `query ($source: ID!, $destination: ID!, $tags: Boolean) {
      transferFidelity(sourceAccountId: $source, destinationAccountId: $destination, tags: $tags) { code } }`;
    const variables = { source: account, destination: encodeGlobalId('CloudAccount', narrow), tags: keepsTags };
    const before = (await api.query(document, variables, { token: ada.token })).data.transferFidelity;
    const lines = jsonLines(await (await get(id, 'report.jsonl')).text());
    return [codes(before), codes((await links(id)).fidelity), codes(lines.filter(({ type }) => type === 'fidelity'))];
  };
  expect(await told(true)).toEqual(Array(3).fill(['USER_METADATA', 'TAGS']));
  expect(await told(false)).toEqual(Array(3).fill(['USER_METADATA']));
});

test('the CSV is one table, and no name in it is a formula or breaks a line', async () => {
  const id = await ordered();
  await endWith(api.db, rowId(id), 520, { keys: oddKeys });
  // Whole paths begin with a container; messages and names of accounts are free text.
  await api.db.transferItem.update({
    where: { transferId_ordinal: { transferId: rowId(id), ordinal: 0 } },
    data: { sourceContainer: '=1+1', destinationContainer: '@SUM(A1)', errorCode: 'THROTTLED', errorMessage: '-1' },
  });
  const rows = readCsv(await (await get(id, 'report.csv')).text());
  const [columns = [], ...lines] = rows;
  expect(new Set(rows.map((row) => row.length))).toEqual(new Set([columns.length]));
  const cell = (row: string[], name: string) => row[columns.indexOf(name)];
  const items = lines.filter((row) => cell(row, 'type') === 'item');
  expect(items.length).toBe(520);
  expect([cell(items[0] as string[], 'sourcePath'), cell(items[0] as string[], 'destinationPath')]).toEqual([
    `'=1+1/${oddKeys[0]}`,
    `'@SUM(A1)/${oddKeys[0]}`,
  ]);
  expect(cell(items[0] as string[], 'errorMessage')).toBe("'-1");
  for (const [index, key] of oddKeys.entries())
    if (index > 0) expect(cell(items[index] as string[], 'sourcePath')).toBe(`photos/${key}`);
  expect(lines.flat().filter((text) => /^[=+@\t\r-]/.test(text))).toEqual([]);
  const facts = Object.fromEntries(
    lines.filter((row) => cell(row, 'type') !== 'item').map((row) => [cell(row, 'name'), cell(row, 'value')]),
  );
  expect(facts).toMatchObject({ id, sourcePaths: '["photos/2024/"]', objectsCompleted: '520' });
  expect(cell(lines.at(-1) as string[], 'type')).toBe('end');
  // JSON Lines tell the same exactly.
  const exact = jsonLines(await (await get(id, 'report.jsonl')).text()).filter(({ type }) => type === 'item');
  expect(exact.slice(1, oddKeys.length).map(({ sourcePath }) => sourcePath)).toEqual(
    oddKeys.slice(1).map((key) => `photos/${key}`),
  );
});

test('ordinals that listing again left out are gaps, however wide', async () => {
  const id = await ordered();
  const transferId = rowId(id);
  await endWith(api.db, transferId, 1000);
  const [gone, last] = [{ gte: 50, lt: 730 }, 999];
  await api.db.transferItem.deleteMany({ where: { transferId, ordinal: gone } });
  const records = jsonLines(await (await get(id, 'report.jsonl')).text());
  expect(records.filter(({ type }) => type === 'item').map(({ ordinal }) => ordinal)).toEqual(
    Array.from({ length: last + 1 }, (_, n) => n).filter((n) => n < gone.gte || n >= gone.lt),
  );
});

test('a cancelled transfer tells of its unfinished objects as cancelled', async () => {
  const id = await endedWithFailures();
  await api.db.transferItem.updateMany({ where: { transferId: rowId(id), ordinal: 5 }, data: { state: 'RUNNING' } });
  await api.db.transfer.update({ where: { id: rowId(id) }, data: { state: 'CANCELLED', sequence: { increment: 1 } } });
  const records = jsonLines(await (await get(id, 'report.jsonl')).text());
  expect(records.find(({ ordinal }) => ordinal === 5)).toMatchObject({ state: 'CANCELLED' });
});

describe('a receipt', () => {
  const receiptOf = async (id: string, from: TestApi = api) =>
    fetch(`${from.url}/downloads/transfers/${id}/receipt.json`, { headers: { authorization: `Bearer ${ada.token}` } });

  test('is made once, also by several processes at once, with one key', async () => {
    const other = await startTestApi({
      DATABASE_URL: api.config.DATABASE_URL,
      REDIS_URL: api.config.REDIS_URL,
      AUTH_SECRET: api.config.AUTH_SECRET,
      KEY_ENCRYPTION_KEY: api.config.KEY_ENCRYPTION_KEY,
      PUBLIC_URL: 'http://localhost:1',
    });
    try {
      await api.db.receiptKey.deleteMany();
      const id = await endedWithFailures();
      const answers = await Promise.all(
        [api, other, api, other, api, other].map(async (from) => (await receiptOf(id, from)).text()),
      );
      expect(new Set(answers).size).toBe(1);
      expect(JSON.parse(answers[0] as string).receipt).toMatchObject({
        transferId: id,
        objectsCompleted: 3,
        objectsFailed: 4,
      });
      expect(await api.db.receiptKey.count()).toBe(1);
    } finally {
      await other.close();
    }
  });

  test('stays as it is when failed objects are retried: the follow-up gets its own, once it has ended', async () => {
    const id = await endedWithFailures();
    const receipt = await (await receiptOf(id)).text();
    const { transfer } = await mutate(api, step('retryFailedItems'), { transferId: id }, ada.token);
    expect((await receiptOf(transfer.id)).status).toBe(409);
    expect(await (await receiptOf(id)).text()).toBe(receipt);
    const transferId = rowId(transfer.id);
    await api.db.transferItem.updateMany({
      where: { transferId },
      data: {
        state: 'COMPLETED',
        evidence: { source: { kind: 'size-only' }, destination: { kind: 'size-only' }, verified: false },
      },
    });
    await api.db.transfer.update({
      where: { id: transferId },
      data: { state: 'COMPLETED', finishedAt: new Date(), sequence: { increment: 1 } },
    });
    const own = (await (await receiptOf(transfer.id)).json()).receipt;
    expect(own).toMatchObject({ transferId: transfer.id, objectsCompleted: 3, objectsFailed: 0 });
    const end = jsonLines(await (await get(transfer.id, 'report.jsonl')).text()).at(-1);
    expect(end.manifestSha256).toBe(own.manifestSha256);
  });

  test('is another one when objects have changed since, as those of a cancelled transfer may', async () => {
    const id = await endedWithFailures();
    const first = (await (await receiptOf(id)).json()).receipt;
    const transferId = rowId(id);
    await api.db.transferItem.updateMany({ where: { transferId, ordinal: 0 }, data: { state: 'CANCELLED' } });
    await api.db.transfer.update({ where: { id: transferId }, data: { sequence: { increment: 1 } } });
    const second = (await (await receiptOf(id)).json()).receipt;
    expect(second.objectsCompleted).toBe(2);
    expect(Number(second.sequence)).toBeGreaterThan(Number(first.sequence));
    expect(second.manifestSha256).not.toBe(first.manifestSha256);
  });

  test('is signed with a new key once the old one is lost; both are published, and no private half is', async () => {
    await receiptOf(await endedWithFailures());
    await api.db.receiptKey.updateMany({ data: { sealedPrivateKey: null, keyId: null } });
    const { receipt } = await (await receiptOf(await endedWithFailures())).json();
    const answer = await fetch(`${api.url}/.well-known/skyferry-receipt-keys`);
    const { keys } = (await answer.json()) as { keys: { kid: string }[] };
    expect(keys.length).toBeGreaterThan(1);
    expect(keys[0]).toEqual({
      kty: 'OKP',
      crv: 'Ed25519',
      x: expect.any(String),
      kid: receipt.keyId,
      alg: 'EdDSA',
      use: 'sig',
    });
  });
});
