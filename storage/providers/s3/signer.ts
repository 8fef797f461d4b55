import { createHash, createHmac, createSecretKey, type Hash, type Hmac, type KeyObject } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

/** SHA-256 of an empty body, for requests without one. */
export const emptyPayload = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
export const unsignedPayload = 'UNSIGNED-PAYLOAD';
export const trailerPayload = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/**
 * Keys of MACs. The signer asks with the secret itself for each request, and with the same array for a day's signing key:
 * a KeyObject made of them once saves most of each MAC's cost.
 */
class Keys {
  readonly #ofArrays = new WeakMap<Uint8Array, KeyObject>();
  #lastSecret: string | undefined;
  #ofLastSecret: KeyObject | undefined;

  of(secret: string | Uint8Array): KeyObject {
    if (typeof secret === 'string') {
      if (secret !== this.#lastSecret || !this.#ofLastSecret) {
        this.#lastSecret = secret;
        this.#ofLastSecret = createSecretKey(secret, 'utf8');
      }
      return this.#ofLastSecret;
    }
    let key = this.#ofArrays.get(secret);
    if (key === undefined) {
      key = createSecretKey(secret);
      this.#ofArrays.set(secret, key);
    }
    return key;
  }
}

/** SHA-256, with a secret HMAC-SHA-256, in the form that the signer wants. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(keys: Keys, secret?: string | Uint8Array) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', keys.of(secret));
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
  const macKeys = new Keys();
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials: async () => {
      const { sessionToken, ...lasting } = await keys();
      return { ...lasting, ...(sessionToken === undefined ? {} : { sessionToken }) };
    },
    sha256: class extends Sha256 {
      constructor(secret?: string | Uint8Array) {
        super(macKeys, secret);
      }
    } as never,
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
