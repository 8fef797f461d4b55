/** A value of one of the API's unions: a tag, and below the same name what belongs to it. */
export interface Union {
  readonly '.tag': string;
  readonly [field: string]: unknown;
}

/** `union('path', union('not_found'))` is `{".tag": "path", "path": {".tag": "not_found"}}`. */
export function union(tag: string, inner?: Union): Union {
  return inner === undefined ? { '.tag': tag } : { '.tag': tag, [tag]: inner };
}

/**
 * An answer that is an error. Statuses and shapes are those of "Errors" in the reference:
 * https://www.dropbox.com/developers/documentation/http/documentation#error-handling
 */
export class ApiError extends Error {
  readonly status: number;
  /** Text is answered as text/plain, anything else as JSON. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: unknown, headers: Record<string, string> = {}) {
    super(typeof body === 'string' ? body : JSON.stringify(body));
    this.name = 'ApiError';
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** 409 with the union of the endpoint's own errors. Raised by parts of an endpoint too, and wrapped on its way up. */
export class RouteError extends Error {
  readonly error: Union;

  constructor(error: Union) {
    super(summaryOf(error));
    this.name = 'RouteError';
    this.error = error;
  }
}

/** 400: "Bad input parameter. The response body is a plaintext message with more information." */
export function badInput(message: string): ApiError {
  return new ApiError(400, message);
}

/** 401: https://www.dropbox.com/developers/documentation/http/documentation#auth-errors */
export function authError(tag: string, details: Record<string, unknown> = {}): ApiError {
  return new ApiError(401, { error_summary: `${tag}/...`, error: { '.tag': tag, ...details } });
}

/** 429, as JSON or as plain text; the reference promises neither. */
export function rateLimit(reason: string, retryAfterSeconds: number, plain = false): ApiError {
  const headers = { 'retry-after': String(retryAfterSeconds) };
  if (plain) return new ApiError(429, 'You have reached your rate limit.', headers);
  const error = { reason: { '.tag': reason }, retry_after: retryAfterSeconds };
  return new ApiError(429, { error_summary: `${reason}/...`, error }, headers);
}

/** The client went away before its request was complete: nobody is left to answer. */
export class ClientGoneError extends Error {}

/** `path/not_found/...`, as the API sums a union up. */
export function summaryOf(error: Union): string {
  const tags: string[] = [];
  for (let at: Union | undefined = error; at !== undefined; at = (at[at['.tag']] ?? at.reason) as Union | undefined) {
    tags.push(at['.tag']);
  }
  return `${tags.join('/')}/...`;
}

/** Runs part of an endpoint; its error becomes the inner one of `tag`. */
export function within<T>(tag: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof RouteError) throw new RouteError(union(tag, error.error));
    throw error;
  }
}
