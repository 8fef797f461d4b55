import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { startStore } from '../test/support/engine.ts';

let api: TestApi;
let client: string;
beforeAll(async () => {
  client = await mkdtemp(join(tmpdir(), 'skyferry-client-'));
  await mkdir(join(client, 'assets'));
  await writeFile(join(client, 'index.html'), '<!doctype html><title>Skyferry</title>');
  await writeFile(join(client, 'assets/app-1a2b3c.js'), 'export {}');
  api = await startTestApi({ CLIENT_DIRECTORY: client, ALLOWED_ORIGINS: 'https://friend.example' });
});
afterAll(async () => {
  await api.close();
  await rm(client, { recursive: true });
});

const post = (headers: Record<string, string>, body: object = { query: '{ __typename }' }) =>
  fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

describe('the app', () => {
  test('is served with headers that keep foreign scripts and frames out', async () => {
    const page = await fetch(`${api.url}/`);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<title>Skyferry')]);
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('script-src');
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('referrer-policy')).toBe('same-origin');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    expect(page.headers.get('strict-transport-security')).toBeNull();
  });

  test('has routes of its own: unknown paths give its page, unknown files do not', async () => {
    const route = await fetch(`${api.url}/transfers/some-id`);
    expect([route.status, await route.text()]).toEqual([200, expect.stringContaining('<title>Skyferry')]);
    expect((await fetch(`${api.url}/assets/gone-123.js`)).status).toBe(404);
    const outside = await fetch(`${api.url}/..%2f..%2f..%2fetc/passwd`);
    expect(await outside.text()).not.toContain('root:');
  });

  test('lets browsers keep hashed files for good', async () => {
    const asset = await fetch(`${api.url}/assets/app-1a2b3c.js`);
    expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(asset.headers.get('content-type')).toMatch(/javascript/);
  });

  test('takes no other methods', async () => {
    const answer = await fetch(`${api.url}/`, { method: 'POST', body: 'x' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('that is not built yet says what to do', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'skyferry-client-'));
    await writeFile(join(directory, 'index.html'), 'here for the start alone');
    const own = await startTestApi({ CLIENT_DIRECTORY: directory });
    await rm(directory, { recursive: true });
    const answer = await fetch(own.url);
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('npm start')]);
    await own.close();
  });
});

describe('pages of other origins', () => {
  test.each([
    [403, { origin: 'https://evil.example' }],
    [403, { origin: 'null' }],
    [403, { 'sec-fetch-site': 'cross-site' }],
    [403, { 'sec-fetch-site': 'same-site' }],
    [200, { origin: 'https://friend.example' }],
    [200, { 'sec-fetch-site': 'same-origin' }],
    [200, {}],
  ])('get %i with %j', async (status, headers) => {
    const answer = await post(headers);
    expect(answer.status).toBe(status);
    if (status === 403) {
      expect((await answer.json()).errors[0].extensions).toEqual({ code: 'FORBIDDEN', requestId: expect.any(String) });
    }
  });

  test('may read answers only when they are on the list', async () => {
    const friend = await fetch(`${api.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin: 'https://friend.example', 'access-control-request-method': 'POST' },
    });
    expect(friend.headers.get('access-control-allow-origin')).toBe('https://friend.example');
    expect(friend.headers.get('access-control-allow-credentials')).toBe('true');
    const answer = await post({ origin: 'https://friend.example' });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://friend.example');
    const evil = await fetch(`${api.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(evil.headers.get('access-control-allow-origin')).toBeNull();
    expect((await post({})).headers.get('access-control-allow-origin')).toBeNull();
  });

  test('may not read by a plain GET either; its own pages and the address bar may', async () => {
    const get = (headers: object) =>
      fetch(`${api.url}/graphql?query={__typename}`, { headers: { accept: 'application/json', ...headers } });
    expect((await get({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await get({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).status).toBe(403);
    expect((await get({ 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' })).status).toBe(200);
  });

  test('cannot change anything by GET', async () => {
    const answer = await fetch(`${api.url}/graphql?query=${encodeURIComponent('mutation { signOut { signedOut } }')}`);
    expect(answer.status).toBe(405);
  });
});

describe('an operation that would cost too much', () => {
  const aliases = (field: string, count: number) =>
    Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ');
  test.each([
    ['broad', `{ ${aliases('__typename', 501)} viewer { id } }`, /broad/],
    [
      'expensive',
      '{ viewer { transfers(first: 100) { nodes { items(first: 100) { nodes { id ordinal state } } } } } }',
      /expensive.*cost \d+ of 20000/,
    ],
    [
      'expensive in calls to clouds',
      '{ viewer { cloudAccounts(first: 100) { nodes { entries(path: "", first: 100) { nodes { path } } } } } }',
      /expensive/,
    ],
    [
      'expensive through aliases',
      `{ viewer { ${aliases('transfers(first: 100) { nodes { id name state createdAt errorGroups { code } } }', 30)} } }`,
      /expensive/,
    ],
    [
      'expensive in runs of a schedule',
      `{ ${aliases('nextScheduleRuns(cron: "0 0 29 2 *", timeZone: "UTC")', 350)} }`,
      /expensive/,
    ],
    [
      'expensive in runs of schedules',
      `{ viewer { transferSchedules(first: 100) { nodes { ${aliases('nextRuns(first: 20)', 3)} } } } }`,
      /expensive/,
    ],
  ])('(%s) is judged before it runs', async (_name, query, reason) => {
    const { token } = await api.signUp();
    const { errors } = await api.query(query, {}, { token });
    expect(errors?.[0]).toMatchObject({
      message: expect.stringMatching(reason),
      extensions: { code: 'INVALID_INPUT' },
    });
  });

  test('may go down to the evidence of every object, but not in circles through the schema itself', async () => {
    const { token } = await api.signUp();
    const deepest =
      '{ viewer { transfers { edges { node { items { edges { node { evidence { source { kind } } } } } } } } } }';
    expect((await api.query(deepest, {}, { token })).errors).toBeUndefined();
    const circle = `${'fields { type { '.repeat(6)} name ${' } }'.repeat(6)}`;
    const { errors } = await api.query(`{ __schema { types { ${circle} } } }`);
    expect(errors?.[0]?.extensions.code).toBe('INVALID_INPUT');
  });

  test('is refused by the length of its text and of the request', async () => {
    const long = await api.query(`{ ${'__typename '.repeat(5_000)} }`);
    expect(long.errors?.[0]).toMatchObject({
      message: expect.stringMatching(/4000 tokens/),
      extensions: { code: 'INVALID_INPUT' },
    });
    const heavy = await post({}, { query: '{ __typename }', variables: { x: 'x'.repeat(3 * 1024 * 1024) } });
    expect(heavy.status).toBe(413);
  });

  test('fragments that refer to each other end nothing but the request', async () => {
    const { errors } = await api.query('{ viewer { ...A } } fragment A on User { ...B } fragment B on User { ...A }');
    expect(errors?.[0]?.extensions.code).toBe('INVALID_INPUT');
  });
});

describe('what operators look at', () => {
  test('livez, readyz and metrics', async () => {
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    const ready = await fetch(`${api.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, postgres: true, redis: true }]);
    await api.query('{ __typename }');
    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    expect(metrics).toMatch(
      /^http_request_duration_seconds_count\{method="POST",route="\/graphql",status="200"\} [1-9]/m,
    );
    for (const name of ['active_transfers_total', 'transfer_queue_length', 'transfer_throughput_bytes_per_second']) {
      expect(metrics).toMatch(new RegExp(`^${name} 0$`, 'm'));
    }
  });

  test('count the transfers of the database', async () => {
    const store = await startStore('photos');
    const { token } = await api.signUp();
    const account = await api.connect(token, store);
    const input = {
      sourceAccountId: account,
      sourcePaths: ['photos/'],
      destinationAccountId: account,
      destinationPath: 'archive/',
    };
    for (let index = 0; index < 3; index++) {
      await api.query(
        'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }',
        { input },
        { token },
      );
    }
    const [row] = await api.db.transfer.findMany({ take: 1 });
    await api.db.transfer.update({
      where: { id: row?.id ?? '' },
      data: { state: 'RUNNING', speedBytesPerSecond: 1234 },
    });
    await api.db.transferBatch.createMany({
      data: [
        // Two that are ready, one that was admitted and not taken yet, one that a worker has taken.
        { state: 'READY' as const },
        { state: 'READY' as const },
        { state: 'ADMITTED' as const, attempt: 1, fence: 0 },
        { state: 'ADMITTED' as const, attempt: 1, fence: 1 },
      ].map((batch, number) => ({ ...batch, transferId: row?.id ?? '', number, itemCount: 1, sizeBytes: 1 })),
    });
    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    expect(metrics).toMatch(/^active_transfers_total 1$/m);
    expect(metrics).toMatch(/^transfer_queue_length 5$/m);
    expect(metrics).toMatch(/^transfer_throughput_bytes_per_second 1234$/m);
    await api.db.transfer.deleteMany();
    await store.close();
  });

  test('every answer names its request, and the log knows it; the query of an address is not logged', async () => {
    const answer = await fetch(`${api.url}/reset-password?token=very-secret-token`);
    const requestId = answer.headers.get('x-request-id');
    await answer.text();
    // It is logged once the answer is away, which its reader may know first.
    await expect
      .poll(() => api.logLines().find((entry) => entry.requestId === requestId && entry.msg === 'request'))
      .toMatchObject({ method: 'GET', path: '/reset-password', status: 200, address: '127.0.0.1' });
    expect(JSON.stringify(api.logLines()).includes('very-secret-token')).toBe(false);
  });
});

describe('an unexpected error', () => {
  test('tells its request id and nothing else; the log has the reason', async () => {
    const { token, userId } = await api.signUp();
    await api.db.$executeRaw`ALTER TABLE cloud_account RENAME TO cloud_account_hidden`;
    const answer = await api.query('{ viewer { cloudAccounts { nodes { id } } } }', {}, { token });
    await api.db.$executeRaw`ALTER TABLE cloud_account_hidden RENAME TO cloud_account`;
    const [error] = answer.errors ?? [];
    expect(error).toEqual({
      message: 'Something went wrong on our side.',
      locations: expect.anything(),
      path: ['viewer', 'cloudAccounts'],
      extensions: { code: 'INTERNAL', requestId: answer.headers.get('x-request-id'), remedy: expect.any(String) },
    });
    const line = api.logLines().find((entry) => entry.msg === 'unexpected error');
    expect(line).toMatchObject({ requestId: error?.extensions.requestId, userId });
    expect(JSON.stringify(line)).toContain('cloud_account');
  });
});

describe('a request that is not JSON', () => {
  const form = 'application/x-www-form-urlencoded';
  test.each([
    ['POST', '', 'application/json', '{"variables":{"secretAccessKey":"very-secret-key"x}}'],
    ['POST', '', 'application/json', 'secretAccessKey=very-secret-key'],
    ['POST', '', form, 'query={__typename}&variables={very-secret-key'],
    ['POST', '', form, 'query={__typename}&extensions={very-secret-key'],
    ['GET', '?query={__typename}&variables={very-secret-key', form, null],
  ])('%s %s of %s is refused; neither the answer nor the log repeats it', async (method, query, type, body) => {
    const headers = { 'content-type': type, accept: 'application/json' };
    const answer = await fetch(`${api.url}/graphql${query}`, { method, headers, body });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      {
        errors: [
          {
            message: 'The request is not valid JSON.',
            extensions: { code: 'INVALID_INPUT', requestId: answer.headers.get('x-request-id') },
          },
        ],
      },
    ]);
    expect(JSON.stringify(api.logLines()).includes('very-secret-key')).toBe(false);
  });
});
