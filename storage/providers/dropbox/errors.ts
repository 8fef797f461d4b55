import { AppError, type AppErrorOptions, type ErrorCode } from '../../../core/errors.ts';
import { retryAfterMs } from '../../http/errors.ts';

/** An answer that is an error. `text` is its body. */
export interface DropboxFault {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/** What Dropbox refused, with the tags of its error from the outermost to the innermost: `path`, `not_found`. */
export class DropboxRefusal extends AppError {
  readonly tags: readonly string[];
  /** Of an `incorrect_offset`: where the session is. */
  readonly correctOffset: number | undefined;

  constructor(code: ErrorCode, message: string, error: unknown, options: AppErrorOptions = {}) {
    super(code, message, options);
    this.tags = tagsOf(error);
    this.correctOffset = findOffset(error);
  }

  has(tag: string): boolean {
    return this.tags.includes(tag);
  }
}

/**
 * By the innermost tag that is listed ("Errors" of each endpoint in the HTTP reference). `conflict` and `not_found` mean
 * different things in different places and are judged apart.
 */
const codes = {
  malformed_path: 'NAME_NOT_ALLOWED',
  disallowed_name: 'NAME_NOT_ALLOWED',
  not_file: 'OBJECT_NOT_FOUND',
  not_folder: 'OBJECT_NOT_FOUND',
  restricted_content: 'OBJECT_NOT_READABLE',
  unsupported_file: 'OBJECT_NOT_READABLE',
  unsupported_content_type: 'OBJECT_NOT_READABLE',
  locked: 'PERMISSION_DENIED',
  no_write_permission: 'PERMISSION_DENIED',
  no_permission: 'PERMISSION_DENIED',
  access_restricted: 'PERMISSION_DENIED',
  team_folder: 'PERMISSION_DENIED',
  not_allowed: 'PERMISSION_DENIED',
  email_not_verified: 'PERMISSION_DENIED',
  encryption_not_supported: 'NOT_SUPPORTED',
  insufficient_space: 'QUOTA_EXCEEDED',
  insufficient_quota: 'QUOTA_EXCEEDED',
  team_folder_insufficient_space: 'QUOTA_EXCEEDED',
  team_folder_insufficient_quota: 'QUOTA_EXCEEDED',
  member_folder_insufficient_space: 'QUOTA_EXCEEDED',
  member_folder_insufficient_quota: 'QUOTA_EXCEEDED',
  upload_traffic_limit_reached: 'QUOTA_EXCEEDED',
  too_many_write_operations: 'THROTTLED',
  too_many_requests: 'THROTTLED',
  content_hash_mismatch: 'CHECKSUM_MISMATCH',
  payload_too_large: 'OBJECT_TOO_LARGE',
  too_large: 'OBJECT_TOO_LARGE',
  closed: 'UPLOAD_EXPIRED',
  not_closed: 'UPLOAD_EXPIRED',
  incorrect_offset: 'UPLOAD_EXPIRED',
  concurrent_session_not_closed: 'UPLOAD_EXPIRED',
  concurrent_session_missing_data: 'UPLOAD_EXPIRED',
  reset: 'OBJECT_CHANGED',
  invalid_copy_reference: 'OBJECT_CHANGED',
  download_failed: 'ENDPOINT_UNREACHABLE',
  invalid_url: 'ENDPOINT_UNREACHABLE',
  missing_scope: 'PERMISSION_DENIED',
  user_suspended: 'PERMISSION_DENIED',
  route_access_denied: 'PERMISSION_DENIED',
  expired_access_token: 'CREDENTIALS_INVALID',
  invalid_access_token: 'CREDENTIALS_INVALID',
  invalid_root: 'CONTAINER_NOT_FOUND',
} satisfies Record<string, ErrorCode>;

const messages: Partial<Record<ErrorCode, string>> = {
  CREDENTIALS_INVALID: 'Dropbox does not accept the access any more. Connect the account again.',
  PERMISSION_DENIED: 'The account is connected, but not allowed to do this.',
  CONTAINER_NOT_FOUND: 'The account does not have this space (any more).',
  OBJECT_NOT_FOUND: 'The file does not exist.',
  OBJECT_CHANGED: 'What was asked for has changed meanwhile.',
  OBJECT_NOT_READABLE: 'Dropbox does not hand out this file.',
  PRECONDITION_FAILED: 'The destination is not in the state that was expected.',
  NAME_NOT_ALLOWED: 'Dropbox cannot hold this name.',
  NAME_COLLISION: 'A folder has the name of the file, or a file that of a folder. Rename one of them.',
  OBJECT_TOO_LARGE: 'Dropbox does not take so many bytes at once.',
  QUOTA_EXCEEDED: 'The Dropbox account has no room for this.',
  UPLOAD_EXPIRED: 'The upload is gone or incomplete: Dropbox keeps one for a week.',
  CHECKSUM_MISMATCH: 'The bytes that arrived are not those that were sent.',
  THROTTLED: 'Dropbox asks to slow down.',
  ENDPOINT_UNREACHABLE: 'Dropbox cannot fetch the address.',
  PROVIDER_UNAVAILABLE: 'Dropbox has a problem of its own.',
  REQUEST_REFUSED: 'Dropbox does not understand the request.',
  ENDPOINT_INVALID: 'The endpoint does not answer as Dropbox does.',
  CONFLICT: 'Dropbox refuses this in the state that things are in.',
};

/** An answer that Dropbox did not give. */
export function notDropbox(cause?: unknown): AppError {
  return new AppError('ENDPOINT_INVALID', 'The endpoint does not answer as Dropbox does.', { cause });
}

/** Throws ENDPOINT_INVALID for an answer, however friendly, that Dropbox did not give: it numbers all of its own. */
export function assertFromDropbox(headers: Record<string, string>): void {
  if (headers['x-dropbox-request-id'] === undefined) throw notDropbox();
}

/** Translates an answer that is no success. */
export function dropboxError({ status, headers, text }: DropboxFault): AppError {
  const isNumbered = headers['x-dropbox-request-id'] !== undefined;
  if (status < 400 || (!isNumbered && status < 500 && status !== 429)) {
    return notDropbox();
  }
  const answer = parse(text) as { error?: unknown } | undefined;
  const wait = retryAfterMs(headers['retry-after']) ?? bodyRetryAfterMs(answer?.error);
  const options = wait === undefined ? {} : { retryAfterMs: wait };
  if (status === 429 || status === 503) return refusal('THROTTLED', `status ${status}`, answer?.error, options);
  if (status >= 500) return refusal('PROVIDER_UNAVAILABLE', `status ${status}`, undefined, options);
  if (status === 416) return refusal('OBJECT_CHANGED', 'status 416', undefined, options);
  if (status === 401 || status === 403 || status === 409 || status === 422) {
    return unionError(answer?.error, status === 403 ? 'PERMISSION_DENIED' : 'CONFLICT', options);
  }
  // "Bad input parameter": plain text that names the field.
  if (status === 400) return refusal('REQUEST_REFUSED', text.slice(0, 200), undefined, options);
  return refusal('ENDPOINT_INVALID', `status ${status}`, undefined, options);
}

/** Translates the error of an endpoint: of a whole answer, or of one entry of a batch. */
export function unionError(error: unknown, otherwise: ErrorCode = 'CONFLICT', options: AppErrorOptions = {}): AppError {
  const tags = tagsOf(error);
  return refusal(codeOf(tags) ?? otherwise, detailOf(error, tags), error, options);
}

function codeOf(tags: readonly string[]): ErrorCode | undefined {
  if (tags.includes('conflict')) return tags.includes('file') ? 'PRECONDITION_FAILED' : 'NAME_COLLISION';
  if (tags.includes('not_found')) {
    // A session is looked up without a path.
    return /^(path|path_lookup|from_lookup|to)$/.test(tags[0] ?? '') ? 'OBJECT_NOT_FOUND' : 'UPLOAD_EXPIRED';
  }
  return tags.map((tag) => (codes as Record<string, ErrorCode>)[tag]).findLast((code) => code !== undefined);
}

function detailOf(error: unknown, tags: readonly string[]): string {
  const { required_scope: scope } = (error ?? {}) as { required_scope?: string };
  return tags.join('/') + (scope === undefined ? '' : `; the app needs the scope ${scope}`);
}

function refusal(code: ErrorCode, detail: string, error: unknown, options: AppErrorOptions): DropboxRefusal {
  const text = messages[code] ?? 'Dropbox refused the request.';
  return new DropboxRefusal(code, detail === '' ? text : `${text} (${detail})`, error, options);
}

/** Tags, from the outermost on. What belongs to a tag stands below its name, or in `reason` (UploadWriteFailed). */
function tagsOf(error: unknown): string[] {
  const tags: string[] = [];
  let at = error as Record<string, unknown> | undefined;
  while (typeof at === 'object' && at !== null && tags.length < 8) {
    const tag = at['.tag'];
    if (typeof tag === 'string') tags.push(tag);
    at = (at[String(tag)] ?? at.reason) as Record<string, unknown> | undefined;
  }
  return tags;
}

function findOffset(error: unknown): number | undefined {
  const { correct_offset: offset } = (error ?? {}) as { correct_offset?: unknown };
  return typeof offset === 'number' ? offset : undefined;
}

function bodyRetryAfterMs(error: unknown): number | undefined {
  const { retry_after: seconds } = (error ?? {}) as { retry_after?: unknown };
  return typeof seconds === 'number' ? retryAfterMs(String(seconds)) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
