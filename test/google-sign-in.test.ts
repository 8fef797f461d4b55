import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GcsServer, startGcsServer } from '../emulators/gcs/server.ts';
import { freePort } from '../scripts/local/processes.ts';
import { type Scene, startScene } from './support/browser.ts';
import { type Prepared, prepareScene } from './support/prepared-scene.ts';

let google: GcsServer;
let scene: Scene;
let prepared: Prepared;

beforeAll(async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const app = { clientId: 'the-client', clientSecret: 'the-client-secret' };
  google = await startGcsServer({
    buckets: ['lagoon'],
    apps: [{ ...app, redirectUris: [`${url}/accounts/connected/gcs`] }],
  });
  scene = await startScene({
    bucket: 'harbour',
    container: 'arrivals',
    env: {
      PORT: String(port),
      PUBLIC_URL: url,
      GOOGLE_ENDPOINT: google.endpoint,
      GOOGLE_OAUTH_CLIENT_ID: app.clientId,
      GOOGLE_OAUTH_CLIENT_SECRET: app.clientSecret,
    },
  });
  prepared = await prepareScene(scene);
});

afterAll(async () => {
  await scene?.close();
  await google?.close();
});

const openMenu = async (page: Page, account: string, item: string) => {
  await page.getByRole('button', { name: `More for ${account}` }).click();
  await page.getByRole('menuitem', { name: item }).click();
};

test('a person connects Google by signing in there, gives the account a new grant, and disconnects it', async () => {
  const name = `Lagoon ${randomUUID()}`;
  const { page, complaints } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/accounts/new?provider=gcs`);
  await page.getByText('Google account', { exact: true }).click();
  await page.getByRole('button', { name: 'Continue to Google' }).click();
  // Without a name nobody is sent away.
  await page.getByText('Give the account a name').waitFor();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Project ID').fill(google.projectId);
  await page.getByRole('button', { name: 'Continue to Google' }).click();
  await page.getByRole('heading', { name: `${name} is connected` }).waitFor();
  // The code is gone from the address, and what was noted for the way back from the tab.
  expect(page.url()).toBe(`${scene.product.url}/accounts/connected/gcs`);
  expect(await page.evaluate('sessionStorage.length')).toBe(0);

  await page.getByRole('link', { name: 'All accounts' }).click();
  await openMenu(page, name, 'Replace credentials');
  await page.getByRole('heading', { name: `Replace the credentials of ${name}` }).waitFor();
  // How it was opened is chosen, and its project is there.
  expect(await page.getByLabel('Project ID').inputValue()).toBe(google.projectId);
  await page.getByRole('button', { name: 'Continue to Google' }).click();
  await page.getByRole('heading', { name: `${name} has a new grant` }).waitFor();

  await page.getByRole('link', { name: 'All accounts' }).click();
  await openMenu(page, name, 'Disconnect');
  const dialog = page.getByRole('dialog', { name: `Disconnect ${name}?` });
  await dialog.getByText(/what you granted stays until you end it there/).waitFor();
  await dialog.getByRole('button', { name: 'Disconnect' }).click();
  await dialog.waitFor({ state: 'hidden' });
  expect(complaints).toEqual([]);
  await page.context().close();
});
