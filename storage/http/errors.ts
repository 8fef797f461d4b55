import { AppError, type ErrorCode } from '../../core/errors.ts';

export type HttpFaultCode =
  | 'HTTP_CONNECT_TIMEOUT'
  | 'HTTP_CLOSED'
  | 'HTTP_HEADERS_TIMEOUT'
  | 'HTTP_BODY_TIMEOUT'
  | 'HTTP_SEND_TIMEOUT'
  | 'HTTP_EARLY'
  | 'HTTP_TOO_SLOW'
  | 'HTTP_HEADERS_OVERFLOW'
  | 'HTTP_MALFORMED';

/** What an HTTP connection suffers beyond what Node reports of its socket. */
export class HttpFault extends Error {
  readonly code: HttpFaultCode;

  constructor(code: HttpFaultCode, message: string) {
    super(message);
    this.code = code;
  }
}

interface NetworkFault {
  code: ErrorCode;
  message: (host: string) => string;
}

const unreachable = (what: string): NetworkFault => ({
  code: 'ENDPOINT_UNREACHABLE',
  message: (host) => `${host} cannot be reached: ${what}.`,
});
const interrupted = (what: string): NetworkFault => ({
  code: 'PROVIDER_UNAVAILABLE',
  message: (host) => `${host} ${what}.`,
});
const invalid = (what: string): NetworkFault => ({
  code: 'ENDPOINT_INVALID',
  message: (host) => `${host} ${what}.`,
});

/** Every error code of connections, Node's and those of HttpFault, that has a meaning for users. */
const networkFaults: Record<string, NetworkFault> = {
  ENOTFOUND: unreachable('the name does not resolve; check its spelling'),
  EAI_AGAIN: unreachable('the name server does not answer'),
  EAI_FAIL: unreachable('the name server refused the name'),
  ECONNREFUSED: unreachable('nothing listens there; check host and port'),
  EHOSTUNREACH: unreachable('there is no route to it'),
  ENETUNREACH: unreachable('there is no route to its network'),
  EADDRNOTAVAIL: unreachable('there is no route to it'),
  ETIMEDOUT: unreachable('it did not answer in time'),
  HTTP_CONNECT_TIMEOUT: unreachable('it did not answer in time'),
  ECONNRESET: interrupted('closed the connection'),
  EPIPE: interrupted('closed the connection'),
  HTTP_CLOSED: interrupted('closed the connection'),
  HTTP_HEADERS_TIMEOUT: interrupted('did not answer in time'),
  HTTP_BODY_TIMEOUT: interrupted('stopped sending in the middle of an answer'),
  HTTP_TOO_SLOW: interrupted('sends too slowly to be waited for, less than 1 KiB a second'),
  HTTP_SEND_TIMEOUT: interrupted('stopped taking the body of a request'),
  HTTP_EARLY: interrupted('said that all is well before it had the whole request'),
  HTTP_HEADERS_OVERFLOW: invalid('sends headers that no storage service sends'),
  EPROTO: invalid('does not speak TLS there; try http:// instead of https://'),
  ERR_SSL_WRONG_VERSION_NUMBER: invalid('does not speak TLS there; try http:// instead of https://'),
  ERR_SSL_PACKET_LENGTH_TOO_LONG: invalid('does not speak TLS there; try http:// instead of https://'),
  ERR_TLS_CERT_ALTNAME_INVALID: invalid('has a certificate for another name'),
  CERT_HAS_EXPIRED: invalid('has a certificate that has expired'),
  DEPTH_ZERO_SELF_SIGNED_CERT: invalid('has a certificate that no known authority signed; see NODE_EXTRA_CA_CERTS'),
  SELF_SIGNED_CERT_IN_CHAIN: invalid('has a certificate that no known authority signed; see NODE_EXTRA_CA_CERTS'),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: invalid(
    'has a certificate of an authority that is not known here, or does not send those in between; see NODE_EXTRA_CA_CERTS',
  ),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: invalid(
    'has a certificate of an authority that is not known here; see NODE_EXTRA_CA_CERTS',
  ),
};

/**
 * Translates what a connection threw. An AppError anywhere inside (from the address policy, from the source of a body)
 * is handed on as it is. Unknown errors become PROVIDER_UNAVAILABLE, because only the network can throw here.
 */
export function networkError(error: unknown, host: string, phase: 'headers' | 'body' = 'headers'): AppError {
  for (const inner of unfold(error)) if (inner instanceof AppError) return inner;
  for (const inner of unfold(error)) {
    const { code } = inner as { code?: unknown };
    // A body that breaks HTTP's rules was cut off; an answer that begins so is none.
    const isForeign = code === 'HTTP_MALFORMED' && phase === 'headers';
    const fault = isForeign ? invalid('does not speak HTTP there') : networkFaults[String(code)];
    if (fault) return new AppError(fault.code, fault.message(host), { cause: error });
  }
  return new AppError('PROVIDER_UNAVAILABLE', `The connection to ${host} failed.`, { cause: error });
}

/** The error, the errors that it joins (happy eyeballs) and their causes, outermost first. */
function* unfold(error: unknown, depth = 0): Generator<object> {
  if (typeof error !== 'object' || error === null || depth > 5) return;
  yield error;
  if ('errors' in error && Array.isArray(error.errors))
    for (const inner of error.errors) yield* unfold(inner, depth + 1);
  if ('cause' in error) yield* unfold(error.cause, depth + 1);
}

/**
 * What a service says of a refusal, for the end of a message: its own code, and the status. Codes are words; what else stands
 * in their place is from a server that is no such service, and may repeat what it was sent: a signature, a token.
 */
export function refusalDetail(code: string | undefined, status: number): string {
  const words = /^[A-Za-z][\w.-]{0,63}$/;
  return code !== undefined && words.test(code) ? `${code}, status ${status}` : `status ${status}`;
}

/**
 * Whether an answer's Date header is further than the tolerance from our clock; false for one that is none.
 *
 * @param sentAt By the clock that dated the request, which may have been set right since.
 */
export function clockIsOff(date: string | undefined, toleranceMs: number, sentAt = Date.now()): boolean {
  return Math.abs(Date.parse(date ?? '') - sentAt) > toleranceMs;
}

/** What to do about clocks that differ. Either may be the wrong one. `date` and `sentAt` as for `clockIsOff`. */
export function clockMessage(
  other: string,
  toleranceMs: number,
  date: string | undefined,
  sentAt = Date.now(),
): string {
  const there = Date.parse(date ?? '');
  const times = Number.isNaN(there)
    ? ''
    : `: ${new Date(sentAt).toISOString()} here, ${new Date(there).toISOString()} there`;
  const minutes = toleranceMs / 60_000;
  return `The clocks of this server and of ${other} are more than ${minutes} minutes apart${times}. Set the one that is wrong, for example with NTP.`;
}

/** Milliseconds of a Retry-After header (RFC 9110, 10.2.3: seconds or a date), at most one hour. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const value = header.trim();
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(0, Math.round(ms)), 3_600_000) : undefined;
}
