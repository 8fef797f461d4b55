import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDb } from '../core/db.ts';
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

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true });

async function choose(page: Page, side: string, account: RegExp): Promise<void> {
  await page.getByRole('combobox', { name: `${side}: account` }).click();
  await page.getByRole('option', { name: account }).click();
}

test('a schedule is made with a look at its next runs, runs, is changed, paused and deleted', async () => {
  const { page } = await scene.visit({ storageState: prepared.session, timezoneId: 'Asia/Tokyo' });
  await page.goto(`${scene.product.url}/schedules`);
  await page.getByText('No timetable yet').waitFor();
  await page.getByRole('link', { name: 'New schedule' }).first().click();
  await choose(page, 'From', /Harbour/);
  const from = page.getByRole('region', { name: 'From' });
  await from.getByRole('row', { name: 'bucket harbour' }).click();
  await from.getByRole('row', { name: 'photos' }).getByRole('gridcell').first().click();
  await choose(page, 'To', /Far/);
  await page.getByRole('region', { name: 'To' }).getByRole('row', { name: 'container arrivals' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Nightly');

  // Every day at three, where the reader is.
  expect(await page.getByRole('combobox', { name: 'Time zone' }).inputValue()).toBe('Asia/Tokyo');
  await expect
    .poll(() =>
      page
        .getByRole('listitem')
        .filter({ hasText: /, 03:00$/ })
        .count(),
    )
    .toBe(5);
  await page.getByText('otherwise', { exact: true }).click();
  const cron = page.getByRole('textbox', { name: 'Cron expression' });
  await cron.fill('every day');
  await button(page, 'Make schedule').click();
  await page.getByText('Type five fields').waitFor();
  await cron.fill('0 0 30 2 *');
  await page.getByText('It would never run').waitFor();
  await button(page, 'Make schedule').click();
  await page.getByText('never fires').waitFor();
  await cron.fill('* * * * *');
  await page.getByText('Mirror', { exact: true }).click();
  const danger = page.getByText(/not at the source is deleted/);
  expect(await danger.textContent()).not.toContain('Plan first');
  await page.getByText('Copy', { exact: true }).click();
  await page.getByText(/^More choices/).click();
  // What these clouds do not keep is told before.
  await page.getByRole('checkbox', { name: 'tags' }).check();
  await page.getByText('Not kept from Harbour to Far').waitFor();
  await page.getByRole('textbox', { name: 'Only these' }).fill('*.jpg\n*.png\n*.gif\n*.tif\n*.raw\n*.bmp');
  await page.getByRole('textbox', { name: 'At least this large' }).fill('1 KiB');
  await page.getByRole('textbox', { name: 'Older than', exact: true }).fill('0 days');
  await page.getByRole('textbox', { name: 'Speed limit' }).fill('5 MiB');
  await page.getByRole('textbox', { name: 'Objects at once' }).fill('4');
  await button(page, 'Make schedule').click();

  await page.getByRole('heading', { level: 1, name: 'Schedules' }).waitFor();
  const row = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'Nightly' }) });
  await row.getByText('* * * * *, Asia/Tokyo').waitFor();
  // What is chosen about its transfers shows; what is as usual does not.
  const chosen = row.getByRole('region', { name: 'Choices of Nightly' }).locator('dl > div');
  expect(
    await chosen.evaluateAll((all) => all.map((one) => [...one.children].map((text) => text.textContent))),
  ).toEqual([
    ['Only', '*.jpg', '*.png', '*.gif', '*.tif', 'and 2 more'],
    ['Size', 'at least 1 KiB'],
    ['Age when it begins', 'older than 0 days'],
    ['Travels along too', 'tags'],
    ['Speed', '5 MiB/s at most'],
    ['Objects at once', '4 at most'],
  ]);
  await button(page, 'All choices of Nightly').click();
  await row.getByText('*.bmp', { exact: true }).waitFor();
  await button(page, 'Fewer choices of Nightly').click();
  // It runs by itself, and what became of that shows by itself too.
  const runs = page.getByRole('list', { name: 'Last runs of Nightly' });
  await runs.getByText('Arrived', { exact: true }).first().waitFor({ timeout: 120_000 });

  // The list of transfers need not show them, and the schedule's own page lists them all.
  await page.getByRole('link', { name: 'Transfers', exact: true }).click();
  await page.getByRole('link', { name: 'Nightly' }).first().waitFor();
  await page.getByRole('switch', { name: 'Runs of schedules' }).click();
  await page.getByRole('link', { name: 'Nightly' }).first().waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Holiday' }).waitFor();
  await page.getByRole('link', { name: 'Schedules', exact: true }).click();
  await page.getByRole('link', { name: 'All runs of Nightly' }).click();
  await page.getByRole('heading', { level: 1, name: 'Nightly' }).waitFor();
  await page.getByRole('link', { name: 'Nightly' }).first().waitFor();
  await page.getByRole('link', { name: 'All schedules' }).click();

  await button(page, 'Change Nightly').click();
  const dialog = page.getByRole('dialog', { name: 'Change Nightly' });
  expect(await dialog.getByRole('textbox', { name: 'Speed limit' }).inputValue()).toBe('5 MiB');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('Hourly');
  await dialog.getByText('every hour', { exact: true }).click();
  await button(page, 'Change').click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('every hour, Asia/Tokyo').waitFor();

  await button(page, 'Pause Hourly').click();
  await page.getByText('Paused', { exact: true }).waitFor();
  await button(page, 'Resume Hourly').click();
  await page.getByText(/^next in/).waitFor();
  await button(page, 'Delete Hourly').click();
  await button(page, 'Delete schedule').click();
  await page.getByText('No timetable yet').waitFor();

  // What it ordered stays, with its limit.
  await page.getByRole('link', { name: 'Transfers', exact: true }).click();
  await page.getByRole('link', { name: 'Nightly' }).first().click();
  await page.getByText('5 MiB/s at most').waitFor();
  await page.context().close();
}, 200_000);

test('a schedule that has stopped by itself says why and what to do, and goes on once it is resumed', async () => {
  await prepared.schedule({ sourcePaths: ['harbour/photos/'], name: 'Becalmed', cron: '0 3 * * *', timeZone: 'UTC' });
  const db = createDb({ url: scene.product.env.DATABASE_URL as string, poolSize: 1 });
  const message = 'The store does not know these keys.';
  const data = { enabled: false, nextRunAt: null, errorCode: 'CREDENTIALS_INVALID', errorMessage: message };
  await db.transferSchedule.updateMany({ where: { name: 'Becalmed' }, data });
  await db.$disconnect();
  const { page } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/schedules`);
  const row = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'Becalmed' }) });
  await row.getByText('Stopped', { exact: true }).waitFor();
  await row.getByText(message).waitFor();
  await row.getByRole('link', { name: 'replace the credentials' }).waitFor();
  await button(page, 'Resume Becalmed').click();
  await row.getByText(/^next /).waitFor();
  expect(await row.getByText(message).count()).toBe(0);
  await button(page, 'Delete Becalmed').click();
  await button(page, 'Delete schedule').click();
  await row.waitFor({ state: 'detached' });
  await page.context().close();
});

test('a schedule whose account is disconnected says so at once, and promises no next run', async () => {
  await prepared.schedule({ sourcePaths: ['harbour/photos/'], name: 'Forlorn', cron: '0 3 * * *', timeZone: 'UTC' });
  const { page } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/transfers/${prepared.scheduledId}`);
  await button(page, 'Cancel').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel transfer' }).click();
  await page.getByText('Cancelled after 0 objects').first().waitFor();
  await page.getByRole('link', { name: 'Accounts' }).click();
  await button(page, 'More for Far').click();
  await page.getByRole('menuitem', { name: 'Disconnect' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Schedules with this account run no more.').waitFor();
  await dialog.getByRole('button', { name: 'Disconnect' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Schedules' }).click();
  await page.getByText('Far is disconnected: nothing runs any more').waitFor();
  expect(await page.getByText(/^next /).count()).toBe(0);
  expect(await button(page, /^(Pause|Resume) Forlorn$/).count()).toBe(0);
  await page.context().close();
});
