import { S3Error } from '../errors.ts';
import { claimFromHeader, claimFromQuery, isPresigned } from './claims.ts';
import { type Credentials, ScopedSigner, type SignatureClaim, type SignedRequest, verifySignature } from './sigv4.ts';

export interface Authentication {
  readonly claim: SignatureClaim;
  readonly signer: ScopedSigner;
  readonly isPresigned: boolean;
}

/** What a request is about. */
export interface Access {
  readonly method: string;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
}

/**
 * Verifies requests of a fixed set of access keys.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
export class Authenticator {
  readonly #credentials: ReadonlyMap<string, Credentials>;
  readonly #region: string;
  readonly #signers = new Map<string, ScopedSigner>();
  readonly #deniesStrangers: boolean;

  /** @param deniesStrangers whether it does not tell what is wrong with keys and signatures. */
  constructor(credentials: readonly Credentials[], region: string, deniesStrangers = false) {
    this.#credentials = new Map(credentials.map((entry) => [entry.accessKeyId, entry]));
    this.#region = region;
    this.#deniesStrangers = deniesStrangers;
  }

  /** @throws the S3 error that the request deserves. */
  authenticate(request: SignedRequest, query: ReadonlyMap<string, string>): Authentication {
    try {
      return this.#authenticate(request, query);
    } catch (error) {
      const isStranger = error instanceof S3Error && /^(InvalidAccessKeyId|SignatureDoesNotMatch)$/.test(error.code);
      throw isStranger && this.#deniesStrangers ? new S3Error('AccessDenied') : error;
    }
  }

  #authenticate(request: SignedRequest, query: ReadonlyMap<string, string>): Authentication {
    const now = Date.now();
    const authorization = request.headers.authorization;
    const presigned = isPresigned(query);
    let claim: SignatureClaim;
    if (typeof authorization === 'string') {
      if (presigned) {
        throw new S3Error(
          'InvalidArgument',
          'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
        );
      }
      claim = claimFromHeader(authorization, request.headers, now);
    } else if (presigned) {
      claim = claimFromQuery(query, request.headers, now);
    } else {
      throw new S3Error('AccessDenied');
    }
    const token = request.headers['x-amz-security-token'] ?? query.get('X-Amz-Security-Token');
    const known = this.#credentials.get(claim.accessKeyId);
    if (token !== known?.sessionToken && (known !== undefined || token !== undefined)) {
      // Temporary credentials come with a token, and only these:
      // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_use-resources.html
      throw new S3Error('InvalidToken');
    }
    if (!claim.timestamp.startsWith(claim.date)) {
      throw new S3Error('SignatureDoesNotMatch', 'The date of the credential scope does not match the request.');
    }
    const signer = this.#signer(claim, presigned);
    verifySignature(request, claim, signer);
    return { claim, signer, isPresigned: presigned };
  }

  /**
   * @param isTagging whether the request reads or writes tags.
   * @throws AccessDenied for what the access key may not do, and with bounds to its buckets for what is about none.
   */
  authorize({ claim }: Authentication, { method, bucket, key }: Access, isTagging: boolean): void {
    const { buckets, mayTag = true, mayList = true, writesBelow } = this.#credentials.get(claim.accessKeyId) ?? {};
    const isForeign = buckets !== undefined && (bucket === undefined || !buckets.includes(bucket));
    const isListing = key === undefined && method === 'GET';
    const isWriting = method !== 'GET' && method !== 'HEAD';
    const isWritable = writesBelow?.some((prefix) => key?.startsWith(prefix)) ?? true;
    const isDenied = isForeign || (isTagging && !mayTag) || (isListing && !mayList) || (isWriting && !isWritable);
    if (isDenied) throw new S3Error('AccessDenied');
  }

  #signer(claim: SignatureClaim, presigned: boolean): ScopedSigner {
    const credentials = this.#credentials.get(claim.accessKeyId);
    if (credentials === undefined) {
      throw new S3Error('InvalidAccessKeyId', undefined, { details: { AWSAccessKeyId: claim.accessKeyId } });
    }
    if (claim.region !== this.#region) {
      throw new S3Error(
        presigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed',
        `The authorization header is malformed; the region '${claim.region}' is wrong; expecting '${this.#region}'`,
        { details: { Region: this.#region } },
      );
    }
    const name = `${claim.date}/${claim.accessKeyId}`;
    let signer = this.#signers.get(name);
    if (signer === undefined) {
      signer = new ScopedSigner(credentials, claim.date, claim.region);
      this.#signers.set(name, signer);
    }
    return signer;
  }
}
