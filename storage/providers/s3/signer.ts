import { createHash, createHmac, createSecretKey, type Hash, type Hmac, type KeyObject } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

/** SHA-256 of an empty body, for requests without one. */
export const emptyPayload = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
export const unsignedPayload = 'UNSIGNED-PAYLOAD';
export const trailerPayload = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/** The signer hands the same array for a day's signing key; a KeyObject made of it once saves most of each MAC's cost. */
const keyObjects = new WeakMap<object, KeyObject>();

function keyOf(secret: string | Uint8Array): KeyObject {
  if (typeof secret === 'string') return createSecretKey(secret, 'utf8');
  let key = keyObjects.get(secret);
  if (key === undefined) {
    key = createSecretKey(secret);
    keyObjects.set(secret, key);
  }
  return key;
}

/** SHA-256, with a secret HMAC-SHA-256, in the form that the signer wants. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | Uint8Array) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', keyOf(secret));
  }

  update(data: Uint8Array | string): void {
    this.#hash.update(data);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): void {
    throw new Error('Hashes are made anew, not reset.');
  }
}

export interface SignableRequest {
  method: string;
  protocol: 'http:' | 'https:';
  hostname: string;
  path: string;
  query: Record<string, string>;
  /** With `host` and `x-amz-content-sha256`. */
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

export function createSigner(region: string, keys: KeySource): Signer {
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials: async () => {
      const { sessionToken, ...lasting } = await keys();
      return { ...lasting, ...(sessionToken === undefined ? {} : { sessionToken }) };
    },
    sha256: Sha256 as never,
    // S3 signs the path as it is sent, encoded once and not normalised.
    uriEscapePath: false,
    applyChecksum: false,
  });
  return {
    sign: async (request) => (await signer.sign(request)).headers,
    presign: async (request, seconds) => {
      const signed = await signer.presign(request, { expiresIn: seconds });
      return Object.fromEntries(Object.entries(signed.query ?? {}).map(([name, value]) => [name, String(value)]));
    },
  };
}
