import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createKeyring, open, seal } from './secrets.ts';

const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;

test('what is sealed opens for the same row and holds no plaintext', () => {
  const keyring = createKeyring(key('k1'));
  const sealed = seal(keyring, 'row-1', { secretAccessKey: 'very-secret' });
  expect(sealed.keyId).toBe('k1');
  expect(Buffer.from(sealed.bytes).includes('very-secret')).toBe(false);
  expect(open(keyring, 'row-1', sealed)).toEqual({ secretAccessKey: 'very-secret' });
});

test('a sealed value does not open for another row', () => {
  const keyring = createKeyring(key('k1'));
  const sealed = seal(keyring, 'row-1', 'x');
  expect(() => open(keyring, 'row-2', sealed)).toThrow(/altered or belong to another row/);
});

test('a value with any byte altered does not open', () => {
  const keyring = createKeyring(key('k1'));
  const sealed = seal(keyring, 'row-1', 'x');
  for (let index = 0; index < sealed.bytes.length; index++) {
    const altered = sealed.bytes.slice();
    altered[index] = (altered[index] ?? 0) ^ 1;
    expect(() => open(keyring, 'row-1', { keyId: 'k1', bytes: altered })).toThrow();
  }
});

test('after a rotation old values still open and new ones use the new key', () => {
  const oldKey = key('k1');
  const sealed = seal(createKeyring(oldKey), 'row-1', 'x');
  const rotated = createKeyring(key('k2'), [oldKey]);
  expect(open(rotated, 'row-1', sealed)).toBe('x');
  expect(seal(rotated, 'row-1', 'x').keyId).toBe('k2');
});

test('an unknown key is named as the reason', () => {
  const sealed = seal(createKeyring(key('k1')), 'row-1', 'x');
  expect(() => open(createKeyring(key('k2')), 'row-1', sealed)).toThrow(/key is not configured/);
});
