import { describe, expect, it } from 'vitest';
import { decodeHeaderValue, encodeHeaderValue, mtimeSeconds, parseMtime } from './metadata.ts';

describe('header values', () => {
  it.each([
    '',
    'plain',
    'a b  c',
    'Zürich',
    '東京 😀',
    ' padded ',
    'tab\there',
    '=?UTF-8?B?YQ==?=',
    'x =? y',
    'ü'.repeat(500),
  ])('come back as they were: %j', (value) => {
    const encoded = encodeHeaderValue(value);
    expect(encoded).toMatch(/^[\x20-\x7e]*$/);
    expect(encoded.trim()).toBe(encoded);
    expect(decodeHeaderValue(encoded)).toBe(value);
  });

  it('leaves plain ones alone', () => {
    expect(encodeHeaderValue('a b-c_d;e="f"')).toBe('a b-c_d;e="f"');
  });

  // RFC 2047, sections 2, 4.2 and 6.2.
  it('reads what others encode', () => {
    expect(decodeHeaderValue('=?utf-8?q?Z=C3=BCrich_West?=')).toBe('Zürich West');
    expect(decodeHeaderValue('=?UTF-8?B?WsO8?=  =?UTF-8?B?cmljaA==?=')).toBe('Zürich');
    expect(decodeHeaderValue('in =?UTF-8?B?WsO8?=.')).toBe('in Zü.');
    expect(decodeHeaderValue('not =? a word')).toBe('not =? a word');
  });
});

describe('modification times', () => {
  it.each([
    ['1354040105.123456789', '2012-11-27T18:15:05.123Z'],
    ['1354040105', '2012-11-27T18:15:05.000Z'],
    ['-1.5', '1969-12-31T23:59:58.500Z'],
    ['2012-11-27T18:15:05.123456789Z', '2012-11-27T18:15:05.123Z'],
    ['2012-11-27T19:15:05+01:00', '2012-11-27T18:15:05.000Z'],
  ])('reads %s as rclone writes it', (text, expected) => {
    expect(parseMtime(text)?.toISOString()).toBe(expected);
  });

  it.each(['', 'yesterday', '1e400', '0x10', undefined])('takes %j for none', (text) => {
    expect(parseMtime(text)).toBeUndefined();
  });

  it('keeps milliseconds', () => {
    for (const ms of [0, 1, 999, 1_354_040_105_120, -1500, 1_354_040_100_000]) {
      expect(parseMtime(mtimeSeconds(new Date(ms)))?.getTime()).toBe(ms);
    }
    expect(mtimeSeconds(new Date(1_354_040_100_000))).toBe('1354040100');
  });
});

it('what no database keeps is replaced: U+0000, however it is encoded', () => {
  expect(decodeHeaderValue('=?UTF-8?B?YQBi?=')).toBe('a\uFFFDb');
  expect(decodeHeaderValue('=?utf-8?Q?a=00b?=')).toBe('a\uFFFDb');
});
