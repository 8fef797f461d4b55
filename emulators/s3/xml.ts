import { S3Error } from './errors.ts';

/**
 * Text of an XML element. Control characters become character references, as S3 writes them, although XML 1.0 forbids
 * those: clients that must read such keys ask for `encoding-type=url`.
 */
export function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped.
  return text.replace(/[&<>"\x00-\x1f]/g, (character) => {
    switch (character) {
      case '&':
        return '&amp;';
      case '<':
        return '&lt;';
      case '>':
        return '&gt;';
      case '"':
        return '&quot;';
      default:
        return `&#x${character.charCodeAt(0).toString(16)};`;
    }
  });
}

/** An element with text; nothing at all for undefined. */
export function element(name: string, text: string | number | boolean | undefined): string {
  return text === undefined ? '' : `<${name}>${escapeXml(String(text))}</${name}>`;
}

/** An element around XML that is written already. */
export function wrap(name: string, ...content: readonly string[]): string {
  return `<${name}>${content.join('')}</${name}>`;
}

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** A response document. */
export function xmlDocument(root: string, ...content: readonly string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${content.join('')}</${root}>`;
}

export interface XmlElement {
  /** Without a namespace prefix. */
  readonly name: string;
  readonly children: XmlElement[];
  text: string;
}

const TOKEN = /<!\[CDATA\[([\s\S]*?)\]\]>|<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<(\/?)([^\s<>/!?]+)([^<>]*?)(\/?)>|([^<]+)/g;
const MAXIMUM_DEPTH = 16;

/**
 * Parses the small documents that requests carry. Document types, and with them entities of one's own, are refused.
 * @throws MalformedXML
 */
export function parseXml(source: string): XmlElement {
  const root: XmlElement = { name: '', children: [], text: '' };
  const stack = [root];
  TOKEN.lastIndex = 0;
  // What no token matches is skipped: the lengths of the tokens then do not add up to that of the document.
  let matched = 0;
  for (const match of source.matchAll(TOKEN)) {
    const current = stack.at(-1);
    if (current === undefined) {
      throw new S3Error('MalformedXML');
    }
    matched += match[0].length;
    const [, cdata, slash, tag, , selfClosing, text] = match;
    if (text !== undefined || cdata !== undefined) {
      current.text += cdata ?? unescapeXml(text as string);
    } else if (tag !== undefined) {
      const name = tag.slice(tag.indexOf(':') + 1);
      if (slash === '/') {
        if (current === root || current.name !== name) {
          throw new S3Error('MalformedXML');
        }
        stack.pop();
      } else {
        const child: XmlElement = { name, children: [], text: '' };
        current.children.push(child);
        if (selfClosing !== '/') {
          stack.push(child);
        }
        if (stack.length > MAXIMUM_DEPTH) {
          throw new S3Error('MalformedXML');
        }
      }
    }
  }
  const [document, ...others] = root.children;
  if (
    matched !== source.length ||
    stack.length !== 1 ||
    root.text.trim() !== '' ||
    document === undefined ||
    others.length > 0
  ) {
    throw new S3Error('MalformedXML');
  }
  return document;
}

/** The text of the first child of that name. */
export function childText(parent: XmlElement, name: string): string | undefined {
  return parent.children.find((child) => child.name === name)?.text;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(#x[0-9a-fA-F]{1,6}|#\d{1,7}|\w+);/g, (_, entity: string) => {
    if (entity.startsWith('#')) {
      const code = entity.startsWith('#x')
        ? Number.parseInt(entity.slice(2), 16)
        : Number.parseInt(entity.slice(1), 10);
      if (code <= 0x10ffff) {
        return String.fromCodePoint(code);
      }
    }
    const character = ENTITIES[entity];
    if (character === undefined) {
      throw new S3Error('MalformedXML');
    }
    return character;
  });
}
