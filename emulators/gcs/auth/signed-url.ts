import { createHash, createPublicKey, verify } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { GcsError } from '../errors.ts';
import type { Identity } from './identities.ts';
import type { TokenAuthority } from './tokens.ts';

const LONGEST_SECONDS = 7 * 24 * 3600;
const SKEW_MS = 15 * 60_000;

/**
 * Verifies a V4 signed URL made with the RSA key of a service account.
 * https://cloud.google.com/storage/docs/authentication/signatures and
 * https://cloud.google.com/storage/docs/authentication/canonical-requests
 * @param rawTarget path and query as they came over the wire
 */
export function verifySignedUrl(
  tokens: TokenAuthority,
  method: string,
  rawTarget: string,
  headers: IncomingHttpHeaders,
): Identity {
  const [rawPath = '', rawQuery = ''] = rawTarget.split('?');
  const query = new URLSearchParams(rawQuery);
  const read = (name: string) => query.get(name) ?? '';
  if (read('X-Goog-Algorithm') !== 'GOOG4-RSA-SHA256') {
    throw new GcsError('invalid', 'Only GOOG4-RSA-SHA256 signatures are supported.');
  }
  const credential = read('X-Goog-Credential');
  const date = read('X-Goog-Date');
  const [email = '', ...scope] = credential.split('/');
  const account = tokens.accounts.get(email);
  const signed = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (account === undefined || signed === null || !/^\d{8}\/[^/]+\/storage\/goog4_request$/.test(scope.join('/'))) {
    throw new GcsError('signatureDoesNotMatch');
  }
  const [, year, month, day, hour, minute, second] = signed.map(Number) as number[];
  const from = Date.UTC(year as number, (month as number) - 1, day, hour, minute, second);
  const expires = Number(read('X-Goog-Expires'));
  if (!Number.isInteger(expires) || expires < 1 || expires > LONGEST_SECONDS) {
    throw new GcsError('invalid', 'X-Goog-Expires must be between 1 and 604800.');
  }
  if (Date.now() > from + expires * 1000) throw new GcsError('expiredToken');
  if (Date.now() < from - SKEW_MS) throw new GcsError('forbidden', 'The signed URL is not valid yet.');
  const names = read('X-Goog-SignedHeaders').split(';');
  if (!names.includes('host')) throw new GcsError('invalid', 'The host header must be signed.');
  const canonicalQuery = [...query]
    .filter(([name]) => name !== 'X-Goog-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const signature = Buffer.from(read('X-Goog-Signature'), 'hex');
  // Clients that are pointed at a port of their own sign the host with it (as the wire has it) or without it.
  const isRight = [headers.host ?? '', (headers.host ?? '').replace(/:\d+$/, '')].some((host) => {
    const lines = names.map((name) => `${name}:${name === 'host' ? host : String(headers[name] ?? '').trim()}\n`);
    const canonical = [method, rawPath, canonicalQuery, lines.join(''), names.join(';'), 'UNSIGNED-PAYLOAD'].join('\n');
    const hash = createHash('sha256').update(canonical).digest('hex');
    const text = ['GOOG4-RSA-SHA256', date, scope.join('/'), hash].join('\n');
    return verify('RSA-SHA256', Buffer.from(text), createPublicKey(account.publicKey), signature);
  });
  if (!isRight) throw new GcsError('signatureDoesNotMatch');
  return { email, buckets: account.buckets, mayWrite: true };
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
