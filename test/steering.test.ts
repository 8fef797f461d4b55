import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Scene, startScene } from './support/browser.ts';
import { type Prepared, prepareScene } from './support/prepared-scene.ts';

let scene: Scene;
let prepared: Prepared;

beforeAll(async () => {
  scene = await startScene({ bucket: 'harbour', container: 'arrivals' });
  prepared = await prepareScene(scene);
});

afterAll(async () => {
  await scene?.close();
});

async function openTransfer(id: string): Promise<Page> {
  const { page } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/transfers/${encodeURIComponent(id)}`);
  return page;
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

test('a transfer is paused and resumed from its page', async () => {
  const page = await openTransfer(prepared.scheduledId);
  await button(page, 'Pause').click();
  await page.getByText('Paused', { exact: true }).first().waitFor();
  await button(page, 'Pause').waitFor({ state: 'detached' });
  await button(page, 'Resume').click();
  await page.getByText('Scheduled', { exact: true }).first().waitFor();
  await button(page, 'Pause').waitFor();
  await page.context().close();
});

test('a list that cannot be loaded is not shown as empty', async () => {
  const { page } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/accounts`);
  await page.getByRole('button', { name: 'Test Harbour' }).waitFor();
  await page.route('**/graphql', (route) => route.abort());
  await page.getByRole('link', { name: 'Transfers', exact: true }).click();
  await page.getByText('Your transfers could not be loaded').waitFor();
  expect(await page.getByText('Nothing has crossed yet').count()).toBe(0);
  await page.unroute('**/graphql');
  await page.getByText('Holiday').waitFor();
  await page.context().close();
});

test('what failed for a reason is tried again in a follow-up, and each leads to the other', async () => {
  const page = await openTransfer(prepared.troubledId);
  const wrong = page.getByRole('region', { name: 'What went wrong' });
  const missing = wrong.getByRole('listitem').filter({ hasText: 'The object does not exist' });
  await missing.getByText('harbour/gone.txt').waitFor();
  // No other try mends a name.
  const named = wrong.getByRole('listitem').filter({ hasText: 'Rename the object at the source' });
  expect(await named.getByRole('button').count()).toBe(0);
  await scene.s3.put('gone.txt', 7);
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  const match = { operation: 'GetObject', key: 'gone.txt', count: 100 } as const;
  const held = scene.s3.server.faults.add({ match, action: { kind: 'hold', until } });
  await missing.getByRole('button', { name: /^Retry 1 object/ }).click();
  await page.getByRole('heading', { level: 1, name: 'Retry of Odd names' }).waitFor();
  await page.getByRole('region', { name: 'Retries' }).getByRole('link', { name: 'Odd names' }).click();

  await page.getByRole('heading', { level: 1, name: 'Odd names' }).waitFor();
  await page.getByText('Arrived but for 2 objects').first().waitFor();
  await button(page, 'Retry failed objects').waitFor({ state: 'detached' });
  expect(await missing.getByRole('button').count()).toBe(0);
  const retries = page.getByRole('region', { name: 'Retries' });
  await retries.getByText('Under way', { exact: true }).waitFor();
  held.remove();
  release();
  await retries.getByText('Arrived', { exact: true }).waitFor({ timeout: 60_000 });
  await retries.getByRole('link', { name: /^Tried again/ }).click();
  await page.getByRole('heading', { level: 1, name: 'Retry of Odd names' }).waitFor();
  await page
    .getByRole('row', { name: /gone\.txt/ })
    .getByText('Verified')
    .waitFor();
  await page.context().close();
});

test('a running transfer shows what moves, and its limits are changed', async () => {
  const MiB = 1024 * 1024;
  for (const name of ['film', 'sequel']) await scene.s3.put(`slow/${name}.mp4`, 32 * MiB);
  const page = await openTransfer(
    await prepared.order({ sourcePaths: ['harbour/slow/'], bandwidthLimit: String(MiB), options: { concurrency: 1 } }),
  );
  await page
    .getByRole('region', { name: 'Moving now' })
    .getByText(/^harbour\/slow\/(film|sequel)\.mp4$/)
    .waitFor({ timeout: 60_000 });
  const limits = page.getByRole('region', { name: 'Limits' });
  await limits.getByText('1 MiB/s at most').waitFor();
  await limits.getByText('1 at most', { exact: true }).waitFor();
  await button(page, 'Change the limits').click();
  const limit = page.getByRole('textbox', { name: 'Speed limit' });
  expect(await limit.inputValue()).toBe('1 MiB');
  await limit.fill('1 KB');
  await button(page, 'Change').click();
  await page.getByText('Type at least 32 KiB').waitFor();
  await limit.fill('');
  const atOnce = page.getByRole('textbox', { name: 'Objects at once' });
  expect(await atOnce.inputValue()).toBe('1');
  await atOnce.fill('0');
  await button(page, 'Change').click();
  await page.getByText('Type a whole number from 1 to 10,000').waitFor();
  await atOnce.fill('250');
  await button(page, 'Change').click();
  await limits.getByText('No limit').waitFor();
  await limits.getByText('250 at most').waitFor();
  // Without its limit it arrives long before the minute that it would have taken.
  await page.getByText('Arrived', { exact: true }).first().waitFor({ timeout: 40_000 });
  await page.getByRole('region', { name: 'Moving now' }).waitFor({ state: 'detached' });
  await page.context().close();
});

test('what a cloud copies by itself is shown as finishing there, paused and cancelled', async () => {
  await scene.s3.put('copied/film.mp4', 2 * 1024 * 1024);
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  const { faults, observer } = scene.s3.server;
  const hold = { match: { operation: 'CopyObject', count: 100 }, action: { kind: 'hold', until } } as const;
  const held = faults.add(hold);
  const order = { destinationAccountId: prepared.harbourId, destinationPath: 'harbour/copies/' };
  const page = await openTransfer(await prepared.order({ sourcePaths: ['harbour/copied/'], ...order }));
  await held.hit;
  const row = page.getByRole('row', { name: /film\.mp4/ });
  await row.getByText('Moving').waitFor();
  await button(page, 'Pause').click();
  await row.getByText('Finishing in the cloud', { exact: true }).waitFor();
  const again = observer.waitFor({ operation: 'CopyObject' });
  await button(page, 'Resume').click();
  await again;
  await row.getByText('Moving').waitFor();
  await button(page, 'Cancel').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel transfer' }).click();
  await page.getByText('Cancelled', { exact: true }).first().waitFor();
  // Once the worker has let go of it, too.
  await row.getByText('may still finish it').waitFor();
  await row.getByText('Finishing in the cloud', { exact: true }).waitFor();
  held.remove();
  release();
  await page.context().close();
});

test('a move tells which sources it has kept, and why', async () => {
  await scene.s3.put('moving/stays.txt', 10);
  const { faults } = scene.s3.server;
  const refusal = faults.add({
    match: { operation: 'DeleteObject', count: 1_000 },
    action: { kind: 'status', status: 500 },
  });
  const page = await openTransfer(await prepared.order({ sourcePaths: ['harbour/moving/'], mode: 'MOVE' }));
  await page.getByText('1 source was kept').waitFor({ timeout: 60_000 });
  const removed = page.locator('.figures').getByText('Removed', { exact: true }).locator('..').getByRole('definition');
  expect(await removed.innerText()).toBe('0 of 1\nfrom the source, 1 kept');
  refusal.remove();
  await page.getByRole('radiogroup', { name: 'Show objects' }).getByText('Kept', { exact: true }).click();
  await page
    .getByRole('row', { name: /stays\.txt/ })
    .getByRole('button')
    .click();
  await page
    .getByText(/Try again in a moment/)
    .first()
    .waitFor();
  await page.context().close();
});

test('the rows keep up with the total, and follow the transfer at once', async () => {
  const MiB = 1024 * 1024;
  await scene.s3.put('films/long.mp4', 48 * MiB);
  const { faults } = scene.s3.server;
  faults.add({ match: { operation: 'GetObject', count: 1_000 }, action: { kind: 'slow', bytesPerSecond: 2 * MiB } });
  const page = await openTransfer(await order('harbour/films/'));
  const readings: number[] = [];
  page.on('request', (request) => {
    if (request.postData()?.includes('query TransferItems')) readings.push(performance.now());
  });
  const row = page.getByRole('row', { name: /long\.mp4/ });
  const track = page.getByRole('progressbar');
  const total = async () => Number(await track.getAttribute('aria-valuenow'));

  await row.getByText(/^Moving, \d+ %$/).waitFor({ timeout: 60_000 });
  const before = await total();
  await expect.poll(total).toBeGreaterThan(before);
  const now = await total();
  await expect.poll(async () => percentOf(await row.innerText()), { timeout: 3_000 }).toBeGreaterThanOrEqual(now);

  await button(page, 'Pause').click();
  await button(page, 'Resume').waitFor();
  await row.getByText(/^Paused, \d+ %$/).waitFor({ timeout: 1_000 });
  await row.getByText(/^Moving/).waitFor({ state: 'detached', timeout: 1_000 });
  // What the workers had under way is written down by then; its share stays on the row.
  await scene.product.workers[0]?.stop();
  await expect.poll(async () => percentOf(await row.innerText()) - (await total())).toBe(0);
  await row.getByText(/^Paused, \d+ %$/).waitFor();

  faults.clear();
  await scene.product.startWorker();
  await button(page, 'Resume').click();
  await row.getByText('Verified', { exact: true }).waitFor({ timeout: 60_000 });
  const seconds = ((readings.at(-1) ?? 0) - (readings[0] ?? 0)) / 1_000;
  expect(readings.length - 1).toBeLessThanOrEqual(seconds + 0.5);
  await page.context().close();
});

const percentOf = (text: string) => Number(/(\d+) %/.exec(text)?.[1]);

/** Orders a transfer between the two accounts; its id. */
async function order(sourcePath: string): Promise<string> {
  const { page } = await scene.visit({ storageState: prepared.session });
  const ask = async (query: string, variables: object) => {
    const answer = await page.request.post(`${scene.product.url}/graphql`, {
      headers: { origin: scene.product.url },
      data: { query, variables },
    });
    return (await answer.json()).data;
  };
  const { transfer } = await ask('query ($id: ID!) { transfer(id: $id) { source { id } destination { id } } }', {
    id: prepared.arrivedId,
  });
  const { createTransfer } = await ask(
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }',
    {
      input: {
        sourceAccountId: transfer.source.id,
        sourcePaths: [sourcePath],
        destinationAccountId: transfer.destination.id,
        destinationPath: 'arrivals/',
      },
    },
  );
  await page.context().close();
  return createTransfer.transfer.id;
}
