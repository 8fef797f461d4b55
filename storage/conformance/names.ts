import { expect, it } from 'vitest';
import { AppError } from '../../core/errors.ts';
import type { StorageProvider } from '../provider.ts';
import {
  bodyOf,
  bytesOf,
  type Current,
  container,
  expectBytes,
  expectCode,
  get,
  never,
  noMetadata,
  put,
} from './fixture.ts';
import { begin, partSize, partsHeld, sendPart, wholeDigests } from './uploads.ts';

const hard = [
  'with space',
  ' leading space',
  'trailing space ',
  'plus+plus',
  'percent%41',
  'percent%zz',
  '100%',
  'question?mark=1&b',
  'hash#mark',
  'semi;colon:at@comma,',
  `single' double" back\``,
  '<tag>&amp;',
  '{brace}[bracket]|pipe^caret~tilde',
  'star*(paren)!$',
  'back\\slash',
  'new\nline',
  'control\u0001',
  'delete\u007f',
  'emoji 😀 family 👨‍👩‍👧',
  'composed \u00e9',
  'decomposed e\u0301',
  'right-to-left \u05d0\u202e',
  'zero\u200bwidth',
  'not a character \uffff',
  'UPPER',
  'upper',
  '/leading slash',
  '//two leading',
  'trailing slash/',
  'two trailing//',
  'a//b',
  'a/./b',
  'a/../b',
  '../outside',
  '.',
  '..',
  '.hidden',
  'ends with dot.',
  'dot. /inside',
  'dot./inside',
  'aux',
  'CON',
  'comp1/comp1',
];

function isAllowed(provider: StorageProvider, key: string): boolean {
  try {
    provider.checkName(key);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'NAME_NOT_ALLOWED' });
    return false;
  }
}

export function names(current: Current): void {
  it.each(hard)('keeps or refuses %j', async (key) => {
    const session = current();
    const { provider, capabilities } = session;
    const bytes = Buffer.from(`content of ${key}`);
    if (!isAllowed(provider, key)) {
      const body = bodyOf(bytes, capabilities);
      await expectCode(provider.write({ container, key, body, metadata: noMetadata }, never()), 'NAME_NOT_ALLOWED');
      await expectCode(begin(session, key, 1), 'NAME_NOT_ALLOWED');
      return;
    }
    await put(session, key, bytes);
    expectBytes(await get(session, key), bytes);
    const { items } = await provider.list({ container, prefix: key }, never());
    expect(items.map((entry) => entry.key)).toContain(key);

    const upload = await begin(session, key, bytes.length + 1);
    const longer = Buffer.concat([bytes, Buffer.from('!')]);
    const parts = [await sendPart(session, upload, longer, 1)];
    expect(await partsHeld(session, upload, parts)).toHaveLength(1);
    await provider.completeUpload({ session: upload, parts, digests: wholeDigests(session, longer) }, never());
    expectBytes(await get(session, key), longer);

    expect(await provider.deleteObjects({ container, keys: [key] }, never())).toEqual({ failed: [] });
    await expectCode(provider.stat({ container, key }, never()), 'OBJECT_NOT_FOUND');
  });

  it('keeps names apart that differ by case or normal form, or takes those for one that differ by case', async () => {
    const session = current();
    if (!session.capabilities.caseSensitive) {
      await put(session, 'form/x', Buffer.from('lower'));
      await put(session, 'form/X', Buffer.from('upper'));
      expect((await get(session, 'form/x')).toString()).toBe('upper');
      expect((await session.provider.list({ container, prefix: 'form/' }, never())).items).toHaveLength(1);
      return;
    }
    const keys = ['form/\u00e9', 'form/e\u0301', 'form/\u00c9', 'form/x', 'form/X'];
    for (const key of keys) await put(session, key, Buffer.from(key));
    for (const key of keys) expect((await get(session, key)).toString()).toBe(key);
    const { items } = await session.provider.list({ container, prefix: 'form/' }, never());
    expect(items).toHaveLength(keys.length);
  });

  it('keeps the longest name and refuses a longer one, an empty one and broken Unicode', async () => {
    const session = current();
    const longest = 'n'.repeat(session.capabilities.maxKeyBytes);
    await put(session, longest, bytesOf(partSize(session)));
    expect((await session.provider.stat({ container, key: longest }, never())).sizeBytes).toBe(partSize(session));
    for (const key of [`${longest}n`, '', 'half \ud83d']) expect(isAllowed(session.provider, key)).toBe(false);
  });
}
