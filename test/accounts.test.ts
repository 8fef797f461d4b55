import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
  await page.getByText(/typing errors/).waitFor();
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

test('a visitor who comes back from a cloud signed out is led there after signing in', async () => {
  const { page } = await scene.visit();
  await page.goto(`${scene.product.url}/accounts/connected/dropbox?error=access_denied&state=abc`);
  await page.getByLabel('E-mail').fill(prepared.email);
  await page.getByRole('textbox', { name: 'Password' }).fill(prepared.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText(/You did not let Skyferry in at Dropbox/).waitFor();
  await page.context().close();
});
