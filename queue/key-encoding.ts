/** What no cloud with real folders takes in a name, besides the character that begins an escape. */
const forbidden = /[\p{Cc}"*:<>?\\|]|%(?=[0-9A-Fa-f]{2})/gu;
/** Names that are taken for something else: `.`, `..`, and dots and spaces at an end. */
const edges = /^\.{1,2}$|^ +|[. ]+$/g;

/**
 * A name that the destination can hold, from which `decodeKey` makes the original: what it cannot hold becomes `%` and
 * the hexadecimal of its UTF-8 bytes. Keys that the destination holds stay as they are, but for those that look encoded.
 * A slash that would make an empty name is encoded too.
 */
export function encodeKey(key: string, isAllowed: (key: string) => boolean): string {
  if (isAllowed(key) && !/%[0-9A-Fa-f]{2}/.test(key)) return key;
  const percent = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  const isFolder = key.endsWith('/') && key.length > 1;
  const encoded = (isFolder ? key.slice(0, -1) : key)
    .split('/')
    .map((name) => name.replace(forbidden, percent).replace(edges, percent))
    .reduce((path, name) =>
      name === '' || path === '' || path.endsWith('%2F') ? `${path}%2F${name}` : `${path}/${name}`,
    );
  return isFolder ? `${encoded}/` : encoded;
}

export function decodeKey(encoded: string): string {
  return decodeURIComponent(encoded.replace(/%(?![0-9A-Fa-f]{2})/g, '%25'));
}
