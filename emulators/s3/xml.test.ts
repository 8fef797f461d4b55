import { describe, expect, it } from 'vitest';
import { S3Error } from './errors.ts';
import { childText, element, parseXml } from './xml.ts';

describe('parseXml', () => {
  it('reads elements, attributes, namespaces, comments, CDATA and references', () => {
    const root = parseXml(
      '<?xml version="1.0"?>\n<!-- c --><s3:Delete xmlns:s3="urn:x" a=\'1\'><Object><Key>a&amp;b&#x1F600;&#10;<![CDATA[<c>]]></Key></Object><Quiet/></s3:Delete>\n',
    );
    expect(root.name).toBe('Delete');
    expect(childText(root.children[0] as typeof root, 'Key')).toBe('a&b\u{1f600}\n<c>');
    expect(childText(root, 'Quiet')).toBe('');
    expect(childText(root, 'Other')).toBeUndefined();
  });

  it.each([
    '',
    'text',
    '<a>',
    '</a>',
    '<a></b>',
    '<a/><b/>',
    'x<a/>',
    '<a><</a>',
    '<!DOCTYPE a><a/>',
    '<a>&unknown;</a>',
    '<a><b',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    '<a>'.repeat(100) + '</a>'.repeat(100),
  ])('refuses %j as MalformedXML', (source) => {
    expect(() => parseXml(source)).toThrow(expect.objectContaining({ code: 'MalformedXML' }) as unknown as S3Error);
  });

  it('takes time in proportion to a hostile document', () => {
    const source = `<a>${'<'.repeat(200_000)}`;
    expect(() => parseXml(source)).toThrow(S3Error);
  });
});

describe('element', () => {
  it('survives a round trip, and writes control characters as references', () => {
    const text = `<>&"' \u{1f600}é\t`;
    expect(parseXml(element('a', text)).text).toBe(text);
    expect(element('a', 'x\u0001')).toBe('<a>x&#x1;</a>');
  });
});
