/** What no cloud with real folders takes in a name, besides the character that begins an escape. */
const forbidden = /[\p{Cc}"*:<>?\\|]|%(?=[0-9A-Fa-f]{2})/gu;
/** Names that are taken for something else: `.`, `..`, and dots and spaces at an end. */
const edges = /^\.{1,2}$|^ +|[. ]+$/g;
/** First characters of files that desktop clients never sync, and Dropbox refuses (help.dropbox.com, "Files that won't sync"). */
const unsynced = /^(?:\.(?=ds_store$|dropbox$|dropbox\.attr$)|d(?=esktop\.ini$)|t(?=humbs\.db$))/i;

const escaped = /%[0-9A-Fa-f]{2}/;
const percent = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');

/**
 * A name that the destination can hold, from which `decodeKey` makes the original: what it cannot hold becomes `%` and
 * the hexadecimal of its UTF-8 bytes. Keys that the destination holds stay as they are, but for those that look encoded.
 * A slash that would make an empty name is encoded too.
 */
export function encodeKey(key: string, isAllowed: (key: string) => boolean): string {
  if (isAllowed(key) && !escaped.test(key)) return key;
  const isFolder = key.endsWith('/') && key.length > 1;
  return isFolder ? `${encodeNames(key.slice(0, -1))}/` : encodeNames(key);
}

function encodeNames(names: string): string {
  return names
    .split('/')
    .map((name) => name.replace(forbidden, percent).replace(edges, percent).replace(unsynced, percent))
    .reduce((path, name) =>
      name === '' || path === '' || path.endsWith('%2F') ? `${path}%2F${name}` : `${path}/${name}`,
    );
}

/**
 * The key of which `encodeKey` made this one. Each name between slashes is looked at by itself, and stays as it is where
 * `encodeKey` would not have written it so: `100%25` does, because `100%` needs no encoding.
 */
export function decodeKey(encoded: string): string {
  return escaped.test(encoded) ? encoded.split('/').map(decodeName).join('/') : encoded;
}

function decodeName(encoded: string): string {
  try {
    const name = decodeURIComponent(encoded.replace(/%(?![0-9A-Fa-f]{2})/g, '%25'));
    return encodeNames(name) === encoded ? name : encoded;
  } catch {
    // Escapes that are no UTF-8.
    return encoded;
  }
}
