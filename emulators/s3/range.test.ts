import { describe, expect, it } from 'vitest';
import { parseCopyRange, parseRange } from './range.ts';

describe('parseRange (RFC 9110, section 14.2; API_GetObject)', () => {
  it.each([
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=3-', { start: 3, end: 10 }],
    ['bytes=3-100', { start: 3, end: 10 }],
    ['bytes=-4', { start: 6, end: 10 }],
    ['bytes=-100', { start: 0, end: 10 }],
  ])('%s of ten bytes', (text, range) => {
    expect(parseRange(text, 10)).toEqual(range);
  });

  it.each([undefined, '', 'bytes=', 'bytes=-', 'bytes=5-3', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=a-b'])(
    '%s is ignored',
    (text) => {
      expect(parseRange(text, 10)).toBeUndefined();
    },
  );

  it.each([
    ['bytes=10-', 10],
    ['bytes=10-20', 10],
    ['bytes=-0', 10],
    ['bytes=0-', 0],
    ['bytes=-5', 0],
  ])('%s of %i bytes is InvalidRange', (text, size) => {
    expect(() => parseRange(text, size)).toThrow(expect.objectContaining({ code: 'InvalidRange', status: 416 }));
  });
});

describe('parseCopyRange (API_UploadPartCopy)', () => {
  it('takes a range within the source, or all of it', () => {
    expect(parseCopyRange('bytes=2-9', 10)).toEqual({ start: 2, end: 10 });
    expect(parseCopyRange(undefined, 10)).toEqual({ start: 0, end: 10 });
  });

  it.each(['bytes=0-10', 'bytes=5-', 'bytes=-5', 'bytes=5-4', '0-5'])('%s of ten bytes is InvalidArgument', (text) => {
    expect(() => parseCopyRange(text, 10)).toThrow(expect.objectContaining({ code: 'InvalidArgument' }));
  });
});
