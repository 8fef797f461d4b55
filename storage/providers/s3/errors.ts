import { AppError, type AppErrorOptions, type ErrorCode } from '../../../core/errors.ts';
import { clockIsOff, clockMessage, refusalDetail, retryAfterMs } from '../../http/errors.ts';

/** What a store said. `code` is S3's own ("Error responses" in the S3 API reference). */
export interface S3Fault {
  status: number;
  code: string | undefined;
  /** Region that the store names as the right one. */
  region?: string | undefined;
  headers: Record<string, string | undefined>;
  /** By the clock that dated the request, which may have been set right since. Default: now. */
  sentAt?: number;
}

const codes = {
  AccessDenied: 'PERMISSION_DENIED',
  AccountProblem: 'PERMISSION_DENIED',
  AllAccessDisabled: 'PERMISSION_DENIED',
  UnauthorizedAccess: 'PERMISSION_DENIED',
  InvalidPayer: 'PERMISSION_DENIED',
  ExpiredToken: 'CREDENTIALS_INVALID',
  InvalidAccessKeyId: 'CREDENTIALS_INVALID',
  InvalidSecurity: 'CREDENTIALS_INVALID',
  InvalidToken: 'CREDENTIALS_INVALID',
  NotSignedUp: 'CREDENTIALS_INVALID',
  SignatureDoesNotMatch: 'CREDENTIALS_INVALID',
  TokenRefreshRequired: 'CREDENTIALS_INVALID',
  Unauthorized: 'CREDENTIALS_INVALID',
  RequestExpired: 'CLOCK_SKEWED',
  RequestTimeTooSkewed: 'CLOCK_SKEWED',
  InvalidBucketName: 'CONTAINER_NOT_FOUND',
  NoSuchBucket: 'CONTAINER_NOT_FOUND',
  NoSuchKey: 'OBJECT_NOT_FOUND',
  NoSuchVersion: 'OBJECT_NOT_FOUND',
  InvalidObjectState: 'OBJECT_ARCHIVED',
  ObjectNotInActiveTierError: 'OBJECT_ARCHIVED',
  InvalidRange: 'OBJECT_CHANGED',
  ConditionalRequestConflict: 'PRECONDITION_FAILED',
  PreconditionFailed: 'PRECONDITION_FAILED',
  KeyTooLongError: 'NAME_NOT_ALLOWED',
  InvalidURI: 'NAME_NOT_ALLOWED',
  EntityTooLarge: 'OBJECT_TOO_LARGE',
  MaxMessageLengthExceeded: 'OBJECT_TOO_LARGE',
  QuotaExceeded: 'QUOTA_EXCEEDED',
  ServiceQuotaExceededException: 'QUOTA_EXCEEDED',
  InvalidPart: 'UPLOAD_EXPIRED',
  InvalidPartOrder: 'UPLOAD_EXPIRED',
  NoSuchUpload: 'UPLOAD_EXPIRED',
  BadDigest: 'CHECKSUM_MISMATCH',
  InvalidDigest: 'CHECKSUM_MISMATCH',
  XAmzContentChecksumMismatch: 'CHECKSUM_MISMATCH',
  XAmzContentSHA256Mismatch: 'CHECKSUM_MISMATCH',
  Busy: 'THROTTLED',
  RequestLimitExceeded: 'THROTTLED',
  ServiceUnavailable: 'THROTTLED',
  SlowDown: 'THROTTLED',
  Throttling: 'THROTTLED',
  ThrottlingException: 'THROTTLED',
  TooManyRequests: 'THROTTLED',
  IncompleteBody: 'PROVIDER_UNAVAILABLE',
  InternalError: 'PROVIDER_UNAVAILABLE',
  OperationAborted: 'PROVIDER_UNAVAILABLE',
  RequestTimeout: 'PROVIDER_UNAVAILABLE',
  AuthorizationHeaderMalformed: 'ENDPOINT_INVALID',
  IllegalLocationConstraintException: 'ENDPOINT_INVALID',
  InvalidRegionName: 'ENDPOINT_INVALID',
  PermanentRedirect: 'ENDPOINT_INVALID',
  Redirect: 'ENDPOINT_INVALID',
  TemporaryRedirect: 'ENDPOINT_INVALID',
  InvalidStorageClass: 'REQUEST_REFUSED',
  'KMS.DisabledException': 'REQUEST_REFUSED',
  'KMS.KMSInvalidStateException': 'REQUEST_REFUSED',
  'KMS.NotFoundException': 'REQUEST_REFUSED',
  MetadataTooLarge: 'REQUEST_REFUSED',
  EntityTooSmall: 'REQUEST_REFUSED',
  MethodNotAllowed: 'NOT_SUPPORTED',
  NotImplemented: 'NOT_SUPPORTED',
} satisfies Record<string, ErrorCode>;

/** For answers without one of these codes: HEAD has no body, and a proxy before the store has no such codes. */
const statuses = {
  401: 'CREDENTIALS_INVALID',
  403: 'PERMISSION_DENIED',
  404: 'OBJECT_NOT_FOUND',
  408: 'PROVIDER_UNAVAILABLE',
  409: 'PROVIDER_UNAVAILABLE',
  411: 'NOT_SUPPORTED',
  412: 'PRECONDITION_FAILED',
  413: 'OBJECT_TOO_LARGE',
  416: 'OBJECT_CHANGED',
  429: 'THROTTLED',
  501: 'NOT_SUPPORTED',
  503: 'THROTTLED',
} satisfies Record<number, ErrorCode>;

const messages: Partial<Record<ErrorCode, string>> = {
  REQUEST_REFUSED: 'The store refuses what was asked for. Check storage class, encryption key and metadata.',
  CREDENTIALS_INVALID: 'The store refused the credentials. Check the access key, its secret and the region.',
  PERMISSION_DENIED: 'The store does not let these credentials do this.',
  CONTAINER_NOT_FOUND: 'The bucket does not exist.',
  OBJECT_NOT_FOUND: 'The object does not exist.',
  OBJECT_CHANGED: 'The object has changed since it was listed.',
  OBJECT_ARCHIVED: 'The object is archived. Restore it first.',
  PRECONDITION_FAILED: 'The destination is not in the state that was expected.',
  NAME_NOT_ALLOWED: 'The store cannot hold this name.',
  UPLOAD_EXPIRED: 'The upload, or a part of it, is gone from the store.',
  CHECKSUM_MISMATCH: 'The bytes that arrived are not those that were sent.',
  OBJECT_TOO_LARGE: 'The store does not take so many bytes at once.',
  QUOTA_EXCEEDED: 'The store is full.',
  THROTTLED: 'The store asks to slow down.',
  PROVIDER_UNAVAILABLE: 'The store has a problem of its own.',
  ENDPOINT_INVALID: 'The store does not answer for this bucket at this endpoint and region.',
  NOT_SUPPORTED: 'The store does not support this request.',
};

/** For codes of the store that ask for something else than others of their kind. */
const reasons: Record<string, string> = {
  ExpiredToken: 'The session token has expired. Give the account new temporary keys, or lasting ones.',
};

/** S3 refuses requests that are dated more than 15 minutes off. */
const clockToleranceMs = 15 * 60_000;

/** An answer of the store that refuses, with its HTTP status and the store's own code for why. */
export class S3Refusal extends AppError {
  readonly status: number;
  readonly reason: string | undefined;

  constructor({ status, code: reason }: S3Fault, code: ErrorCode, message: string, options: AppErrorOptions) {
    super(code, message, options);
    this.status = status;
    this.reason = reason;
  }
}

export function s3Error(fault: S3Fault, cause?: unknown): S3Refusal {
  const { status, code, headers, sentAt } = fault;
  const region = fault.region ?? headers['x-amz-bucket-region'];
  // S3 itself answers 301 without a body to HEAD, with the region in a header.
  const moved = (status >= 300 && status < 400 && region !== undefined) || code === 'AuthorizationHeaderMalformed';
  const known = moved ? 'ENDPOINT_INVALID' : (codes as Record<string, ErrorCode>)[code ?? ''];
  if (known === undefined && status >= 300 && status < 400) {
    return new S3Refusal(
      fault,
      'ENDPOINT_INVALID',
      `The endpoint redirects to another place instead of answering. Check the region and the address. (status ${status})`,
      { cause },
    );
  }
  if (known === undefined && (status < 400 || isWebPage(headers))) {
    return new S3Refusal(fault, 'ENDPOINT_INVALID', 'The endpoint is a web page, not an S3 store.', {
      cause,
    });
  }
  let appCode: ErrorCode =
    known ??
    (statuses as Record<number, ErrorCode>)[status] ??
    (status >= 500 ? 'PROVIDER_UNAVAILABLE' : 'ENDPOINT_INVALID');
  if (/^(CREDENTIALS_INVALID|PERMISSION_DENIED)$/.test(appCode) && clockIsOff(headers.date, clockToleranceMs, sentAt))
    appCode = 'CLOCK_SKEWED';
  const where =
    appCode === 'ENDPOINT_INVALID' && /^[\w.-]{1,64}$/.test(region ?? '') ? ` The right region is ${region}.` : '';
  const reason = appCode === known ? reasons[code ?? ''] : undefined;
  const said = reason ?? messages[appCode] ?? 'The store refused the request.';
  const message = appCode === 'CLOCK_SKEWED' ? clockMessage('the store', clockToleranceMs, headers.date, sentAt) : said;
  const retryAfter = retryAfterMs(headers['retry-after']);
  return new S3Refusal(fault, appCode, `${message}${where} (${refusalDetail(code, status)})`, {
    cause,
    // Another write was under way at the same moment: not a state of the destination, but a race that passes.
    ...(code === 'ConditionalRequestConflict' ? { retry: 'restart' as const } : {}),
    ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter }),
  });
}

/** Reads code and region out of an error document. */
export function parseFault(document: string): { code: string | undefined; region: string | undefined } {
  const element = (name: string) => new RegExp(`<${name}>([^<]{1,200})</${name}>`).exec(document)?.[1];
  return { code: element('Code'), region: element('Region') };
}

export function isWebPage(headers: Record<string, string | undefined>): boolean {
  return headers['content-type']?.startsWith('text/html') ?? false;
}

/** For answers that no store gives. */
export function notS3(cause?: unknown): AppError {
  return new AppError('ENDPOINT_INVALID', 'The endpoint does not answer as an S3 store does.', {
    cause,
  });
}
