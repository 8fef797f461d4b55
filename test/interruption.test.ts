import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Scene, startScene } from './support/browser.ts';
import { startPrivatePostgres } from './support/databases.ts';
import { type Prepared, prepareScene } from './support/prepared-scene.ts';
import { type Product, startProduct } from './support/product.ts';

let postgres: Awaited<ReturnType<typeof startPrivatePostgres>>;
let scene: Scene;
let prepared: Prepared;
let successor: Product | undefined;

beforeAll(async () => {
  postgres = await startPrivatePostgres();
  scene = await startScene({ bucket: 'harbour', container: 'arrivals', databaseUrl: postgres.url });
  prepared = await prepareScene(scene);
});

afterAll(async () => {
  await successor?.stop();
  await scene?.close();
  await postgres?.dispose();
});

const patience = { timeout: 30_000 };

test('without its database the app says so, and opens by itself once it is back', async () => {
  const { page } = await scene.visit({ storageState: prepared.session });
  await postgres.stop();
  try {
    await page.goto(`${scene.product.url}/transfers`);
    await page.getByRole('heading', { name: 'Fog on the water' }).waitFor(patience);
    expect(await page.title()).toBe('Skyferry is not available');
  } finally {
    await postgres.start();
  }
  await page.getByRole('heading', { level: 1, name: 'Transfers' }).waitFor(patience);
  await page.getByRole('listitem').filter({ hasText: 'Holiday' }).waitFor(patience);
  await page.context().close();
});

test('a transfer whose workers are all gone shows no speed and no time left that nobody moves it at', async () => {
  await scene.s3.put('slow/film.mp4', 4_000_000);
  const id = await prepared.order({ sourcePaths: ['harbour/slow/'], name: 'Slow', bandwidthLimit: '40000' });
  const { page } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/transfers/${encodeURIComponent(id)}`);
  const fact = async (term: string) =>
    page.locator('.figures').getByText(term, { exact: true }).locator('..').getByRole('definition').innerText();
  await expect.poll(() => fact('Speed'), patience).toMatch(/KiB\/s$/);
  await expect.poll(() => fact('Time left'), patience).toMatch(/^about /);
  const { page: list } = await scene.visit({ storageState: prepared.session });
  await list.goto(`${scene.product.url}/transfers`);
  const row = list.getByRole('listitem').filter({ hasText: 'Slow' });
  await row.getByText(/KiB\/s, /).waitFor(patience);

  await Promise.all(scene.product.workers.map((worker) => worker.kill()));
  await expect.poll(() => fact('Speed'), patience).toBe('none right now');
  expect(await fact('Time left')).toBe('not known right now');
  await row.getByText(/KiB\/s, /).waitFor({ state: 'detached', ...patience });

  await scene.product.startWorker();
  await expect.poll(() => fact('Speed'), { timeout: 60_000 }).toMatch(/KiB\/s$/);
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await page.getByRole('button', { name: 'Cancel transfer' }).click();
  await page.getByText('Cancelled after 0 objects').first().waitFor(patience);
  await Promise.all([page.context().close(), list.context().close()]);
}, 150_000);

test('a page whose connection is lost says so, and is live again without being reloaded', async () => {
  const { page } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/transfers/${encodeURIComponent(prepared.scheduledId)}`);
  await page.getByText('Scheduled', { exact: true }).waitFor(patience);
  await page.evaluate('window.sameDocument = true');

  await scene.product.api.stop();
  await page.getByText('Connection lost').waitFor(patience);

  // What is done meanwhile is not done later: nobody is told to wait for it.
  await page.getByRole('button', { name: 'Change the limits' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Speed limit' }).fill('1 MiB');
  await dialog.getByRole('button', { name: 'Change', exact: true }).click();
  await dialog.getByText('Skyferry’s server does not answer. Try again in a moment.').waitFor(patience);
  await dialog.getByRole('button', { name: 'Leave as it is' }).click();

  const { env } = scene.product;
  successor = await startProduct({
    databaseUrl: env.DATABASE_URL ?? '',
    redisUrl: env.REDIS_URL ?? '',
    workers: 0,
    env,
  });
  await page.getByText('Connection lost').waitFor({ state: 'detached', ...patience });

  // What changes elsewhere from now on arrives here.
  const { page: elsewhere } = await scene.visit({ storageState: prepared.session });
  await elsewhere.goto(page.url());
  await elsewhere.getByRole('button', { name: 'Cancel', exact: true }).click();
  await elsewhere.getByRole('button', { name: 'Cancel transfer' }).click();
  await page.getByText('Cancelled after 0 objects').first().waitFor(patience);
  expect(await page.evaluate('window.sameDocument')).toBe(true);
});

test('a session that has ended leads to signing in, and back to where one wanted to go', async () => {
  const { page } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/transfers`);
  await page.getByRole('listitem').first().waitFor(patience);
  await page.context().clearCookies();
  await page.getByRole('link', { name: 'Accounts', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor(patience);
  await page.getByRole('textbox', { name: 'E-mail' }).fill(prepared.email);
  await page.getByRole('textbox', { name: 'Password', exact: true }).fill(prepared.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Accounts' }).waitFor(patience);
  await page.context().close();
});
