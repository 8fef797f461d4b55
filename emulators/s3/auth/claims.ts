import { S3Error } from '../errors.ts';
import type { HeaderMap, SignatureClaim } from './sigv4.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html: at most seven days. */
const MAXIMUM_EXPIRY_SECONDS = 604_800;
/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html: RequestTimeTooSkewed. */
const MAXIMUM_SKEW_MS = 15 * 60 * 1000;

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

/**
 * The claim of a request that carries an Authorization header.
 * @throws AuthorizationHeaderMalformed, RequestTimeTooSkewed, AccessDenied, InvalidRequest
 */
export function claimFromHeader(authorization: string, headers: HeaderMap, now: number): SignatureClaim {
  if (!authorization.startsWith('AWS4-HMAC-SHA256 ')) {
    throw new S3Error(
      'InvalidRequest',
      'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
    );
  }
  const fields = new Map<string, string>();
  for (const field of authorization.slice('AWS4-HMAC-SHA256 '.length).split(',')) {
    const at = field.indexOf('=');
    fields.set(field.slice(0, Math.max(at, 0)).trim(), field.slice(at + 1).trim());
  }
  const credential = fields.get('Credential');
  const signedHeaders = fields.get('SignedHeaders');
  const signature = fields.get('Signature');
  if (!credential || !signedHeaders || !signature) {
    throw new S3Error(
      'AuthorizationHeaderMalformed',
      'The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.',
    );
  }
  const timestamp = readTimestamp(headers);
  const time = parseTimestamp(timestamp);
  if (time === undefined) {
    throw new S3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
  }
  if (Math.abs(now - time) > MAXIMUM_SKEW_MS) {
    throw tooSkewed(timestamp, now);
  }
  const payloadHash = headers['x-amz-content-sha256'];
  if (typeof payloadHash !== 'string') {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  }
  const claim = {
    ...parseCredential(credential, 'AuthorizationHeaderMalformed'),
    signedHeaders: signedHeaders.split(';'),
    signature,
    timestamp,
    payloadHash,
  };
  requireSignedHeaders(claim, headers);
  return claim;
}

/**
 * The claim of a presigned URL.
 * @throws AuthorizationQueryParametersError, AccessDenied when it has expired or is not yet valid
 */
export function claimFromQuery(query: ReadonlyMap<string, string>, headers: HeaderMap, now: number): SignatureClaim {
  const required = (name: string): string => {
    const value = query.get(name);
    if (!value) {
      throw new S3Error(
        'AuthorizationQueryParametersError',
        'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
      );
    }
    return value;
  };
  if (required('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') {
    throw new S3Error('AuthorizationQueryParametersError', 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"');
  }
  const timestamp = required('X-Amz-Date');
  const time = parseTimestamp(timestamp);
  if (time === undefined) {
    throw new S3Error('AuthorizationQueryParametersError', 'X-Amz-Date must be in the ISO8601 Long Format');
  }
  const expires = required('X-Amz-Expires');
  const seconds = /^\d+$/.test(expires) ? Number(expires) : Number.NaN;
  if (!(seconds >= 1 && seconds <= MAXIMUM_EXPIRY_SECONDS)) {
    throw new S3Error(
      'AuthorizationQueryParametersError',
      'X-Amz-Expires must be between 1 and 604800 seconds: the given value is not in that range',
    );
  }
  if (now > time + seconds * 1000) {
    throw new S3Error('AccessDenied', 'Request has expired', {
      details: {
        'X-Amz-Expires': expires,
        Expires: new Date(time + seconds * 1000).toISOString(),
        ServerTime: new Date(now).toISOString(),
      },
    });
  }
  if (time > now + MAXIMUM_SKEW_MS) {
    throw tooSkewed(timestamp, now);
  }
  const header = headers['x-amz-content-sha256'];
  const claim = {
    ...parseCredential(required('X-Amz-Credential'), 'AuthorizationQueryParametersError'),
    signedHeaders: required('X-Amz-SignedHeaders').split(';'),
    signature: required('X-Amz-Signature'),
    timestamp,
    payloadHash: typeof header === 'string' ? header : (query.get('X-Amz-Content-Sha256') ?? UNSIGNED_PAYLOAD),
  };
  requireSignedHeaders(claim, headers);
  return claim;
}

/** Whether the query, rather than a header, carries the signature. */
export function isPresigned(query: ReadonlyMap<string, string>): boolean {
  return query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature');
}

function parseCredential(
  credential: string,
  code: 'AuthorizationHeaderMalformed' | 'AuthorizationQueryParametersError',
): Pick<SignatureClaim, 'accessKeyId' | 'date' | 'region'> {
  const parts = credential.split('/');
  const [terminator, service, region, date, ...id] = parts.reverse();
  if (
    terminator !== 'aws4_request' ||
    service !== 's3' ||
    !region ||
    !date ||
    !/^\d{8}$/.test(date) ||
    id.length === 0
  ) {
    throw new S3Error(code, 'The Credential is malformed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request".');
  }
  return { accessKeyId: id.reverse().join('/'), date, region };
}

/** The Host header and every x-amz- header must be signed. */
function requireSignedHeaders(claim: SignatureClaim, headers: HeaderMap): void {
  const unsigned = Object.keys(headers).filter(
    (name) => (name === 'host' || name.startsWith('x-amz-')) && !claim.signedHeaders.includes(name),
  );
  if (unsigned.length > 0) {
    throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed', {
      details: { HeadersNotSigned: unsigned.join(', ') },
    });
  }
}

function readTimestamp(headers: HeaderMap): string {
  const amzDate = headers['x-amz-date'];
  if (typeof amzDate === 'string') {
    return amzDate;
  }
  const date = Date.parse(String(headers.date));
  return Number.isNaN(date) ? '' : new Date(date).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function parseTimestamp(timestamp: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  if (match === null) {
    return undefined;
  }
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [number, ...number[]];
  return Date.UTC(year, (month ?? 1) - 1, day, hour, minute, second);
}

function tooSkewed(timestamp: string, now: number): S3Error {
  return new S3Error('RequestTimeTooSkewed', undefined, {
    details: {
      RequestTime: timestamp,
      ServerTime: new Date(now).toISOString(),
      MaxAllowedSkewMilliseconds: String(MAXIMUM_SKEW_MS),
    },
  });
}
