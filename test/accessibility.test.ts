import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Scene, startScene } from './support/browser.ts';
import { type Prepared, prepareScene } from './support/prepared-scene.ts';

let scene: Scene;
let prepared: Prepared;
/** A mirror that was planned and would add, skip, delete and refuse; and a comparison of two sides that differ. */
let plannedId: string;
let comparedId: string;

beforeAll(async () => {
  scene = await startScene({
    bucket: 'harbour',
    container: 'arrivals',
    // With a mail server there is a page for forgotten passwords; no mail is sent here.
    // Apps at both clouds, so that their forms show all ways; nobody signs in there.
    env: {
      SMTP_URL: 'smtp://127.0.0.1:1',
      DROPBOX_APP_KEY: 'an-app',
      GOOGLE_OAUTH_CLIENT_ID: 'a-client',
      GOOGLE_OAUTH_CLIENT_SECRET: 'its-secret',
      ALLOW_MACHINE_IDENTITY: 'true',
    },
  });
  prepared = await prepareScene(scene);
  const mirror = { sourcePaths: ['harbour/photos/', 'harbour/odd/'], mode: 'SYNC', name: 'Mirror' };
  plannedId = await prepared.order(mirror, 'planTransfer');
  await prepared.until(plannedId, 'AWAITING_APPROVAL');
  comparedId = await prepared.order({ ...mirror, sourcePaths: ['harbour/odd/'], mode: 'VERIFY', name: 'Comparison' });
  await prepared.until(comparedId, 'COMPLETED_WITH_ERRORS');
  const photos = { sourcePaths: ['harbour/photos/'], timeZone: 'Europe/Berlin' };
  await prepared.schedule({ ...photos, cron: '0 3 * * *', name: 'Nightly', mode: 'SYNC' });
  await prepared.schedule({ ...photos, cron: '*/20 2-4 * * MON-FRI', name: 'Often', bandwidthLimit: '500000' });
});

afterAll(async () => {
  await scene?.close();
});

/** A page to look at: where it lies and what is done there until it shows what it can. */
interface View {
  path: () => string;
  /** Seen by those who are not signed in. */
  visitor?: true;
  arrange?: (page: Page) => Promise<void>;
}

const transferPath = (id: string) => `/transfers/${encodeURIComponent(id)}`;

const views: Record<string, View> = {
  'sign in': { path: () => '/sign-in', visitor: true },
  'sign in, refused': {
    path: () => '/sign-in',
    visitor: true,
    arrange: async (page) => {
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('Type your password.').waitFor();
    },
  },
  'sign up': { path: () => '/sign-up', visitor: true },
  'forgotten password': { path: () => '/forgot-password', visitor: true },
  'reset password': { path: () => '/reset-password?token=abc', visitor: true },
  transfers: {
    path: () => '/transfers',
    arrange: async (page) => void (await page.getByRole('listitem').first().waitFor()),
  },
  'no transfers of a kind': {
    path: () => '/transfers?show=active',
    arrange: async (page) => void (await page.getByRole('heading', { level: 1 }).waitFor()),
  },
  'the menu': {
    path: () => '/transfers',
    arrange: async (page) => {
      await page.getByRole('button', { name: /^Menu of/ }).click();
      await page.getByRole('menuitemradio', { name: 'Dark' }).waitFor();
    },
  },
  'new transfer': {
    path: () => '/transfers/new',
    arrange: async (page) => {
      await pickPhotos(page);
      await page.getByText('at a time').click();
    },
  },
  'new transfer, with all choices': {
    path: () => '/transfers/new',
    arrange: async (page) => {
      await pickPhotos(page);
      await page.getByText('Mirror', { exact: true }).click();
      await page.getByText(/^More choices/).click();
      await page.getByLabel('At least this large').fill('much');
      await page.getByLabel('Older than', { exact: true }).fill('old');
      await page.getByText('Rewrite', { exact: true }).click();
      await page.getByRole('button', { name: 'Plan first' }).click();
      await page.getByText('Type a size such as').waitFor();
    },
  },
  'new transfer, with a list that is refused': {
    path: () => '/transfers/new',
    arrange: async (page) => {
      await pickPhotos(page);
      await page.getByText(/^More choices/).click();
      const list = { name: 'paths.txt', mimeType: 'text/plain', buffer: Buffer.from('harbour/') };
      await page.locator('input[type=file]').setInputFiles(list);
      await page.getByRole('button', { name: 'Plan first' }).click();
      await page.getByText('Line 1 of the manifest').waitFor();
    },
  },
  'new transfer, again and again': {
    path: () => '/transfers/new?when=again',
    arrange: async (page) => {
      await pickPhotos(page);
      await page.getByText('Runs next').waitFor();
      await page.getByRole('textbox', { name: 'Cron expression' }).fill('never');
      await page.getByRole('button', { name: 'Make schedule' }).click();
      await page.getByText('Type five fields').waitFor();
    },
  },
  schedules: {
    path: () => '/schedules',
    arrange: async (page) => void (await page.getByRole('heading', { name: 'Nightly' }).waitFor()),
  },
  'changing a schedule': {
    path: () => '/schedules',
    arrange: async (page) => {
      await page.getByRole('button', { name: 'Change Often' }).click();
      await page.getByText('Runs next').waitFor();
    },
  },
  'deleting a schedule': {
    path: () => '/schedules',
    arrange: async (page) => {
      await page.getByRole('button', { name: 'Delete Often' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Keep it' }).waitFor();
    },
  },
  'changing limits': {
    path: () => transferPath(prepared.scheduledId),
    arrange: async (page) => {
      await page.getByRole('button', { name: 'Change the limits' }).click();
      await page.getByRole('textbox', { name: 'Speed limit' }).fill('slow');
      await page.getByRole('textbox', { name: 'Objects at once' }).fill('none');
      await page.getByRole('dialog').getByRole('button', { name: 'Change' }).click();
      await page.getByText('Type a size a second').waitFor();
    },
  },
  'transfers to approve': {
    path: () => '/transfers?show=approval',
    arrange: async (page) => void (await page.getByRole('listitem').first().waitFor()),
  },
  'a plan that waits': {
    path: () => transferPath(plannedId),
    arrange: async (page) => {
      await page.getByRole('button', { name: /^Skip/ }).click();
      await page.getByRole('button', { name: 'Show the whole plan' }).waitFor();
      await page.getByRole('button', { name: /picture 1\.jpg/ }).click();
      await page.getByText('Both sides hold the same').first().waitFor();
    },
  },
  'approving a plan': {
    path: () => transferPath(plannedId),
    arrange: async (page) => {
      await page.getByRole('button', { name: 'Approve' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Not yet' }).waitFor();
    },
  },
  'a comparison': {
    path: () => transferPath(comparedId),
    arrange: async (page) => {
      await page.getByRole('heading', { name: 'What is not alike' }).waitFor();
      await page.getByRole('button', { name: /fine\.txt/ }).click();
      await page.getByText('Destination', { exact: true }).waitFor();
    },
  },
  'new transfer, choosing an account': {
    path: () => '/transfers/new',
    arrange: async (page) => {
      await page.getByRole('combobox', { name: 'From: account' }).click();
      await page.getByRole('option', { name: /Harbour/ }).waitFor();
    },
  },
  accounts: {
    path: () => '/accounts',
    arrange: async (page) => void (await page.getByRole('button', { name: 'Test Harbour' }).waitFor()),
  },
  'disconnecting an account': {
    path: () => '/accounts',
    arrange: async (page) => {
      await page.getByRole('button', { name: 'More for Harbour' }).click();
      await page.getByRole('menuitem', { name: 'Disconnect' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Keep it' }).waitFor();
    },
  },
  'connecting S3': {
    path: () => '/accounts/new',
    arrange: async (page) => {
      await page.getByText('S3-compatible', { exact: true }).click();
      await page.getByRole('button', { name: 'Connect account' }).click();
      await page.getByText('Type the access key ID.').waitFor();
    },
  },
  'connecting S3, with all settings': {
    path: () => '/accounts/new?provider=s3',
    arrange: async (page) => {
      await page.getByText('More settings').click();
      await page.getByText('KMS key', { exact: true }).click();
      await page.getByLabel('Storage class').fill('cold');
      await page.getByText('Machine', { exact: true }).click();
      await page.getByRole('button', { name: 'Connect account' }).click();
      await page.getByText('Type it as S3 names it').waitFor();
    },
  },
  'connecting Azure': { path: () => '/accounts/new?provider=azure' },
  'connecting Azure by a connection string': {
    path: () => '/accounts/new?provider=azure',
    arrange: async (page) => {
      await page.getByText('Connection string', { exact: true }).click();
      await page.getByRole('textbox', { name: 'Connection string' }).waitFor();
    },
  },
  'connecting Azure as a service principal': {
    path: () => '/accounts/new?provider=azure',
    arrange: async (page) => {
      await page.getByText('Service principal', { exact: true }).click();
      await page.getByRole('button', { name: 'Connect account' }).click();
      await page.getByText('Type the directory (tenant) ID.').waitFor();
    },
  },
  'connecting Google by a key': {
    path: () => '/accounts/new?provider=gcs',
    arrange: async (page) => {
      await page.getByRole('textbox', { name: 'Key of a service account' }).fill('{}');
      await page.getByRole('button', { name: 'Connect account' }).click();
      await page.getByText('Give the account a name that you will recognise.').waitFor();
    },
  },
  'connecting Google by an account': {
    path: () => '/accounts/new?provider=gcs',
    arrange: async (page) => {
      await page.getByText('Google account', { exact: true }).click();
      await page.getByRole('button', { name: 'Continue to Google' }).waitFor();
    },
  },
  'connecting Dropbox': {
    path: () => '/accounts/new?provider=dropbox',
    arrange: async (page) => {
      await page.getByRole('button', { name: 'Continue to Dropbox' }).click();
      await page.getByText('Give the account a name that you will recognise.').waitFor();
    },
  },
  'a sign-in that was refused': {
    path: () => '/accounts/connected/dropbox?error=access_denied&state=abc',
    arrange: async (page) => void (await page.getByRole('link', { name: 'Begin again' }).waitFor()),
  },
  'what an account can do': {
    path: () => '/accounts',
    arrange: async (page) => {
      await page.getByText('What it can do and keep').first().click();
      await page.getByText('Largest file').first().waitFor();
    },
  },
  'replacing credentials': {
    path: () => '/accounts',
    arrange: async (page) => {
      await page.getByRole('button', { name: 'More for Harbour' }).click();
      await page.getByRole('menuitem', { name: 'Replace credentials' }).click();
      await page.getByRole('button', { name: 'Replace credentials' }).click();
      await page.getByText('Type the secret access key.').waitFor();
    },
  },
  'a transfer that arrived': {
    path: () => transferPath(prepared.arrivedId),
    arrange: async (page) => {
      await page.getByRole('button', { name: /picture 1\.jpg/ }).click();
      await page.getByText('Destination', { exact: true }).waitFor();
    },
  },
  'a transfer with failures': {
    path: () => transferPath(prepared.troubledId),
    arrange: async (page) => {
      await page.getByRole('heading', { name: 'What went wrong' }).waitFor();
      await page.getByRole('button', { name: 'Retry failed objects' }).waitFor();
    },
  },
  'cancelling a scheduled transfer': {
    path: () => transferPath(prepared.scheduledId),
    arrange: async (page) => {
      await page.getByRole('button', { name: 'Cancel', exact: true }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Keep it' }).waitFor();
    },
  },
  'a toast': {
    path: () => transferPath(prepared.scheduledId),
    arrange: async (page) => {
      await page.getByRole('button', { name: 'Pause' }).waitFor();
      await page.route('**/graphql', (route) => route.abort());
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByRole('alert').getByText('Not paused').waitFor();
    },
  },
  'no such page': { path: () => '/nowhere' },
};

describe.each([
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 360 },
] as const)('in the $colorScheme theme, $width pixels wide', ({ colorScheme, width }) => {
  test.each(Object.entries(views))('%s has no barrier that axe knows', async (_name, { path, visitor, arrange }) => {
    const { page } = await scene.visit({
      colorScheme,
      viewport: { width, height: 800 },
      reducedMotion: 'reduce',
      ...(visitor ? {} : { storageState: prepared.session }),
    });
    try {
      await page.goto(scene.product.url + path());
      await page.getByRole('heading', { level: 1 }).waitFor();
      await arrange?.(page);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      expect(await barriers(page)).toEqual([]);
    } finally {
      await page.context().close();
    }
  });
});

test.each([390, 430, 540])('figures have room for their words, %i pixels wide', async (width) => {
  const { page } = await scene.visit({ viewport: { width, height: 800 }, storageState: prepared.session });
  await page.goto(scene.product.url + transferPath(prepared.troubledId));
  await page.locator('.figures dd').first().waitFor();
  expect(
    await page.evaluate(
      `[...document.querySelectorAll('.figures dt, .figures dd')].filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)`,
    ),
  ).toEqual([]);
  await page.context().close();
});

/** Picks a folder of Harbour on the page of a new transfer, and a place in Far. */
async function pickPhotos(page: Page): Promise<void> {
  for (const [side, account, place] of [
    ['From', /Harbour/, /harbour/],
    ['To', /Far/, /arrivals/],
  ] as const) {
    await page.getByRole('combobox', { name: `${side}: account` }).click();
    await page.getByRole('option', { name: account }).click();
    await page.getByRole('region', { name: side }).getByRole('row', { name: place }).click();
    await page
      .getByRole('navigation', { name: `${side}: path` })
      .getByText(place)
      .waitFor();
  }
  const source = page.getByRole('region', { name: 'From' });
  await source
    .getByRole('row', { name: /photos/ })
    .getByRole('gridcell')
    .first()
    .click();
}

/** What axe finds, a line for each element. */
async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as axe.AxeResults;
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target.join(' ')}: ${failureSummary}`),
  );
}
