import { expect, it } from 'vitest';
import { parseTags } from './tags.ts';

const document = (set: string) => `<?xml version="1.0"?><Tagging>${set}</Tagging>`;
const tag = (name: string, value: string) => `<Tag><Key>${name}</Key><Value>${value}</Value></Tag>`;

it('tags are read, none too, from what holds a set of them', () => {
  expect(parseTags(document(`<TagSet>${tag('a', 'b &lt;')}${tag('c', '')}</TagSet>`))).toEqual({ a: 'b <', c: '' });
  expect(parseTags(document('<TagSet></TagSet>'))).toEqual({});
  expect(parseTags(document('<TagSet />'))).toEqual({});
  expect(parseTags('<html></html>')).toBeUndefined();
});

it('a set of tags that is cut off anywhere is not taken for a smaller one', () => {
  const whole = document(`<TagSet>${tag('a', 'b')}${tag('c', 'd')}</TagSet>`);
  for (let end = whole.indexOf('<TagSet>') + '<TagSet>'.length; end < whole.indexOf('</Tagging>'); end += 1) {
    expect(() => parseTags(whole.slice(0, end))).toThrow(expect.objectContaining({ code: 'PROVIDER_UNAVAILABLE' }));
  }
});
