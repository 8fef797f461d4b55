import { sign } from 'node:crypto';
import { AppError } from '../../../core/errors.ts';
import { isPlainLine } from '../../../core/text.ts';
import type { AccessToken, RefreshToken } from '../../access-tokens.ts';
import { clockIsOff, clockMessage, retryAfterMs } from '../../http/errors.ts';
import type { HttpClient, HttpRequest } from '../../http.ts';
import type { ServiceAccount } from './credentials.ts';

/** Objects and their metadata, and the list of buckets; no policies and no access lists. */
const scope = 'https://www.googleapis.com/auth/devstorage.read_write';
/** Answers of token endpoints are short; what is longer is none. */
const maxAnswerBytes = 64 * 1024;
/** The longest that an assertion may last ("Using OAuth 2.0 for Server to Server Applications"). */
const assertionSeconds = 3600;
/** An assertion that is dated further off than this is refused for its date. */
const clockToleranceMs = 5 * 60_000;

/** Google's own endpoint for the grants of people. */
const googleTokenOrigin = 'https://oauth2.googleapis.com';
/** Google's own endpoint for the profiles of people. */
const googleProfileOrigin = 'https://openidconnect.googleapis.com';
/** The metadata server of Google's machines, by its address: no name server can lead elsewhere. */
export const metadataAddress = '169.254.169.254';

/**
 * Exchanges an assertion that the account's key signs ("Using OAuth 2.0 for Server to Server Applications"). Throws
 * CREDENTIALS_INVALID, CLOCK_SKEWED, ENDPOINT_*, ADDRESS_NOT_ALLOWED, PROVIDER_UNAVAILABLE, THROTTLED.
 */
export function serviceAccountTokens(http: HttpClient, account: ServiceAccount): RefreshToken {
  const { origin, basePath } = account.tokenEndpoint;
  return (signal) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: account.email, scope, aud: account.tokenUri, iat: now, exp: now + assertionSeconds };
    const header = { alg: 'RS256', typ: 'JWT', ...(account.keyId === undefined ? {} : { kid: account.keyId }) };
    const text = `${encode(header)}.${encode(claims)}`;
    const signature = sign('RSA-SHA256', Buffer.from(text), account.privateKey).toString('base64url');
    const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    return post(http, origin, basePath, { grant_type: grant, assertion: `${text}.${signature}` }, signal);
  };
}

/**
 * Exchanges the grant of a person ("Using OAuth 2.0 for Web Server Applications", Refreshing an access token), always at
 * Google's own endpoint or at the stand-in that the operator named: the operator's secret goes along, and must reach
 * nobody else.
 */
export function grantTokens(
  http: HttpClient,
  refreshToken: string,
  app: { clientId: string; clientSecret: string },
  origin = googleTokenOrigin,
): RefreshToken {
  return (signal) =>
    post(
      http,
      origin,
      '/token',
      {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_id: app.clientId,
        client_secret: app.clientSecret,
      },
      signal,
    );
}

/**
 * The identity of the machine, or of the pod under GKE's workload identity ("Authenticate workloads to Google Cloud APIs
 * using service accounts").
 * @param http may reach the metadata server and nothing else.
 */
export function machineTokens(http: HttpClient, origin: string): RefreshToken {
  return async (signal) => {
    const path = '/computeMetadata/v1/instance/service-accounts/default/token';
    try {
      return await ask(http, {
        method: 'GET',
        origin,
        path,
        headers: { host: 'metadata.google.internal', 'metadata-flavor': 'Google' },
        signal,
      });
    } catch (error) {
      const isElsewhere = error instanceof AppError && /^ENDPOINT_/.test(error.code);
      if (!isElsewhere) throw error;
      const text = 'This machine has no Google identity: no metadata server gives out its tokens.';
      throw new AppError('CREDENTIALS_INVALID', text, { cause: error });
    }
  };
}

/**
 * E-mail address of the person whose grant a token is from ("OpenID Connect", Obtaining user profile information), at
 * Google's own endpoint or at the operator's stand-in. undefined where it is not to be had: it is a name, and no account
 * fails for the lack of it. Throws CANCELLED alone.
 */
export async function emailOf(
  http: HttpClient,
  token: string,
  signal: AbortSignal,
  origin = googleProfileOrigin,
): Promise<string | undefined> {
  try {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const { status, body } = await http.send({ method: 'GET', origin, path: '/v1/userinfo', headers, signal });
    const { email } = parse(await body.text(maxAnswerBytes));
    // RFC 5321, 4.5.3.1.3: a path has at most 256 octets, two of them brackets.
    const isAddress = typeof email === 'string' && /^[^\s@]+@[^\s@]+$/.test(email) && email.length <= 254;
    return status === 200 && isAddress && isPlainLine(email) ? email : undefined;
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'CANCELLED') throw error;
    return undefined;
  }
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function post(
  http: HttpClient,
  origin: string,
  path: string,
  form: Record<string, string>,
  signal: AbortSignal,
): Promise<AccessToken> {
  const body = Buffer.from(new URLSearchParams(form).toString());
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(body.length),
    accept: 'application/json',
  };
  return ask(http, { method: 'POST', origin, path, headers, body, signal });
}

async function ask(http: HttpClient, request: HttpRequest): Promise<AccessToken> {
  const sentAt = Date.now();
  const response = await http.send(request);
  const { status, headers } = response;
  let text = '';
  try {
    text = await response.body.text(maxAnswerBytes);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'ENDPOINT_INVALID') throw error;
  }
  const answer = parse(text);
  if (status === 200 && typeof answer.access_token === 'string' && /^[\x21-\x7e]+$/.test(answer.access_token)) {
    const seconds = Number(answer.expires_in ?? 0);
    return { token: answer.access_token, expiresAt: new Date(Date.now() + (seconds > 0 ? seconds : 300) * 1000) };
  }
  throw tokenError(status, headers, answer, sentAt);
}

interface Answer {
  email?: unknown;
  access_token?: unknown;
  expires_in?: unknown;
  error?: unknown;
}

function parse(text: string): Answer {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? (value as Answer) : {};
  } catch {
    return {};
  }
}

/**
 * RFC 6749, section 5.2. The description is left out: it may repeat what was sent.
 *
 * @param sentAt By the clock that dated the assertion, which may have been set right since.
 */
function tokenError(status: number, headers: Record<string, string>, { error }: Answer, sentAt: number): AppError {
  const after = retryAfterMs(headers['retry-after']);
  const options = after === undefined ? {} : { retryAfterMs: after };
  if (status === 429) return new AppError('THROTTLED', 'The token endpoint asks to slow down.', options);
  if (status >= 500) return new AppError('PROVIDER_UNAVAILABLE', 'The token endpoint has a problem.', options);
  switch (error) {
    case 'invalid_grant':
    case 'invalid_request':
      if (clockIsOff(headers.date, clockToleranceMs, sentAt)) {
        return new AppError('CLOCK_SKEWED', clockMessage('Google', clockToleranceMs, headers.date, sentAt));
      }
      return new AppError(
        'CREDENTIALS_INVALID',
        'Google refused the credentials: the key was deleted, or the access taken back.',
      );
    case 'invalid_client':
    case 'unauthorized_client':
      return new AppError('CREDENTIALS_INVALID', 'Google refused the app or the account that asks for access.');
    case 'invalid_scope':
    case 'access_denied':
      return new AppError('PERMISSION_DENIED', 'The access that was granted does not include Cloud Storage.');
    default:
      return new AppError('ENDPOINT_INVALID', 'The token endpoint does not answer as one does.');
  }
}
