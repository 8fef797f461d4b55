import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import { encodeValue } from '../endpoint.ts';

/** SHA-256 of an empty body, for requests without one. */
export const emptyPayload = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
export const unsignedPayload = 'UNSIGNED-PAYLOAD';
export const trailerPayload = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

const algorithm = 'AWS4-HMAC-SHA256';
/** What proxies may change on the way. */
const unsignedHeaders = new Set(['cache-control', 'user-agent']);

export interface SignableRequest {
  method: string;
  /** As it is sent: S3 signs it encoded once and not normalised. */
  path: string;
  /** Not encoded. */
  query: Record<string, string>;
  /** Names in lower case; with `host`, and but for URLs `x-amz-content-sha256`. */
  headers: Record<string, string>;
}

export interface Signer {
  /** Resolves to the headers with date, token and authorization of Signature Version 4. */
  sign(request: SignableRequest): Promise<Record<string, string>>;
  /** Resolves to the query of a URL that is good for so many seconds ("Authenticating requests: using query parameters"). */
  presign(request: SignableRequest, seconds: number): Promise<Record<string, string>>;
}

/** What signs: keys that were given, or whose of the machine are current. */
export type KeySource = () => Promise<AwsKeys>;

export interface AwsKeys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/**
 * Signature Version 4 for S3 ("Signature calculations for the Authorization header: transferring payload in a single
 * chunk"). Every request of a transfer is signed, and this costs a fifth of what the vendor's signer does, which was a
 * tenth of a worker's time on small objects; its tests hold it against that signer.
 */
export function createSigner(region: string, keys: KeySource): Signer {
  let last: { secret: string; day: string; key: KeyObject } | undefined;
  const signingKey = (secret: string, day: string): KeyObject => {
    if (last?.secret !== secret || last.day !== day) {
      const steps = [day, region, 's3', 'aws4_request'];
      const key = steps.reduce<Buffer>(
        (previous, step) => createHmac('sha256', previous).update(step).digest(),
        Buffer.from(`AWS4${secret}`),
      );
      last = { secret, day, key: createSecretKey(key) };
    }
    return last.key;
  };
  const scopeOf = (day: string) => `${day}/${region}/s3/aws4_request`;
  const signatureOf = (
    request: SignableRequest,
    query: string,
    signedHeaders: readonly string[],
    payload: string,
    date: string,
    secret: string,
  ): string => {
    const headers = signedHeaders.map((name) => `${name}:${canonicalValue(request.headers[name] ?? '')}\n`).join('');
    const canonical = `${request.method}\n${request.path}\n${query}\n${headers}\n${signedHeaders.join(';')}\n${payload}`;
    const day = date.slice(0, 8);
    const text = `${algorithm}\n${date}\n${scopeOf(day)}\n${hash('sha256', canonical, 'hex')}`;
    return createHmac('sha256', signingKey(secret, day)).update(text).digest('hex');
  };

  return {
    async sign(request) {
      const { accessKeyId, secretAccessKey, sessionToken } = await keys();
      const date = basicDate();
      const headers: Record<string, string> = { ...request.headers, 'x-amz-date': date };
      if (sessionToken !== undefined) headers['x-amz-security-token'] = sessionToken;
      const signed = Object.keys(headers)
        .filter((name) => !unsignedHeaders.has(name))
        .sort();
      const payload = headers['x-amz-content-sha256'] ?? emptyPayload;
      const query = canonicalQuery(request.query);
      const signature = signatureOf({ ...request, headers }, query, signed, payload, date, secretAccessKey);
      headers.authorization = `${algorithm} Credential=${accessKeyId}/${scopeOf(date.slice(0, 8))}, SignedHeaders=${signed.join(';')}, Signature=${signature}`;
      return headers;
    },

    async presign(request, seconds) {
      const { accessKeyId, secretAccessKey, sessionToken } = await keys();
      const date = basicDate();
      const query: Record<string, string> = {
        ...request.query,
        'X-Amz-Algorithm': algorithm,
        'X-Amz-Credential': `${accessKeyId}/${scopeOf(date.slice(0, 8))}`,
        'X-Amz-Date': date,
        'X-Amz-Expires': String(seconds),
        'X-Amz-SignedHeaders': 'host',
      };
      if (sessionToken !== undefined) query['X-Amz-Security-Token'] = sessionToken;
      const text = canonicalQuery(query);
      query['X-Amz-Signature'] = signatureOf(request, text, ['host'], unsignedPayload, date, secretAccessKey);
      return query;
    },
  };
}

let lastDate = { second: Number.NaN, text: '' };

/** Now in ISO 8601's basic format, to the second; made once in each. */
function basicDate(): string {
  const second = Math.floor(Date.now() / 1_000);
  if (lastDate.second !== second) {
    lastDate = { second, text: new Date(second * 1_000).toISOString().replace(/[-:]|\.\d{3}/g, '') };
  }
  return lastDate.text;
}

function canonicalValue(value: string): string {
  return value.includes('  ') ? value.trim().replace(/ +/g, ' ') : value.trim();
}

function canonicalQuery(query: Record<string, string>): string {
  const pairs = Object.entries(query).map(([name, value]) => [encodeValue(name), encodeValue(value)] as const);
  return pairs
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}
