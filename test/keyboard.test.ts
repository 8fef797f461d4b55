import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Scene, startScene } from './support/browser.ts';
import { type Prepared, prepareScene } from './support/prepared-scene.ts';

let scene: Scene;
let prepared: Prepared;
let page: Page;

beforeAll(async () => {
  scene = await startScene({ bucket: 'harbour', container: 'arrivals' });
  prepared = await prepareScene(scene);
  ({ page } = await scene.visit());
});

afterAll(async () => {
  await scene?.close();
});

/** Role or element, and name, of what has the focus. */
async function focused(): Promise<string> {
  return (await page.evaluate(`(() => {
    const element = document.activeElement;
    const name = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '';
    return (element.getAttribute('role') ?? element.localName) + ': ' + name.trim();
  })()`)) as string;
}

/** Presses Tab until what has the focus matches. */
async function tabTo(wanted: RegExp): Promise<void> {
  const stops: string[] = [];
  for (let press = 0; press < 40; press++) {
    await page.keyboard.press('Tab');
    const stop = await focused();
    if (wanted.test(stop)) return;
    stops.push(stop);
  }
  throw new Error(`Tab never comes to ${wanted}, but to:\n${stops.join('\n')}`);
}

const focusIs = (wanted: RegExp) => expect.poll(focused, { timeout: 15_000 }).toMatch(wanted);

test('the first stop leads past the navigation', async () => {
  const { page: other } = await scene.visit({ storageState: prepared.session });
  await other.goto(`${scene.product.url}/accounts`);
  await other.getByRole('heading', { level: 1, name: 'Accounts' }).waitFor();
  await other.keyboard.press('Tab');
  expect(await other.evaluate('document.activeElement.textContent')).toBe('Skip to content');
  await other.keyboard.press('Enter');
  expect(await other.evaluate('document.activeElement.id')).toBe('main');
  await other.context().close();
});

test('a transfer is put together and followed without a mouse', async () => {
  await page.goto(`${scene.product.url}/sign-in`);
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await tabTo(/^input: E-mail/);
  await page.keyboard.type(prepared.email);
  await tabTo(/^input: Password/);
  await page.keyboard.type(prepared.password);
  await page.keyboard.press('Enter');

  await focusIs(/^h1: Transfers/);
  await tabTo(/^a: New transfer/);
  await page.keyboard.press('Enter');
  await focusIs(/^h1: New transfer/);

  await choose('From', 'Harbour');
  await tabTo(/^row: .*harbour/);
  await page.keyboard.press('Enter');
  await focusIs(/^row: odd/);
  await page.keyboard.press('ArrowDown');
  await focusIs(/^row: photos/);
  await page.keyboard.press('ArrowRight');
  await focusIs(/^row: a film\.mp4/);
  await page.keyboard.press('Backspace');
  await focusIs(/^row: photos/);
  await page.keyboard.press('Space');
  expect(await page.evaluate('document.activeElement.getAttribute("aria-selected")')).toBe('true');

  await choose('To', 'Far');
  await tabTo(/^row: arrivals/);
  await page.keyboard.press('Enter');
  await focusIs(/^row: /);
  await tabTo(/^input: New folder here/);
  await page.keyboard.type('by keyboard');
  await tabTo(/^input: Name/);
  await page.keyboard.type('Hands off the mouse');
  await tabTo(/^button: Start transfer/);
  await page.keyboard.press('Enter');

  await focusIs(/^h1: Hands off the mouse/);
  await page.getByText('3 of 3 objects verified, hashes equal on both sides').waitFor({ timeout: 30_000 });
  await tabTo(/^button: .*a film\.mp4/);
  await page.keyboard.press('Enter');
  await page.getByText('Destination', { exact: true }).waitFor();
});

test('a plan is read and approved without a mouse', async () => {
  const id = await prepared.order(
    { sourcePaths: ['harbour/photos/'], destinationPath: 'arrivals/mirror/', mode: 'SYNC', name: 'By keys' },
    'planTransfer',
  );
  await prepared.until(id, 'AWAITING_APPROVAL');
  await page.goto(`${scene.product.url}/transfers/${encodeURIComponent(id)}`);
  await page.getByRole('button', { name: /^Add 3/ }).waitFor();
  await tabTo(/^button: Add/);
  await page.keyboard.press('Space');
  expect(await page.evaluate('document.activeElement.getAttribute("aria-pressed")')).toBe('true');
  await page.getByRole('heading', { name: 'Objects: Add' }).waitFor();
  await tabTo(/^button: Show the whole plan/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Objects', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Approve' }).focus();
  await page.keyboard.press('Enter');
  await focusIs(/^button: Not yet/);
  await tabTo(/^button: Approve and start/);
  await page.keyboard.press('Enter');
  await page.getByText('3 of 3 objects mirrored').waitFor({ timeout: 30_000 });
});

test('a folder that opens late leaves the focus to whoever has moved on', async () => {
  const { page } = await scene.visit({ storageState: prepared.session });
  await page.goto(`${scene.product.url}/transfers/new`);
  await page.getByRole('combobox', { name: 'From: account' }).click();
  await page.getByRole('option', { name: /Harbour/ }).click();
  const bucket = page.getByRole('row', { name: 'harbour' });
  await bucket.waitFor();
  const released = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await page.route('**/graphql', async (route) => {
    asked.resolve();
    await released.promise;
    await route.continue();
  });
  await bucket.click();
  await asked.promise;
  const name = page.getByRole('textbox', { name: 'Name' });
  await name.pressSequentially('Typed ');
  released.resolve();
  await page.getByRole('row', { name: 'photos' }).waitFor();
  await page.keyboard.type('to the end');
  expect(await name.inputValue()).toBe('Typed to the end');
  await page.context().close();
});

test('a menu is opened, walked and left by keys, and the focus comes back', async () => {
  await page.goto(`${scene.product.url}/transfers`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await tabTo(/^button: Menu of Ada/);
  await page.keyboard.press('Enter');
  await focusIs(/^menuitemradio: Light/);
  await page.keyboard.press('ArrowDown');
  await focusIs(/^menuitemradio: Dark/);
  await page.keyboard.press('Enter');
  await expect.poll(() => page.evaluate('document.documentElement.dataset.mantineColorScheme')).toBe('dark');
  await page.keyboard.press('Escape');
  await focusIs(/^button: Menu of Ada/);
});

test.each([
  { item: 'Rename', dismiss: 'Leave as it is' },
  { item: 'Disconnect', dismiss: 'Keep it' },
])('$item gives the focus back to the row that it was called from', async ({ item, dismiss }) => {
  await page.goto(`${scene.product.url}/accounts`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  const leave = [
    () => page.keyboard.press('Escape'),
    async () => {
      await page.getByRole('button', { name: dismiss }).focus();
      await page.keyboard.press('Enter');
    },
  ];
  for (const close of leave) {
    await page.getByRole('button', { name: 'More for Harbour' }).focus();
    await page.keyboard.press('Enter');
    await focusIs(/^menuitem: Rename/);
    if (item === 'Disconnect') await page.keyboard.press('End');
    await focusIs(new RegExp(`^menuitem: ${item}`));
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: dismiss }).waitFor();
    await close();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await focusIs(/^button: More for Harbour/);
  }
});

test('what is pressed keeps the focus while its work is done', async () => {
  await page.goto(`${scene.product.url}/transfers/${encodeURIComponent(prepared.scheduledId)}`);
  await page.getByRole('button', { name: 'Pause' }).focus();
  for (const next of [/^button: Resume/, /^button: Pause/]) {
    await page.keyboard.press('Enter');
    await focusIs(next);
  }
  await prepared.schedule({ sourcePaths: ['harbour/photos/'], cron: '0 3 * * *', name: 'Nightly' });
  await page.goto(`${scene.product.url}/schedules`);
  await page.getByRole('button', { name: 'Pause Nightly' }).focus();
  for (const next of [/^button: Resume Nightly/, /^button: Pause Nightly/]) {
    await page.keyboard.press('Enter');
    await focusIs(next);
  }
});

test('the focus of what goes with the deed passes to the heading', async () => {
  // An account with a transfer that is still to come is kept.
  await page.goto(`${scene.product.url}/transfers/${encodeURIComponent(prepared.scheduledId)}`);
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel transfer' }).click();
  await page.getByText('Cancelled after 0 objects').first().waitFor();
  await focusIs(/^h1: /);
  await page.goto(`${scene.product.url}/schedules`);
  await page.getByRole('button', { name: 'Delete Nightly' }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Delete/ })
    .click();
  await page.getByRole('button', { name: 'Delete Nightly' }).waitFor({ state: 'detached' });
  await focusIs(/^h1: Schedules/);
  await page.goto(`${scene.product.url}/accounts`);
  await page.getByRole('button', { name: 'More for Far' }).click();
  await page.getByRole('menuitem', { name: 'Disconnect' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
  await page.getByRole('button', { name: 'More for Far' }).waitFor({ state: 'detached' });
  await focusIs(/^h1: Accounts/);
});

async function choose(side: string, account: string): Promise<void> {
  await tabTo(new RegExp(`: ${side}: account`));
  await page.keyboard.press('Enter');
  await page.getByRole('option', { name: account }).waitFor();
  const options = await page.getByRole('option').allTextContents();
  for (let down = 0; down <= options.findIndex((option) => option.includes(account)); down++) {
    await page.keyboard.press('ArrowDown');
  }
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: side }).getByRole('row').first().waitFor();
}
