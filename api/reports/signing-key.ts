import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Db, DbSession } from '../../core/db.ts';
import { type Keyring, open, seal } from '../../core/secrets.ts';
import { thumbprint } from './receipt-format.ts';

/** A public key as it is published (RFC 8037). */
export interface PublicKey {
  kty: 'OKP';
  crv: 'Ed25519';
  /** 32 bytes in base64url. */
  x: string;
  kid: string;
  alg: 'EdDSA';
  use: 'sig';
}

export interface SigningKey {
  id: string;
  privateKey: KeyObject;
}

/**
 * The newest key that can be opened, made when there is none: at first, and when the key-encryption key of all others
 * was lost. Processes that ask at the same time get the same one.
 */
export async function signingKey(db: Db, keyring: Keyring): Promise<SigningKey> {
  return (
    (await findKey(db, keyring)) ??
    (await db.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('skyferry.receipt_key'))`;
      return (await findKey(tx, keyring)) ?? makeKey(tx, keyring);
    }))
  );
}

async function findKey(db: DbSession, keyring: Keyring): Promise<SigningKey | null> {
  const row = await db.receiptKey.findFirst({
    where: { keyId: { in: [...keyring.byId.keys()] } },
    orderBy: [{ createdAt: 'desc' }, { id: 'asc' }],
  });
  if (row === null || row.keyId === null || row.sealedPrivateKey === null) return null;
  const d = open(keyring, row.id, { keyId: row.keyId, bytes: row.sealedPrivateKey }) as string;
  const x = Buffer.from(row.publicKey).toString('base64url');
  return { id: row.id, privateKey: createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x, d }, format: 'jwk' }) };
}

async function makeKey(db: DbSession, keyring: Keyring): Promise<SigningKey> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { x = '', d = '' } = privateKey.export({ format: 'jwk' });
  const id = thumbprint(x);
  const sealed = seal(keyring, id, d);
  const publicKey = new Uint8Array(Buffer.from(x, 'base64url'));
  await db.receiptKey.create({
    data: { id, publicKey, sealedPrivateKey: sealed.bytes, keyId: sealed.keyId },
  });
  return { id, privateKey };
}

/** All keys that ever signed, newest first, as a JWK set (RFC 7517). */
export async function publishedKeys(db: Db): Promise<{ keys: PublicKey[] }> {
  const rows = await db.receiptKey.findMany({
    select: { id: true, publicKey: true },
    orderBy: [{ createdAt: 'desc' }, { id: 'asc' }],
  });
  const keys = rows.map(({ id, publicKey }) => ({
    kty: 'OKP' as const,
    crv: 'Ed25519' as const,
    x: Buffer.from(publicKey).toString('base64url'),
    kid: id,
    alg: 'EdDSA' as const,
    use: 'sig' as const,
  }));
  return { keys };
}
