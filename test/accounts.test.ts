import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDb } from '../core/db.ts';
import { createRedis } from '../core/redis.ts';
import { startGcsServer } from '../emulators/gcs/server.ts';
import { noteThrottled, publishAccount } from '../queue/account.ts';
import { type Scene, startScene } from './support/browser.ts';
import { type Prepared, prepareScene } from './support/prepared-scene.ts';

let dropbox: Server;
let scene: Scene;
let prepared: Prepared;

beforeAll(async () => {
  dropbox = await startRefusingDropbox();
  scene = await startScene({
    bucket: 'harbour',
    container: 'arrivals',
    env: {
      DROPBOX_APP_KEY: 'the-app',
      GOOGLE_OAUTH_CLIENT_ID: 'the-client',
      GOOGLE_OAUTH_CLIENT_SECRET: 'its-secret',
      DROPBOX_ENDPOINT: `http://127.0.0.1:${(dropbox.address() as AddressInfo).port}`,
    },
  });
  prepared = await prepareScene(scene);
});

afterAll(async () => {
  await scene?.close();
  dropbox?.close();
});

/** Lets everybody in at its page, and takes no code afterwards. */
async function startRefusingDropbox(): Promise<Server> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/oauth2/authorize') {
      // The app is at 127.0.0.1 here, not at localhost as it thinks.
      const back = new URL(url.searchParams.get('redirect_uri') ?? '');
      back.hostname = '127.0.0.1';
      back.search = new URLSearchParams({ code: 'a-code', state: url.searchParams.get('state') ?? '' }).toString();
      response.writeHead(302, { location: back.href }).end();
      return;
    }
    response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

test('keys are replaced from the account’s row, by keyboard, and wrong ones stay out', async () => {
  const { page, complaints } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/accounts`);
  await page.getByRole('button', { name: 'More for Harbour' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Rename' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Replace the credentials of Harbour' }).waitFor();
  const { accessKeyId, secretAccessKey } = scene.s3.keys;
  await page.getByLabel('Access key ID').fill(accessKeyId);
  await page.getByRole('textbox', { name: 'Secret access key' }).fill('a wrong one');
  await page.keyboard.press('Enter');
  await page.getByText(/neither revoked nor expired/).waitFor();
  await page.getByRole('textbox', { name: 'Secret access key' }).fill(secretAccessKey);
  await page.keyboard.press('Enter');
  await page.getByText('Harbour has its new credentials.').waitFor();
  expect(new URL(page.url()).pathname).toBe('/accounts');
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('a person leaves for Dropbox and comes back; a code that it does not take is explained, and kept nowhere', async () => {
  const { page } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/accounts/new?provider=dropbox`);
  await page.getByLabel('Name').fill('My Dropbox');
  await page.getByRole('button', { name: 'Continue to Dropbox' }).click();
  await page.getByRole('heading', { name: 'Dropbox was not connected' }).waitFor();
  await page.getByText(/does not take this sign-in any more/).waitFor();
  expect(page.url()).toBe(`${scene.product.url}/accounts/connected/dropbox`);
  expect(await page.evaluate('sessionStorage.length')).toBe(0);
  await page.getByRole('link', { name: 'Begin again' }).click();
  await page.getByRole('button', { name: 'Continue to Dropbox' }).waitFor();
  await page.context().close();
});

test('clouds without a sign-in have no page to come back to', async () => {
  const { page } = await scene.visit({ storageState: prepared.session });
  for (const cloud of ['azure', 's3', 'nowhere']) {
    await page.goto(`${scene.product.url}/accounts/connected/${cloud}?error=access_denied&state=abc`);
    await page.getByRole('heading', { name: 'No such page' }).waitFor();
  }
  await page.context().close();
});

test('a key of Google is hidden while it lies in the form, and its account tells what it keeps', async () => {
  const google = await startGcsServer({ buckets: ['harbour'] });
  const { page, complaints } = await scene.visit({ storageState: prepared.session });
  try {
    await page.goto(`${scene.product.url}/accounts/new?provider=gcs`);
    await page.getByLabel('Name', { exact: true }).fill('Googled');
    await page.getByLabel('Endpoint').fill(google.endpoint);
    const key = page.getByRole('textbox', { name: 'Key of a service account' });
    await key.fill(google.strangersKey());
    await page.getByRole('button', { name: 'Connect account' }).click();
    await page.getByText(/Google refused the credentials.*neither revoked nor expired/).waitFor();
    expect(await key.evaluate((area) => getComputedStyle(area).getPropertyValue('-webkit-text-security'))).toBe('disc');
    await key.fill(google.serviceAccountKey());
    await page.getByRole('button', { name: 'Connect account' }).click();
    await page.getByText('Googled is ready for transfers.').waitFor();
    const row = page.getByRole('listitem').filter({ hasText: 'Googled' });
    await row.getByText('What it can do and keep').click();
    await row.getByText('files that changed meanwhile are kept, unless a large one arrives in parts').waitFor();
    expect(complaints).toEqual([]);
  } finally {
    await page.context().close();
    await google.close();
  }
});

test('whoever chooses another way to open an account goes on there, with the name that is typed', async () => {
  const { page, complaints } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/accounts/new?provider=gcs`);
  const name = page.getByLabel('Name', { exact: true });
  await name.fill('Ours');
  await page.getByLabel('Project ID').fill('our-project');
  await page.getByLabel('Key file').focus();
  await page.keyboard.press('ArrowRight');
  await page.getByRole('button', { name: 'Continue to Google' }).waitFor();
  expect(await page.evaluate('document.activeElement.labels[0].textContent')).toBe('Google account');
  expect([await name.inputValue(), await page.getByLabel('Project ID').inputValue()]).toEqual(['Ours', 'our-project']);
  await name.fill('Mine');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('ArrowLeft');
  await page.getByRole('textbox', { name: 'Key of a service account' }).waitFor();
  expect(await name.inputValue()).toBe('Mine');
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('a sign-in that is over says so, and what to do', async () => {
  const { page } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/accounts/connected/dropbox?code=a&state=b`);
  await page.getByText(/^This sign-in is not under way.*Begin again\.$/).waitFor();
  await page.context().close();
});

test('a visitor who comes back from a cloud signed out is led there after signing in', async () => {
  const { page } = await scene.visit();
  await page.goto(`${scene.product.url}/accounts/connected/dropbox?error=access_denied&state=abc`);
  await page.getByLabel('E-mail').fill(prepared.email);
  await page.getByRole('textbox', { name: 'Password' }).fill(prepared.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText(/You did not let Skyferry in at Dropbox/).waitFor();
  await page.context().close();
});

test('an Azure account is connected by its connection string alone, and a wrong principal is refused in place', async () => {
  const { page, complaints } = await scene.visit({ storageState: prepared.session });
  const { accountName, accountKey, endpoint } = scene.azure;
  await page.goto(`${scene.product.url}/accounts/new?provider=azure`);
  await page.getByLabel('Name', { exact: true }).fill('By string');
  await page.getByText('Service principal', { exact: true }).click();
  await page.getByRole('button', { name: 'Connect account' }).click();
  await page.getByText('Type the directory (tenant) ID.').waitFor();
  // What a principal needs are roles, and no token.
  await page.getByLabel('Client ID').fill('principal-1');
  await page.getByRole('textbox', { name: 'Container' }).fill('photos');
  const needed = page.getByRole('region', { name: 'Azure commands for roles' });
  expect(await needed.innerText()).toMatch(/--assignee principal-1 --role "Storage Blob Data Reader".*photos"/s);
  expect(await page.getByText('generate-sas').count()).toBe(0);
  await page.getByText('Connection string', { exact: true }).click();
  const string = page.getByRole('textbox', { name: 'Connection string' });
  await string.fill('AccountName=x;Endpoint=sb://y');
  await page.getByRole('button', { name: 'Connect account' }).click();
  await page.getByText(/connection string of Service Bus/).waitFor();
  await string.fill(`AccountName=${accountName};AccountKey=${accountKey};BlobEndpoint=${endpoint}`);
  await page.getByRole('button', { name: 'Connect account' }).click();
  await page.getByText('By string is ready for transfers.').waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('settings of S3 are kept, shown again when its keys are replaced, and stay', async () => {
  const { page, complaints } = await scene.visit({ storageState: prepared.session });
  const { accessKeyId, secretAccessKey } = scene.s3.keys;
  await page.goto(`${scene.product.url}/accounts/new?provider=s3`);
  await page.getByLabel('Name', { exact: true }).fill('Cold store');
  expect(await page.getByText('ListBucket').first().innerText()).toContain('"Version"');
  await page.getByText('S3-compatible', { exact: true }).click();
  expect(await page.getByText('ListBucket').first().innerText()).not.toContain('"Version"');
  expect(await page.getByText('Machine', { exact: true }).count()).toBe(0);
  await page.getByLabel('Endpoint').fill(scene.s3.server.endpoint);
  await page.getByLabel('Access key ID').fill(accessKeyId);
  await page.getByRole('textbox', { name: 'Secret access key' }).fill(secretAccessKey);
  await page.getByText('More settings').click();
  await page.getByLabel('Storage class').fill('cold');
  await page.getByText('More settings').click();
  await page.getByRole('button', { name: 'Connect account' }).click();
  // What is wrong is unfolded.
  await page.getByText('Type it as S3 names it').waitFor();
  await page.getByLabel('Storage class').fill('STANDARD_IA');
  await page.getByLabel('This account pays for its requests').check();
  await page.getByRole('button', { name: 'Connect account' }).click();
  await page.getByText('Cold store is ready for transfers.').waitFor();
  await page.getByRole('button', { name: 'More for Cold store' }).click();
  await page.getByRole('menuitem', { name: 'Replace credentials' }).click();
  await page.getByText('More settings').click();
  expect(await page.getByLabel('Storage class').inputValue()).toBe('STANDARD_IA');
  expect(await page.getByLabel('This account pays for its requests').isChecked()).toBe(true);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('what is done elsewhere shows at once; a cloud that asks for patience is named for as long as it does', async () => {
  const db = createDb({ url: scene.product.env.DATABASE_URL as string, poolSize: 1 });
  const redis = createRedis(scene.product.env.REDIS_URL as string);
  await once(redis, 'ready');
  const here = await scene.visit({ storageState: prepared.session });
  const there = await scene.visit({ storageState: prepared.session });
  try {
    for (const { page } of [here, there]) {
      await page.goto(`${scene.product.url}/accounts`);
      await page.getByRole('button', { name: 'Test Far' }).waitFor();
    }
    await there.page.getByRole('button', { name: 'More for Far' }).click();
    await there.page.getByRole('menuitem', { name: 'Rename' }).click();
    await there.page.getByRole('dialog').getByRole('textbox').fill('Farther');
    await there.page.keyboard.press('Enter');
    await here.page.getByRole('button', { name: 'Test Farther' }).waitFor();

    const { id } = await db.cloudAccount.findFirstOrThrow({ where: { name: 'Farther' } });
    for (const change of await noteThrottled(db, [id], 4_000)) await publishAccount(redis, change);
    const throttled = here.page.getByText(/Throttled until/);
    await throttled.waitFor();
    await throttled.waitFor({ state: 'detached' });
    expect(here.complaints).toEqual([]);
  } finally {
    await Promise.all([here.page.context().close(), there.page.context().close()]);
    redis.disconnect();
    await db.$disconnect();
  }
});
