import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { playgroundTabs } from '../api/http/playground-tabs.ts';
import { startTestApi, type TestApi } from './support/api.ts';
import { startBrowser } from './support/browser.ts';
import { startStore, type TestStore } from './support/engine.ts';

let api: TestApi;
let browser: Browser;
let store: TestStore;
let page: Page;
/** Everything that the page asked of anybody. */
const requests: string[] = [];
const complaints: string[] = [];
beforeAll(async () => {
  [api, browser, store] = await Promise.all([startTestApi(), startBrowser(), startStore('photos')]);
  page = await (await browser.newContext({ viewport: { width: 1600, height: 1000 } })).newPage();
  page.on('request', (request) => requests.push(request.url()));
  page.on('websocket', (socket) => requests.push(socket.url()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(`${api.url}/graphql`);
});
afterAll(async () => {
  await browser.close();
  await api.close();
  await store.close();
});

const tab = (name: string) => page.locator('.graphiql-tabs').getByRole('button', { name, exact: true });
const run = () => page.getByRole('button', { name: /execute query/i }).click();
const answer = async () => (await page.locator('.graphiql-response .view-lines').innerText()).replaceAll('\u00a0', ' ');
/** Runs the open tab. GraphiQL takes a moment to see that another operation is in the editor. */
const runUntil = async (expected: string) => {
  await run();
  await expect
    .poll(
      async () => {
        const text = await answer();
        if (text.includes('Cannot infer operation')) await run();
        return text;
      },
      { timeout: 20_000, interval: 250 },
    )
    .toContain(expected);
};

test('shows the saved examples as tabs', async () => {
  await tab('Welcome').waitFor();
  const names = await page.getByRole('tab').allInnerTexts();
  const expected = playgroundTabs.map(({ query }) => /(?:query|mutation|subscription) (\w+)/.exec(query)?.[1]);
  expect(names.map((name) => name.trim())).toEqual(expected);
});

test('signs in by the session cookie, which the other tabs then use, subscriptions over WebSocket too', async () => {
  const { email, password, token } = await api.signUp('Ada');
  const account = await api.connect(token, store, 'Harbour');
  await tab('SignIn').click();
  await page.locator('.graphiql-query-editor .view-lines').click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(
    `mutation SignIn { signIn(input: { email: "${email}", password: "${password}" }) { user { name } } }`,
  );
  await runUntil('"name": "Ada"');
  await tab('Accounts').click();
  await runUntil('"name": "Harbour"');
  await api.query(
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }',
    {
      input: {
        name: 'Cargo',
        sourceAccountId: account,
        sourcePaths: ['photos/'],
        destinationAccountId: account,
        destinationPath: 'archive/',
      },
    },
    { token },
  );
  await tab('AllTransfers').click();
  await runUntil('"name": "Cargo"');
});

test('needs no other server and breaks no rule of its own content security policy', () => {
  const hosts = requests
    .filter((url) => !url.startsWith('data:') && !url.startsWith('blob:'))
    .map((url) => new URL(url).host);
  expect([...new Set(hosts)]).toEqual([new URL(api.url).host]);
  expect(requests.some((url) => url.startsWith('ws:'))).toBe(true);
  expect(complaints).toEqual([]);
});

test('is sent once, compressed, and then kept by the browser', async () => {
  const first = await fetch(`${api.url}/graphql`, { headers: { accept: 'text/html' } });
  expect(first.headers.get('content-encoding')).toBe('gzip');
  expect(first.headers.get('content-security-policy')).not.toContain("script-src 'unsafe-inline'");
  await first.text();
  const headers = { accept: 'text/html', 'if-none-match': first.headers.get('etag') ?? '' };
  expect((await fetch(`${api.url}/graphql`, { headers })).status).toBe(304);
});
