import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { BlobServiceClient, type ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Scene, startScene } from './support/browser.ts';
import { type Prepared, prepareScene } from './support/prepared-scene.ts';

let scene: Scene;
let prepared: Prepared;
let arrivals: ContainerClient;
let folder: string;

/** Of Harbour alone: a dollar for each read, a tenth of a cent for each page of a listing. */
const prices = {
  currency: 'USD',
  stores: [
    {
      provider: 'S3',
      perThousand: { read: '1000', write: '0', list: '1', delete: '0', copy: '0' },
      egressPerGib: '0',
    },
  ],
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skyferry-prices-'));
  const priceTable = join(folder, 'prices.json');
  await writeFile(priceTable, JSON.stringify(prices));
  scene = await startScene({ bucket: 'harbour', container: 'arrivals', env: { PRICE_TABLE_FILE: priceTable } });
  prepared = await prepareScene(scene);
  const { accountName, accountKey, endpoint } = scene.azure;
  const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(accountName, accountKey));
  arrivals = service.getContainerClient('arrivals');
  for (const name of ['same.txt', 'grown.txt', 'new.txt', 'odd ends with a dot.']) {
    await scene.s3.put(`papers/${name}`, name === 'grown.txt' ? 2_000 : 100);
  }
});

afterAll(async () => {
  await scene?.close();
  await rm(folder, { recursive: true, force: true });
});

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true });
const rows = (page: Page) => page.getByRole('region', { name: /^Objects/ }).getByRole('row');

/** The page of a new transfer, with a folder of Harbour picked and a folder of Far to arrive in. */
async function pick(page: Page, folder: string, into: string): Promise<void> {
  await page.goto(`${scene.product.url}/transfers/new`);
  await choose(page, 'From', /Harbour/);
  const from = page.getByRole('region', { name: 'From' });
  await from.getByRole('row', { name: 'harbour' }).click();
  await from.getByRole('row', { name: folder }).getByRole('gridcell').first().click();
  await choose(page, 'To', /Far/);
  await page.getByRole('region', { name: 'To' }).getByRole('row', { name: 'arrivals' }).click();
  await page.getByRole('textbox', { name: 'New folder here' }).fill(into);
}

async function choose(page: Page, side: string, account: RegExp): Promise<void> {
  await page.getByRole('combobox', { name: `${side}: account` }).click();
  await page.getByRole('option', { name: account }).click();
}

const visit = async () => (await scene.visit({ storageState: prepared.session })).page;

test('a mirror is planned, read as a diff, approved and carried out', async () => {
  const page = await visit();
  await pick(page, 'papers', 'mirror');
  await page.getByRole('textbox', { name: 'Name' }).fill('First copy');
  await button(page, 'Start transfer').click();
  await page
    .getByText(/^Arrived but for 1 object$/)
    .first()
    .waitFor({ timeout: 60_000 });
  await scene.s3.put('papers/grown.txt', 3_000);
  await scene.s3.put('papers/late.txt', 50);
  await scene.s3.client.send(new DeleteObjectCommand({ Bucket: 'harbour', Key: 'papers/new.txt' }));

  await pick(page, 'papers', 'mirror');
  await page.getByRole('textbox', { name: 'Name' }).fill('The mirror');
  await page.getByText('Mirror', { exact: true }).click();
  await page.getByText('This deletes files at the destination').waitFor();
  await page.getByText('below Far: arrivals / mirror / papers').waitFor();
  await button(page, 'Plan first').click();

  await page.getByRole('heading', { level: 1, name: 'The mirror' }).waitFor();
  await page.getByRole('heading', { name: 'The plan', exact: true }).waitFor({ timeout: 60_000 });
  await button(page, /^Add 1 object, 50 B$/).waitFor();
  await button(page, /^Replace 1 object, 2.93 KiB$/).waitFor();
  await button(page, /^Skip 1 object, 100 B$/).waitFor();
  await button(page, /^Names that do not fit 1 object, 100 B$/).click();
  await expect.poll(() => rows(page).count()).toBe(2);
  const odd = rows(page).filter({ hasText: 'odd ends with a dot.' });
  await odd.getByText('Refused', { exact: true }).waitFor();
  await odd.getByRole('button').click();
  await page.getByText('arrivals/mirror/papers/odd ends with a dot.', { exact: true }).waitFor();
  expect(await rows(page).getByText('Planned', { exact: true }).count()).toBe(0);
  await odd.getByRole('button').first().click();

  const expected = page.getByRole('region', { name: 'Expected' });
  const part = async (term: string) => {
    const facts = await expected.getByText(term, { exact: true }).locator('..').getByRole('definition').allInnerTexts();
    return facts.join(': ');
  };
  // One of the reads is the look, before the deletion, whether the source has the object by then.
  expect(await part('From Harbour')).toMatch(
    /^5 requests: 4 reads, 1 listing page, 2\.98 KiB leave the cloud, US\$4\.01$/,
  );
  expect(await part('To Far')).toBe('5 requests: 1 read, 2 writes, 1 deletion, 1 listing page');
  expect(await part('Cost')).toBe('Not known: no prices of Far in the price table');
  expect(await part('Duration')).toMatch(
    /( s|under a second): measured on \d former transfers? between the two accounts$/,
  );

  await button(page, /^Delete 1 object$/).click();
  const extra = rows(page).filter({ hasText: 'new.txt' });
  await extra.getByText('It is not at the source.').waitFor();
  expect(await extra.getByRole('button').textContent()).toBe('arrivals/mirror/papers/new.txt');
  await expect.poll(() => rows(page).count()).toBe(2);
  await button(page, 'Show the whole plan').click();
  await expect.poll(() => rows(page).count()).toBe(6);
  expect(await arrivedNames('mirror/papers/')).toContain('new.txt');

  // Whoever looks elsewhere sees it go on at once.
  const other = await visit();
  await other.goto(page.url());
  await button(other, 'Approve').waitFor();
  await button(page, 'Approve').click();
  const dialog = page.getByRole('dialog', { name: 'Approve the plan of The mirror?' });
  await dialog.getByText('1 object (50 B) written').waitFor();
  await dialog.getByText('1 object (2.93 KiB) replaced').waitFor();
  await dialog.getByText('1 object deleted for good').waitFor();
  await button(page, 'Approve and start').click();
  await page.getByText('Mirrored but for 1 object').first().waitFor({ timeout: 60_000 });
  await other.getByText('Mirrored but for 1 object').first().waitFor();
  await button(other, 'Approve').waitFor({ state: 'detached' });
  expect(await arrivedNames('mirror/papers/')).toEqual(['grown.txt', 'late.txt', 'same.txt']);
  await rows(page).filter({ hasText: 'new.txt' }).getByText('Deleted', { exact: true }).waitFor();
  const deleted = page.locator('.figures').getByText('Deleted', { exact: true }).locator('..').getByRole('definition');
  expect(await deleted.innerText()).toBe('1 of 1\nat the destination');
  await other.context().close();
  await page.context().close();
}, 120_000);

test('what changed after its plan is planned again with one click, with everything as it was chosen', async () => {
  const page = await visit();
  for (const name of ['moved.txt', 'changed.txt', 'left out.txt']) await scene.s3.put(`drafts/${name}`, 100);
  const planned = {
    ...{ sourcePaths: ['harbour/drafts/'], destinationPath: 'arrivals/drafts/', name: 'Drafts', mode: 'MOVE' },
    ...{ priority: 'HIGH', bandwidthLimit: '40000' },
    options: { conflictPolicy: 'OVERWRITE_IF_NEWER', concurrency: 3, filter: { exclude: ['left*'], maxSize: '5000' } },
  };
  const id = await prepared.order(planned, 'planTransfer');
  await prepared.until(id, 'AWAITING_APPROVAL');
  await scene.s3.put('drafts/changed.txt', 200);
  await page.goto(`${scene.product.url}/transfers/${id}`);
  await button(page, 'Approve').click();
  await button(page, 'Approve and start').click();
  await page.getByText('Arrived but for 1 object').first().waitFor({ timeout: 60_000 });
  const choices = page.getByRole('region', { name: 'Choices' });
  const chosen = await choices.innerText();

  await button(page, /^Plan again: /).click();
  await page.getByRole('heading', { name: 'The plan', exact: true }).waitFor({ timeout: 60_000 });
  await button(page, /^Add 1 object, 200 B$/).waitFor();
  expect(page.url()).not.toContain(id);
  expect(await choices.innerText()).toBe(chosen);
  const limits = page.getByRole('region', { name: 'Limits' });
  for (const limit of ['3 at most', /^39\.1 KiB\/s at most$/]) await limits.getByText(limit).waitFor();
  await button(page, 'Approve').click();
  await button(page, 'Approve and start').click();
  await page.getByText('Arrived', { exact: true }).first().waitFor({ timeout: 60_000 });
  await page.context().close();
}, 120_000);

test('a mirror that would delete too much says so and waits, and is discarded', async () => {
  const page = await visit();
  await scene.s3.put('shrunk/stays.txt', 10);
  for (const name of ['one', 'two']) await arrive(`kept/shrunk/${name}.txt`, 'extra');
  await pick(page, 'shrunk', 'kept');
  await page.getByText('Mirror', { exact: true }).click();
  await page.getByText('More choices').click();
  await page.getByLabel('More files than').fill('1');
  await button(page, 'Start transfer').click();
  await page.getByText('It would delete 2 objects, so it waits for you').waitFor({ timeout: 60_000 });

  await page.getByRole('link', { name: 'All transfers' }).click();
  await page.getByText('To approve', { exact: true }).click();
  await page.getByRole('listitem').filter({ hasText: 'Waiting for your approval' }).getByRole('link').click();
  await button(page, 'Cancel').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel transfer' }).click();
  await page
    .getByText(/^Cancelled after/)
    .first()
    .waitFor();
  await button(page, 'Approve').waitFor({ state: 'detached' });
  expect(await arrivedNames('kept/shrunk/')).toContain('one.txt');
  await page.context().close();
});

test('what differs is told in words, and nothing is changed', async () => {
  const page = await visit();
  await scene.s3.put('twins/a.txt', 10);
  await scene.s3.put('twins/b.txt', 20);
  await arrive('compared/twins/b.txt', 'something else');
  await arrive('compared/twins/c.txt', 'only here');
  await scene.s3.put('twins/odd.', 30);
  await arrive('compared/twins/odd%2E', 'under another name');
  await pick(page, 'twins', 'compared');
  await page.getByText('More choices').click();
  await page.getByLabel('tags', { exact: true }).check();
  const losses = page.getByText('Not kept from Harbour to Far');
  await losses.waitFor();
  await page.getByText('Compare', { exact: true }).click();
  await page.getByText('Rewritten', { exact: true }).click();
  expect(await button(page, 'Plan first').count()).toBe(0);
  expect(await losses.count()).toBe(0);
  await button(page, 'Start transfer').click();
  await page.getByText('Nothing alike').first().waitFor({ timeout: 60_000 });
  const differing = (name: string) => rows(page).filter({ hasText: name });
  await differing('a.txt').getByText('It is not at the destination.').waitFor();
  await differing('b.txt').getByText('The destination has 14 bytes, the source 20.').waitFor();
  await differing('odd.').getByText('The destination has 18 bytes, the source 30.').waitFor();
  await page.getByRole('region', { name: 'Choices' }).getByText('Rewritten').waitFor();
  const reasons = page.getByRole('region', { name: 'What is not alike' });
  await reasons.getByText('arrivals/compared/twins/c.txt', { exact: true }).waitFor();
  await page.context().close();
});

test('a plan tells what names are turned back into', async () => {
  const page = await visit();
  await scene.s3.put('fetched/a%3Ab.txt', 10);
  await pick(page, 'fetched', 'home');
  await page.getByText('More choices').click();
  await page.getByText('Turn back', { exact: true }).click();
  await button(page, 'Plan first').click();
  await rows(page).filter({ hasText: 'a%3Ab.txt' }).getByText('Its name there: a:b.txt').waitFor({ timeout: 60_000 });
  await page.getByRole('region', { name: 'Choices' }).getByText('Turned back').waitFor();
  await page.context().close();
});

test('what is there already is moved by removing it at the source, and nobody is told of deletions elsewhere', async () => {
  const page = await visit();
  await scene.s3.put('twice/a.txt', 10);
  await pick(page, 'twice', 'moved');
  await button(page, 'Start transfer').click();
  await page.getByText('Arrived', { exact: true }).first().waitFor({ timeout: 60_000 });

  await pick(page, 'twice', 'moved');
  await page.getByText('Move', { exact: true }).click();
  await page.getByText('More choices').click();
  await page.getByRole('combobox', { name: 'If a file is at the destination already' }).click();
  await page.getByRole('option', { name: 'Replace it if it differs' }).click();
  await button(page, 'Plan first').click();
  await button(page, /^Skip 1 object, 10 B$/).waitFor({ timeout: 60_000 });
  const removed = page.locator('.figures').getByText('To be removed', { exact: true }).locator('..');
  expect(await removed.getByRole('definition').innerText()).toBe('1\nfrom the source, once proven');
  await button(page, 'Approve').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/^Each file is then deleted from Harbour/).waitFor();
  expect(await dialog.getByText(/deleted for good/).count()).toBe(0);
  await button(page, 'Approve and start').click();
  await page.getByText('Arrived: it was there already').first().waitFor({ timeout: 60_000 });
  await page.context().close();
});

test('only the paths in a file, and of these only what is old enough, are planned', async () => {
  const page = await visit();
  await pick(page, 'papers', 'listed');
  await page.getByText(/^More choices/).click();
  const choose = (name: string, paths: string) =>
    page.locator('input[type=file]').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(paths) });
  await choose('wrong.txt', 'harbour/papers/same.txt\nharbour/\n');
  await page.getByText(/^More choices/).click();
  await button(page, 'Plan first').click();
  await page.getByText('Line 2 of the manifest: it names a container and no object.').waitFor();
  expect(await page.evaluate('document.activeElement.labels[0].textContent')).toBe('Only the paths in a file');
  await choose('paths.txt', 'harbour/papers/same.txt\nharbour/papers/grown.txt\n');
  await page.getByLabel('Not older than').fill('a while');
  await button(page, 'Plan first').click();
  await page.getByText('Type an age of at most 100 years, such as 30 days or 12 hours.').waitFor();
  await page.getByLabel('Not older than').fill('2 weeks');
  await page.getByLabel('Objects at once').fill('40');
  await button(page, 'Plan first').click();
  await page.getByRole('heading', { name: 'The plan', exact: true }).waitFor({ timeout: 60_000 });
  await button(page, /^Add 2 objects/).waitFor();
  await expect.poll(() => rows(page).count()).toBe(3);
  const choices = page.getByRole('region', { name: 'Choices' });
  await choices.getByText('Only the 2 paths of a file').waitFor();
  await choices.getByText('not older than 14 days').waitFor();
  await page.getByRole('region', { name: 'Limits' }).getByText('40 at most').waitFor();

  await pick(page, 'papers', 'listed');
  await page.getByText(/^More choices/).click();
  await page.getByLabel('Older than', { exact: true }).fill('1 day');
  await button(page, 'Plan first').click();
  await page.getByText('There is nothing to do.').waitFor({ timeout: 60_000 });
  await page.context().close();
});

test('what the API refuses stands at its field, unfolded', async () => {
  const page = await visit();
  await pick(page, 'papers', 'refused');
  const more = page.getByText(/^More choices/);
  await more.click();
  await page.getByLabel('At least this large').fill('much');
  await page.getByLabel('Only these').fill('*.txt\n[z-a');
  await more.click();
  await button(page, 'Start transfer').click();
  await page.getByText('Type a size such as 500 KB or 1.5 GiB.').waitFor();
  expect(await page.evaluate('document.activeElement.labels[0].textContent')).toBe('At least this large');
  await page.getByLabel('At least this large').fill('10');
  await more.click();
  await button(page, 'Plan first').click();
  await expect.poll(() => page.getByLabel('Only these').getAttribute('aria-invalid')).toBe('true');
  expect(await page.getByLabel('Only these').isVisible()).toBe(true);
  expect(await page.evaluate('document.activeElement.labels[0].textContent')).toBe('Only these');
  await page.context().close();
});

/** Puts an object at the destination, as somebody else would. */
const arrive = (key: string, body: string) => arrivals.getBlockBlobClient(key).upload(body, body.length);

async function arrivedNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of arrivals.listBlobsFlat({ prefix: folder })) names.push(name.slice(folder.length));
  return names;
}
