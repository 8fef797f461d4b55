import { AppError, type ErrorCode } from '../../../core/errors.ts';
import { refusalDetail, retryAfterMs } from '../../http/errors.ts';
import { element, unescapeXml } from '../xml.ts';

/** What the service said, from either form of its error documents. */
export interface GcsFault {
  status: number;
  /** `errors[].reason` of the JSON API ("HTTP status and error codes for JSON") or `Code` of the XML API. */
  reason: string | undefined;
  message: string;
  headers: Record<string, string>;
}

const codes = {
  AuthenticationRequired: 'CREDENTIALS_INVALID',
  authError: 'CREDENTIALS_INVALID',
  accountDisabled: 'PERMISSION_DENIED',
  UserProjectAccountProblem: 'PERMISSION_DENIED',
  UserProjectMissing: 'PERMISSION_DENIED',
  NoSuchBucket: 'CONTAINER_NOT_FOUND',
  NoSuchKey: 'OBJECT_NOT_FOUND',
  NoSuchUpload: 'UPLOAD_EXPIRED',
  InvalidPart: 'UPLOAD_EXPIRED',
  gone: 'UPLOAD_EXPIRED',
  conditionNotMet: 'PRECONDITION_FAILED',
  PreconditionFailed: 'PRECONDITION_FAILED',
  InvalidRange: 'OBJECT_CHANGED',
  requestedRangeNotSatisfiable: 'OBJECT_CHANGED',
  BadDigest: 'CHECKSUM_MISMATCH',
  InvalidBucketName: 'CONTAINER_NOT_FOUND',
  InvalidObjectName: 'NAME_NOT_ALLOWED',
  KeyTooLong: 'NAME_NOT_ALLOWED',
  EntityTooLarge: 'OBJECT_TOO_LARGE',
  uploadTooLarge: 'OBJECT_TOO_LARGE',
  quotaExceeded: 'QUOTA_EXCEEDED',
  rateLimitExceeded: 'THROTTLED',
  userRateLimitExceeded: 'THROTTLED',
  SlowDown: 'THROTTLED',
  notImplemented: 'NOT_SUPPORTED',
  NotImplemented: 'NOT_SUPPORTED',
} satisfies Record<string, ErrorCode>;

/** For reasons that are none of these, and for answers without a document. */
const statuses = {
  400: 'REQUEST_REFUSED',
  401: 'CREDENTIALS_INVALID',
  403: 'PERMISSION_DENIED',
  404: 'OBJECT_NOT_FOUND',
  408: 'PROVIDER_UNAVAILABLE',
  409: 'CONFLICT',
  410: 'UPLOAD_EXPIRED',
  412: 'PRECONDITION_FAILED',
  413: 'OBJECT_TOO_LARGE',
  416: 'OBJECT_CHANGED',
  429: 'THROTTLED',
  503: 'THROTTLED',
} satisfies Record<number, ErrorCode>;

const messages: Partial<Record<ErrorCode, string>> = {
  REQUEST_REFUSED: 'Cloud Storage does not take this request.',
  CREDENTIALS_INVALID: 'Google refused the credentials. Check the key, or connect the account again.',
  PERMISSION_DENIED: 'Cloud Storage does not let these credentials do this. See docs/providers/gcs.md for the role.',
  CONTAINER_NOT_FOUND: 'The bucket does not exist.',
  OBJECT_NOT_FOUND: 'The object does not exist.',
  OBJECT_CHANGED: 'The object has changed since it was listed.',
  PRECONDITION_FAILED: 'The destination is not in the state that was expected.',
  NAME_NOT_ALLOWED: 'Cloud Storage cannot hold this name.',
  UPLOAD_EXPIRED: 'The upload, or a part of it, is gone from Cloud Storage.',
  CHECKSUM_MISMATCH: 'The bytes that arrived are not those that were sent.',
  OBJECT_TOO_LARGE: 'Cloud Storage does not take so many bytes.',
  QUOTA_EXCEEDED: "The project's quota is used up.",
  THROTTLED: 'Cloud Storage asks to slow down.',
  PROVIDER_UNAVAILABLE: 'Cloud Storage has a problem of its own.',
  NOT_SUPPORTED: 'Cloud Storage does not offer this.',
};

/** Reads an error document of one of the two APIs; undefined for what is none: each answers in its own form only. */
export function parseFault(document: string, api: 'json' | 'xml'): Pick<GcsFault, 'reason' | 'message'> | undefined {
  if (api === 'xml') {
    if (!document.includes('<Error>')) return undefined;
    return { reason: element(document, 'Code'), message: unescapeXml(element(document, 'Message') ?? '') };
  }
  try {
    const { error } = JSON.parse(document) as {
      error?: { code?: unknown; message?: unknown; errors?: { reason?: unknown }[] };
    };
    if (typeof error?.code !== 'number') return undefined;
    const reason = error.errors?.[0]?.reason;
    return { reason: typeof reason === 'string' ? reason : undefined, message: String(error.message ?? '') };
  } catch {
    return undefined;
  }
}

/** An answer that the service did not give. */
export function notGcs(cause?: unknown): AppError {
  return new AppError('ENDPOINT_INVALID', 'The endpoint does not answer as Cloud Storage does.', {
    cause,
  });
}

/** Whether an object that a request was held to is another by now, or gone. */
export function isUnmetPin(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'PRECONDITION_FAILED' || error.code === 'OBJECT_NOT_FOUND');
}

/** The service knows who asks, and names the permission on buckets that they lack: proof that the credentials are right. */
export class MissingPermission extends AppError {}

/** What a denial is about that no role mends. */
const denials: Record<string, string> = {
  accessNotConfigured: 'The Cloud Storage API is not enabled in the project. Enable it in the console.',
  accountDisabled: 'Google has disabled the project or its billing. Look at both in the console.',
  insufficientPermissions: 'The access that was granted does not include Cloud Storage. Connect the account again.',
  UserProjectAccountProblem: 'Billing of the project to be billed is off. Look at it in the console.',
};

/** @param isDocumented whether the answer came with an error document of the service. */
export function gcsError(fault: GcsFault, isDocumented: boolean): AppError {
  const { status, reason, headers, message } = fault;
  const isForeign = !isDocumented && status < 500 && status !== 429 && status !== 401;
  if (status < 400 || isForeign) return notGcs();
  const code = codeOf(fault);
  const after = retryAfterMs(headers['retry-after']);
  const text = denials[reason ?? ''] ?? messages[code] ?? 'Cloud Storage refused the request.';
  // "ann@example.com does not have storage.buckets.list access to the Google Cloud project."
  const namesPermission = status === 403 && reason === 'forbidden' && /\bstorage\.buckets\.\w+\b/.test(message);
  const Denial = namesPermission && !message.startsWith('Anonymous ') ? MissingPermission : AppError;
  return new Denial(code, `${text} (${refusalDetail(reason, status)})`, {
    ...(after === undefined ? {} : { retryAfterMs: after }),
  });
}

function codeOf({ status, reason, message }: GcsFault): ErrorCode {
  // The JSON API tells what is missing, and what is wrong with a hash or a name, in words only.
  if (status === 404 && /\bbucket does not exist\b/i.test(message)) return 'CONTAINER_NOT_FOUND';
  if (status === 400 && /\bdoesn't match calculated\b/i.test(message)) return 'CHECKSUM_MISMATCH';
  if (status === 400 && /\bbucket name\b/i.test(message)) return 'CONTAINER_NOT_FOUND';
  const known = (codes as Record<string, ErrorCode>)[reason ?? ''];
  if (known !== undefined) return known;
  return (
    (statuses as Record<number, ErrorCode>)[status] ?? (status >= 500 ? 'PROVIDER_UNAVAILABLE' : 'ENDPOINT_INVALID')
  );
}
