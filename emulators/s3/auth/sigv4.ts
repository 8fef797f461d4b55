import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { S3Error } from '../errors.ts';
import { decodeComponent, uriEncode } from '../keys.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Temporary credentials come with one, and are no good without. */
  readonly sessionToken?: string;
  /** Buckets that may be used; absent: all, and listing them. */
  readonly buckets?: readonly string[];
  /** False: tags of objects may neither be read nor written. */
  readonly mayTag?: boolean;
  /** False: nothing may be listed. */
  readonly mayList?: boolean;
  /** What the keys begin with that may be written and deleted; absent: all keys. */
  readonly writesBelow?: readonly string[];
}

/** Lower-case names; Node decodes the values as Latin-1, one character per byte. */
export type HeaderMap = Readonly<Record<string, string | string[] | undefined>>;

export interface SignedRequest {
  readonly method: string;
  /** The path as it was sent, before any decoding. */
  readonly rawPath: string;
  /** The query as it was sent, without the question mark. */
  readonly rawQuery: string;
  readonly headers: HeaderMap;
}

/** The claims of a request about its signature, from the Authorization header or the query. */
export interface SignatureClaim {
  readonly accessKeyId: string;
  /** yyyymmdd */
  readonly date: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** yyyymmddThhmmssZ */
  readonly timestamp: string;
  /** x-amz-content-sha256, or UNSIGNED-PAYLOAD. */
  readonly payloadHash: string;
}

/** Signs on behalf of one access key, day and region: the request itself, then the chunks of its body. */
export class ScopedSigner {
  readonly scope: string;
  readonly #key: KeyObject;

  constructor(credentials: Credentials, date: string, region: string) {
    this.scope = `${date}/${region}/s3/aws4_request`;
    let key: Buffer = Buffer.from(`AWS4${credentials.secretAccessKey}`);
    for (const part of [date, region, 's3', 'aws4_request']) {
      key = createHmac('sha256', key).update(part).digest();
    }
    // A KeyObject is prepared once; a Buffer would be imported anew for each signature.
    this.#key = createSecretKey(key);
  }

  sign(stringToSign: string): string {
    return createHmac('sha256', this.#key).update(stringToSign).digest('hex');
  }
}

/**
 * Checks a signature by the rules of
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * @throws SignatureDoesNotMatch, with what was signed here, as S3 tells it.
 */
export function verifySignature(request: SignedRequest, claim: SignatureClaim, signer: ScopedSigner): void {
  const canonicalRequest = [
    request.method,
    canonicalPath(request.rawPath),
    canonicalQuery(request.rawQuery),
    ...claim.signedHeaders.map((name) => `${name}:${canonicalValue(request.headers[name])}`),
    '',
    claim.signedHeaders.join(';'),
    claim.payloadHash,
  ].join('\n');
  const stringToSign = [
    'AWS4-HMAC-SHA256',
    claim.timestamp,
    signer.scope,
    createHash('sha256').update(canonicalRequest, 'latin1').digest('hex'),
  ].join('\n');
  if (!signaturesEqual(signer.sign(stringToSign), claim.signature)) {
    throw new S3Error('SignatureDoesNotMatch', undefined, {
      details: {
        AWSAccessKeyId: claim.accessKeyId,
        StringToSign: stringToSign,
        SignatureProvided: claim.signature,
        CanonicalRequest: Buffer.from(canonicalRequest, 'latin1').toString('utf8'),
      },
    });
  }
}

export function signaturesEqual(expected: string, provided: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(provided);
  return a.length === b.length && timingSafeEqual(a, b);
}

const NEEDS_NO_ENCODING = /^[A-Za-z0-9\-._~/]*$/;

/** S3 encodes the path once and does not normalise it: `//` and `..` are parts of keys. */
function canonicalPath(rawPath: string): string {
  if (NEEDS_NO_ENCODING.test(rawPath)) {
    return rawPath;
  }
  return rawPath.split('/').map(canonicalComponent).join('/');
}

/** All parameters but the signature itself, sorted by name and then by value. */
function canonicalQuery(rawQuery: string): string {
  if (rawQuery === '') {
    return '';
  }
  return rawQuery
    .split('&')
    .filter((pair) => pair !== '' && !pair.startsWith('X-Amz-Signature='))
    .map((pair) => {
      const at = pair.indexOf('=');
      const name = at < 0 ? pair : pair.slice(0, at);
      const value = at < 0 ? '' : pair.slice(at + 1);
      return [canonicalComponent(name), canonicalComponent(value)] as const;
    })
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** A plus is a space to S3, in the path as in the query: clients write `%2B` for a plus. */
function canonicalComponent(raw: string): string {
  return uriEncode(decodeComponent(raw.replaceAll('+', '%20')));
}

function canonicalValue(value: string | string[] | undefined): string {
  const text = Array.isArray(value) ? value.join(',') : (value ?? '');
  return text.trim().replace(/ {2,}/g, ' ');
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
