import type { Page } from 'playwright-core';
import { afterAll, beforeAll, test } from 'vitest';
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

test('an object that is there by now arrives on a retry, and what no retry can mend stays named', async () => {
  const page = await openTransfer(prepared.troubledId);
  const missing = page.getByText('harbour/gone.txt').first();
  await missing.waitFor();
  await scene.s3.put('gone.txt', 7);
  await button(page, 'Retry failed objects').click();
  await page.getByText('2 of 3 objects').first().waitFor({ timeout: 60_000 });
  await button(page, 'Retry failed objects').waitFor({ state: 'detached' });
  await page.getByText('Rename the object at the source').waitFor();
  await page.context().close();
});
