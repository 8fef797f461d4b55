import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { AppError } from './errors.ts';

/** Key-encryption keys: the first seals, all open. */
export interface Keyring {
  current: { id: string; key: Buffer };
  byId: ReadonlyMap<string, Buffer>;
}

/** Sealed bytes and the id of the key-encryption key that wraps their data key. */
export interface Sealed {
  keyId: string;
  bytes: Uint8Array<ArrayBuffer>;
}

const version = 1;
const nonceBytes = 12;
const tagBytes = 16;
const dataKeyBytes = 32;
const wrappedBytes = nonceBytes + dataKeyBytes + tagBytes;

/** Reads keys of the form `<id>:<base64 of 32 bytes>` as config validates them. */
export function createKeyring(current: string, old: readonly string[] = []): Keyring {
  const parse = (text: string) => {
    const [id = '', encoded = ''] = text.split(':', 2);
    const key = Buffer.from(encoded, 'base64');
    if (id === '' || key.length !== dataKeyBytes) {
      throw new AppError('INVALID_INPUT', 'A key-encryption key must be <id>:<32 bytes in base64>.');
    }
    return { id, key };
  };
  const first = parse(current);
  const byId = new Map(old.map(parse).map(({ id, key }) => [id, key] as const));
  byId.set(first.id, first.key);
  return { current: first, byId };
}

function encrypt(key: Buffer, plain: Uint8Array, associated: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(associated));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, sealed: Buffer, associated: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes))
    .setAAD(Buffer.from(associated))
    .setAuthTag(sealed.subarray(sealed.length - tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes)), decipher.final()]);
}

/**
 * Seals a JSON value for one row: AES-256-GCM under a fresh data key, which is itself wrapped by the current
 * key-encryption key. `rowId` is additional authenticated data, so a sealed value opens only for its own row.
 * Layout: version (1) | wrapped data key (12 + 32 + 16) | nonce, ciphertext, tag.
 */
export function seal(keyring: Keyring, rowId: string, value: unknown): Sealed {
  const dataKey = randomBytes(dataKeyBytes);
  const wrapped = encrypt(keyring.current.key, dataKey, rowId);
  const body = encrypt(dataKey, Buffer.from(JSON.stringify(value)), rowId);
  return { keyId: keyring.current.id, bytes: new Uint8Array(Buffer.concat([Buffer.of(version), wrapped, body])) };
}

/** Opens what `seal` made for the same row. Throws INTERNAL when the key is unknown or anything was altered. */
export function open(keyring: Keyring, rowId: string, sealed: { keyId: string; bytes: Uint8Array }): unknown {
  const key = keyring.byId.get(sealed.keyId);
  if (key === undefined) {
    throw new AppError('INTERNAL', 'Stored credentials cannot be opened: their key is not configured.', {
      retry: 'never',
    });
  }
  try {
    const bytes = Buffer.from(sealed.bytes);
    if (bytes[0] !== version) throw new Error(`unknown version ${bytes[0]}`);
    const dataKey = decrypt(key, bytes.subarray(1, 1 + wrappedBytes), rowId);
    return JSON.parse(decrypt(dataKey, bytes.subarray(1 + wrappedBytes), rowId).toString());
  } catch (cause) {
    throw new AppError('INTERNAL', 'Stored credentials cannot be opened: they were altered or belong to another row.', {
      retry: 'never',
      cause,
    });
  }
}
