import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Scene, startScene } from './support/browser.ts';
import { type Prepared, prepareScene } from './support/prepared-scene.ts';

let scene: Scene;
let prepared: Prepared;
let taggedId: string;

beforeAll(async () => {
  scene = await startScene({ bucket: 'harbour', container: 'arrivals' });
  prepared = await prepareScene(scene);
  taggedId = await prepared.order({
    ...{ sourcePaths: ['harbour/odd/', 'harbour/gone.txt'], name: 'Odd names' },
    options: { keep: { tags: true } },
  });
  await prepared.until(taggedId, 'COMPLETED_WITH_ERRORS');
});
afterAll(async () => {
  await scene?.close();
});

async function open(id: string) {
  const { page, complaints } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/transfers/${encodeURIComponent(id)}`);
  await page.getByRole('heading', { name: 'Log' }).waitFor();
  return { page, complaints };
}

const unkept = (page: Page) =>
  page.getByRole('region', { name: 'What is not kept' }).getByRole('listitem').allTextContents();

test('a transfer that ended gives its report and its receipt, and says what was not kept', async () => {
  const { page, complaints } = await open(taggedId);
  const take = async (name: string) => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name, exact: true }).click(),
    ]);
    return { file: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') };
  };
  const csv = await take('Report, CSV');
  expect(csv.file).toMatch(/^skyferry-[0-9a-f-]{36}-report\.csv$/);
  expect(csv.text).toContain('item,,,1,WRITE,,COMPLETED,harbour/odd/fine.txt,arrivals/odd/fine.txt,10,');
  const lines = await take('Report, JSON Lines');
  expect(lines.text.trimEnd().split('\n').at(-1)).toContain('"type":"end","objectsCompleted":1');
  const receipt = await take('Receipt');
  expect(receipt.file).toMatch(/-receipt\.json$/);
  expect(JSON.parse(receipt.text).receipt).toMatchObject({
    transferId: taggedId,
    state: 'COMPLETED_WITH_ERRORS',
    objectsCompleted: 1,
    objectsFailed: 2,
  });
  expect(await unkept(page)).toEqual([expect.stringMatching(/^Tags with characters/)]);
  expect(complaints).toEqual([]);
});

test('nothing is said of tags where they are not to travel', async () => {
  const { page } = await open(prepared.troubledId);
  await page.getByRole('heading', { name: 'Report and receipt' }).waitFor();
  expect(await unkept(page)).toEqual([]);
});

test('one that has not ended says what will not be kept, and gives neither', async () => {
  const startAt = new Date(Date.now() + 24 * 3_600_000).toISOString();
  const order = { sourcePaths: ['harbour/photos/'], startAt, options: { keep: { tags: true } } };
  const { page } = await open(await prepared.order(order));
  await page.getByRole('heading', { name: 'What is not kept' }).waitFor();
  expect(await page.getByRole('heading', { name: 'Report and receipt' }).count()).toBe(0);
});
