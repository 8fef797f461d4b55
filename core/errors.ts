/**
 * The closed list of everything that can go wrong. Providers translate what their SDK throws into one of these at
 * their edge; the API maps each code once to a GraphQL error, the worker maps each once to retry, wait or give up.
 */
export const errorCodes = [
  // What the caller can mend.
  'INVALID_INPUT',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'CONFLICT',
  'IDEMPOTENCY_KEY_REUSED',
  'SIGN_UP_CLOSED',
  'SIGN_IN_REFUSED',
  'RATE_LIMITED',
  // What a cloud said.
  'CREDENTIALS_INVALID',
  'PERMISSION_DENIED',
  'CONTAINER_NOT_FOUND',
  'OBJECT_NOT_FOUND',
  'OBJECT_CHANGED',
  'SOURCE_CHANGED',
  'OBJECT_ARCHIVED',
  'OBJECT_NOT_READABLE',
  'PRECONDITION_FAILED',
  'REQUEST_REFUSED',
  'NAME_NOT_ALLOWED',
  'NAME_COLLISION',
  'DESTINATION_EXISTS',
  'DESTINATION_CHANGED',
  'DESTINATION_DIFFERS',
  'LISTING_INCOMPLETE',
  'OBJECT_TOO_LARGE',
  'QUOTA_EXCEEDED',
  'UPLOAD_EXPIRED',
  'CHECKSUM_MISMATCH',
  'THROTTLED',
  'CLOCK_SKEWED',
  'ADDRESS_NOT_ALLOWED',
  'ENDPOINT_UNREACHABLE',
  'ENDPOINT_INVALID',
  'PROVIDER_UNAVAILABLE',
  'NOT_SUPPORTED',
  // What happened on our side.
  'CANCELLED',
  'LEASE_LOST',
  'SERVICE_UNAVAILABLE',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/**
 * Whether trying again can help, apart from what went wrong.
 * - `never`: the same call fails again until somebody changes something.
 * - `backoff`: may pass by itself; try again later with exponential back-off (or after `retryAfterMs`).
 * - `restart`: the object must be started again from its beginning (its source changed, its upload session is gone).
 */
export type Retry = 'never' | 'backoff' | 'restart';

const retryByCode: Record<ErrorCode, Retry> = {
  INVALID_INPUT: 'never',
  UNAUTHENTICATED: 'never',
  FORBIDDEN: 'never',
  NOT_FOUND: 'never',
  CONFLICT: 'never',
  IDEMPOTENCY_KEY_REUSED: 'never',
  SIGN_UP_CLOSED: 'never',
  SIGN_IN_REFUSED: 'never',
  RATE_LIMITED: 'backoff',
  CREDENTIALS_INVALID: 'never',
  PERMISSION_DENIED: 'never',
  CONTAINER_NOT_FOUND: 'never',
  OBJECT_NOT_FOUND: 'never',
  OBJECT_CHANGED: 'restart',
  SOURCE_CHANGED: 'never',
  OBJECT_ARCHIVED: 'never',
  OBJECT_NOT_READABLE: 'never',
  PRECONDITION_FAILED: 'never',
  REQUEST_REFUSED: 'never',
  NAME_NOT_ALLOWED: 'never',
  NAME_COLLISION: 'never',
  DESTINATION_EXISTS: 'never',
  DESTINATION_CHANGED: 'never',
  DESTINATION_DIFFERS: 'never',
  LISTING_INCOMPLETE: 'never',
  OBJECT_TOO_LARGE: 'never',
  QUOTA_EXCEEDED: 'never',
  UPLOAD_EXPIRED: 'restart',
  CHECKSUM_MISMATCH: 'restart',
  THROTTLED: 'backoff',
  CLOCK_SKEWED: 'backoff',
  ADDRESS_NOT_ALLOWED: 'never',
  ENDPOINT_UNREACHABLE: 'backoff',
  ENDPOINT_INVALID: 'never',
  PROVIDER_UNAVAILABLE: 'backoff',
  NOT_SUPPORTED: 'never',
  CANCELLED: 'never',
  LEASE_LOST: 'never',
  SERVICE_UNAVAILABLE: 'backoff',
  INTERNAL: 'backoff',
};

export interface AppErrorOptions {
  /** Overrides what the code implies. */
  retry?: Retry;
  /** Earliest useful next try, in milliseconds from now, where the other side named one (Retry-After). */
  retryAfterMs?: number;
  /** Path of the input field at fault (`['input', 'name']`), where there is one. */
  field?: readonly string[];
  cause?: unknown;
}

/**
 * The only error that crosses a room's border. `message` is shown to users: it says what happened and, with the
 * code's remedy, what to do; it never holds a secret, a signed URL or a stack. Internal detail goes into `cause`,
 * which is logged (redacted) and never answered.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly retryAfterMs: number | undefined;
  readonly field: readonly string[] | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retry = options.retry ?? retryByCode[code];
    this.retryAfterMs = options.retryAfterMs;
    this.field = options.field;
  }
}

/** Narrows to AppError; anything unknown becomes INTERNAL with the original as cause. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('INTERNAL', 'Something went wrong on our side.', { cause: error });
}
