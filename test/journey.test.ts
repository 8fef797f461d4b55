import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Scene, startScene, type Visit } from './support/browser.ts';
import { startTestSmtp, type TestSmtp } from './support/smtp.ts';

const MiB = 1024 * 1024;
const objects = 24;

let smtp: TestSmtp;
let scene: Scene;
let visit: Visit;
let page: Page;

beforeAll(async () => {
  smtp = await startTestSmtp();
  scene = await startScene({ bucket: 'harbour', container: 'arrivals', env: { SMTP_URL: smtp.url } });
  for (let index = 0; index < objects - 1; index++) {
    await scene.s3.put(`photos/2026/picture ${index}.jpg`, index * 1_111);
  }
  await scene.s3.put('photos/2026/film.mp4', 20 * MiB + 3);
  await scene.s3.put('other/stays.txt', 10);
  visit = await scene.visit();
  page = visit.page;
});

afterAll(async () => {
  await scene?.close();
  await smtp?.close();
});

const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });
const textbox = (name: string) => page.getByRole('textbox', { name, exact: true });

test('the first visitor sets up Skyferry', async () => {
  await page.goto(scene.product.url);
  await heading('Set up Skyferry').waitFor();
  await textbox('Name').fill('Ada Lovelace');
  await textbox('E-mail').fill('ada@example.org');
  await textbox('Password').fill('short');
  await page.getByRole('button', { name: 'Create the administrator' }).click();
  await page.getByText('Choose a password of 10 to 128 characters.').waitFor();
  await textbox('Password').fill('a ferry between clouds');
  await page.getByRole('button', { name: 'Create the administrator' }).click();
  await heading('Transfers').waitFor();
  await page.getByRole('heading', { name: 'Calm water' }).waitFor();
});

test('an S3 account is tested before it is saved, and a refusal shows beside its field', async () => {
  await page.getByRole('link', { name: 'Accounts', exact: true }).click();
  await page.getByRole('link', { name: 'Connect an account' }).first().click();
  await page.getByText('S3-compatible', { exact: true }).click();
  await textbox('Name').fill('Harbour S3');
  await textbox('Endpoint').fill(scene.s3.server.endpoint);
  await textbox('Access key ID').fill('skyferry-test');
  await textbox('Secret access key').fill('not the secret');
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText('The store refused the credentials.').waitFor();
  expect(await textbox('Secret access key').getAttribute('aria-invalid')).toBe('true');

  await textbox('Secret access key').fill('a secret of the tests');
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText('The connection works').waitFor();
  await page.getByRole('button', { name: 'Connect account' }).click();
  await heading('Accounts').waitFor();
  const row = page.getByRole('listitem').filter({ hasText: 'Harbour S3' });
  await row.getByText('Connected', { exact: true }).waitFor();
});

test('an Azure account is connected with its key', async () => {
  await page.getByRole('link', { name: 'Connect an account' }).first().click();
  await page.getByRole('radio', { name: /Azure Blob Storage/ }).check({ force: true });
  await textbox('Name').fill('Far Azure');
  await textbox('Storage account').fill(scene.azure.accountName);
  await page.getByText('Account key', { exact: true }).click();
  await textbox('Account key').fill(scene.azure.accountKey);
  await textbox('Endpoint').fill(scene.azure.endpoint);
  await page.getByRole('button', { name: 'Connect account' }).click();
  await heading('Accounts').waitFor();
  await page.getByRole('listitem').filter({ hasText: 'Far Azure' }).getByText('Connected', { exact: true }).waitFor();
});

test('a folder is picked, crosses live, and is proven at both ends', async () => {
  const frames: string[] = [];
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => frames.push(String(payload))));

  await page.getByRole('link', { name: 'New transfer', exact: true }).click();
  await choose('From: account', /Harbour S3/);
  const source = page.getByRole('region', { name: 'From' }).getByRole('grid');
  await source.getByRole('row', { name: /harbour/ }).click();
  await source
    .getByRole('row', { name: /photos/ })
    .getByRole('gridcell')
    .first()
    .click();
  await choose('To: account', /Far Azure/);
  await page
    .getByRole('region', { name: 'To' })
    .getByRole('row', { name: /arrivals/ })
    .click();
  const start = page.getByRole('button', { name: 'Start transfer' });
  await textbox('New folder here').fill('../weird//x/');
  await page.getByText('A folder in it has no name').waitFor();
  expect(await textbox('New folder here').getAttribute('aria-invalid')).toBe('true');
  expect(await start.isDisabled()).toBe(true);
  await textbox('New folder here').fill('2026');
  await page.getByRole('form', { name: 'Departure' }).getByText('Far Azure: arrivals / 2026 / photos').waitFor();
  await textbox('Name').fill('Holiday');
  await page.getByText('at a time').click();
  await page.getByRole('button', { name: 'Schedule transfer' }).click();
  const complaint = page.getByText('Choose a time that is still to come.');
  await complaint.waitFor();
  await page.getByLabel('Start time').fill('2001-01-01T12:00');
  expect(await complaint.isVisible()).toBe(true);
  await page.getByLabel('Start time').fill(`${new Date().getFullYear() + 1}-01-01T12:00`);
  await complaint.waitFor({ state: 'detached' });
  await page.getByText('now', { exact: true }).click();
  await start.click();

  await heading('Holiday').waitFor();
  await page
    .getByText(`${objects} of ${objects} objects verified, hashes equal on both sides`)
    .waitFor({ timeout: 60_000 });
  const track = page.getByRole('progressbar', { name: 'Progress of Holiday' });
  expect(await track.getAttribute('aria-valuenow')).toBe('100');
  const events = frames.filter((frame) => frame.includes('"transferProgress"'));
  expect(events.length).toBeGreaterThan(0);
  expect(events.at(-1)).toContain('"COMPLETED"');
}, 90_000);

test('each object shows the evidence of both sides', async () => {
  await page.getByRole('button', { name: /film\.mp4/ }).click();
  const detail = page.getByRole('cell').filter({ hasText: 'arrivals/2026/photos/2026/film.mp4' });
  await detail.getByText('Source', { exact: true }).waitFor();
  await detail.getByText('Destination', { exact: true }).waitFor();
  expect(await detail.getByText(/^(What was read|Every part that was read) /).count()).toBe(1);
  expect(
    await detail.getByText(/^(What was written|The cloud checked|The hash of what was sent|It was read back)/).count(),
  ).toBe(1);
});

test('the list shows it arrived, and only to those who are signed in', async () => {
  await page.getByRole('link', { name: 'All transfers' }).click();
  const row = page.getByRole('listitem').filter({ hasText: 'Holiday' });
  await row.getByText('Arrived', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Menu of Ada Lovelace' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await heading('Sign in').waitFor();
  await page.goto(`${scene.product.url}/accounts`);
  await heading('Sign in').waitFor();
  await textbox('E-mail').fill('ada@example.org');
  await textbox('Password').fill('a ferry between clouds');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await heading('Accounts').waitFor();
});

test('a forgotten password is replaced by a link in a mail', async () => {
  await page.getByRole('button', { name: 'Menu of Ada Lovelace' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('link', { name: 'Forgot your password?' }).click();
  await heading('Forgot your password?').waitFor();
  await textbox('E-mail').fill('ada@example.org');
  await page.getByRole('button', { name: 'Send the link' }).click();
  await page.getByText('Look into your mail').waitFor();
  const mail = (await smtp.nextMail()).replaceAll('=\n', '').replaceAll('=3D', '=');
  const link = /http\S+\/reset-password\?token=[\w%-]+/.exec(mail)?.[0];
  await page.goto(String(link));
  await textbox('New password').fill('another ferry between clouds');
  await page.getByRole('button', { name: 'Set the password' }).click();
  await heading('Your password is set').waitFor();
  await page.getByRole('link', { name: 'Sign in' }).click();
  await textbox('E-mail').fill('ada@example.org');
  await textbox('Password').fill('another ferry between clouds');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await heading('Transfers').waitFor();
});

test('the browser had nothing to complain about', () => {
  expect(visit.complaints).toEqual([]);
});

async function choose(box: string, option: RegExp): Promise<void> {
  await page.getByRole('combobox', { name: box }).click();
  await page.getByRole('option', { name: option }).click();
}
