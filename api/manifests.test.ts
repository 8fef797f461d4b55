import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keepManifest, maxManifests, parseManifest } from '../queue/manifest.ts';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore, type TestStore } from '../test/support/engine.ts';
import { mutate, orderWithin, waiting } from '../test/support/transfer-orders.ts';

let api: TestApi;
let store: TestStore;
let token: string;
beforeAll(async () => {
  [api, store] = await Promise.all([startTestApi(), startStore('photos')]);
  ({ token } = await api.signUp());
});
afterAll(async () => {
  await api.close();
  await store.close();
});

async function upload(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}, method = 'POST') {
  const response = await fetch(`${api.url}/manifests`, {
    method,
    headers: { 'content-type': 'text/plain', authorization: `Bearer ${token}`, ...headers },
    ...(method === 'POST' && { body }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  return { status: response.status, body: (await response.json()) as any };
}

test('a manifest of 100,000 paths is kept once and filters a transfer', async () => {
  const lines = Array.from({ length: 100_000 }, (_, index) => `photos/${'deep/'.repeat(20)}${index}.jpg`);
  const first = await upload(lines.join('\n'));
  expect(first).toEqual({ status: 200, body: { id: expect.any(String), pathCount: 100_000 } });
  // In another order, with blank lines and line ends of another system.
  expect(await upload(`\uFEFF${lines.toReversed().join('\r\n')}\r\n\r\n`)).toEqual(first);
  const account = await api.connect(token, store);
  const filter = { manifest: first.body.id, olderThan: 'P4W', newerThan: 'P90DT12H' };
  const { transfer, userErrors } = await mutate(
    api,
    `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id options { filter {
      olderThan newerThan manifest { id pathCount } } } } userErrors { message } } }`,
    orderWithin(account, { options: { filter } }),
    token,
  );
  expect(userErrors).toEqual([]);
  expect(transfer.options).toEqual({
    filter: { olderThan: 'P28D', newerThan: 'P90DT12H', manifest: { id: first.body.id, pathCount: 100_000 } },
  });
});

test('whatever else is to be done has its turn while a long manifest is read', async () => {
  const paths = Array.from({ length: 100_000 }, (_, index) => `photos/${'deep/'.repeat(60)}${index * 7_919}`);
  const { userId } = await api.signUp();
  let isRead = false;
  const reading = parseManifest([Buffer.from(paths.join('\n'))]).finally(() => {
    isRead = true;
  });
  let turns = 0;
  for (; !isRead; turns += 1) await setImmediate();
  // Read in one go, it leaves one.
  expect(turns).toBeGreaterThan(3);
  const parsed = await reading;
  await api.db.$transaction((tx) => keepManifest(tx, userId, parsed), { timeout: 60_000 });
  const row = await api.db.pathManifest.findFirstOrThrow({ where: { userId } });
  expect(row.paths).toEqual(paths.toSorted());
});

test.each([
  ['nothing', '\n \n', 'names no path'],
  ['a container', 'photos/a\nphotos/', 'Line 2 of the manifest'],
  ['no container', 'photos/a\n\n/b', 'Line 3 of the manifest'],
  ['half a JSON string', '"photos/a', 'Line 1 of the manifest'],
  [
    'one path too many',
    Array.from({ length: 100_001 }, (_, index) => `p/${index}`).join('\n'),
    'at most 100,000 paths',
  ],
  ['no UTF-8', new Uint8Array([0x70, 0x2f, 0xff]), 'not UTF-8'],
  ['half a character', new Uint8Array([0x70, 0x2f, 0xc3]), 'not UTF-8'],
  ['more than 32 MiB', `p/${'x'.repeat(33 * 1024 * 1024)}`, 'at most 32 MiB'],
])('a manifest of %s is refused with the reason', async (_what, body, reason) => {
  const answer = await upload(body);
  expect(answer.status).toBe(400);
  expect(answer.body.errors[0]).toMatchObject({
    message: expect.stringContaining(reason),
    extensions: { code: 'INVALID_INPUT' },
  });
});

test('only who is signed in uploads, by POST, and from no foreign page', async () => {
  const codes = async (answer: ReturnType<typeof upload>) => {
    const { status, body } = await answer;
    return [status, body.errors[0].extensions?.code];
  };
  expect(await codes(upload('p/a', { authorization: '' }))).toEqual([401, 'UNAUTHENTICATED']);
  expect(await codes(upload('p/a', { origin: 'https://evil.example' }))).toEqual([403, 'FORBIDDEN']);
  expect(await codes(upload('', {}, 'GET'))).toEqual([405, undefined]);
});

test('nobody keeps manifests without end, nor one too many by uploading several at once', async () => {
  const { token: other, userId } = await api.signUp();
  await api.db.pathManifest.createMany({
    data: Array.from({ length: maxManifests - 1 }, (_, index) => ({
      userId,
      paths: [`p/${index}`],
      pathCount: 1,
      hash: Buffer.from([index]),
    })),
  });
  const { uploading } = await api.db.$transaction(async (tx) => {
    // Counted, but not written, while that lasts.
    await tx.$executeRaw`LOCK TABLE path_manifest IN SHARE MODE`;
    const uploading = ['p/one', 'p/other'].map((path) => upload(path, { authorization: `Bearer ${other}` }));
    await expect.poll(() => waiting(api)).toHaveLength(2);
    return { uploading };
  });
  const answers = await Promise.all(uploading);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
  expect(answers.find(({ status }) => status === 409)?.body.errors[0].extensions.code).toBe('CONFLICT');
  expect(await api.db.pathManifest.count({ where: { userId } })).toBe(maxManifests);
});

test.each(['P1M', 'P1Y', 'P', 'PT', '30 days', 'P-1D', 'P1DT'])('%s is no Duration', async (olderThan) => {
  const answer = await api.query(
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }',
    { input: orderWithin('x', { options: { filter: { olderThan } } }) },
    { token },
  );
  expect(answer.errors?.[0]?.message).toContain('A Duration is text as in P30D');
});
