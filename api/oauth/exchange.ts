import { AppError } from '../../core/errors.ts';
import { retryAfterMs } from '../../storage/http/errors.ts';
import type { HttpClient } from '../../storage/http.ts';
import type { OAuthApp } from './apps.ts';

/** Largest answer that is read; real ones have a few hundred bytes. */
const maxAnswerBytes = 64 * 1024;

interface Exchange {
  app: OAuthApp;
  code: string;
  /** PKCE verifier of the flow. */
  verifier: string;
  redirectUri: string;
}

/** What a token endpoint answers (RFC 6749, 5.1 and 5.2), as far as it matters here. */
interface TokenAnswer {
  refresh_token?: unknown;
  error?: unknown;
}

/**
 * Exchanges a code for a lasting grant, a refresh token, at the cloud's token endpoint. A code works once: an exchange is never repeated.
 * CREDENTIALS_INVALID for a code that the cloud refuses, NOT_SUPPORTED when it refuses the operator's app, THROTTLED,
 * PROVIDER_UNAVAILABLE, ENDPOINT_* and ADDRESS_NOT_ALLOWED. No message repeats what the cloud answered.
 */
export async function exchangeCode(http: HttpClient, exchange: Exchange, signal: AbortSignal): Promise<string> {
  const { app, code, verifier, redirectUri } = exchange;
  const url = new URL(app.tokenUrl);
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    client_id: app.clientId,
    code_verifier: verifier,
    ...(app.clientSecret === undefined ? {} : { client_secret: app.clientSecret }),
  });
  const { status, headers, body } = await http.send({
    method: 'POST',
    origin: url.origin,
    path: url.pathname,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: Buffer.from(form.toString()),
    signal,
  });
  const answer = parseAnswer(await body.text(maxAnswerBytes));
  if (status === 200) return grantOf(answer, app);
  throw refusal(app, status, answer, headers['retry-after']);
}

function parseAnswer(text: string): TokenAnswer | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? (value as TokenAnswer | null) : null;
  } catch {
    return null;
  }
}

function grantOf(answer: TokenAnswer | null, { label, tokenUrl }: OAuthApp): string {
  if (answer === null) {
    throw new AppError('ENDPOINT_INVALID', `${new URL(tokenUrl).host} does not answer as ${label}'s sign-in does.`);
  }
  const { refresh_token: refreshToken } = answer;
  if (typeof refreshToken === 'string' && refreshToken !== '') return refreshToken;
  throw new AppError(
    'CREDENTIALS_INVALID',
    `${label} gave no lasting grant. Take Skyferry out of the connected apps there, and connect it again.`,
    { field: ['code'] },
  );
}

function refusal(app: OAuthApp, status: number, answer: TokenAnswer | null, retryAfter: string | undefined): AppError {
  const { label, variables } = app;
  if (status === 429) {
    const waitMs = retryAfterMs(retryAfter);
    return new AppError(
      'THROTTLED',
      `${label} asks for fewer sign-ins. Begin again in a while.`,
      waitMs === undefined ? {} : { retryAfterMs: waitMs },
    );
  }
  if (status >= 500) {
    return new AppError('PROVIDER_UNAVAILABLE', `${label}'s sign-in has trouble. Begin again in a while.`);
  }
  switch (answer?.error) {
    case 'invalid_grant':
      return new AppError(
        'CREDENTIALS_INVALID',
        `${label} does not take this sign-in any more: its code was used already, or is too old. Begin again.`,
        { field: ['code'] },
      );
    case 'invalid_client':
    case 'unauthorized_client':
    case 'redirect_uri_mismatch':
      return new AppError(
        'NOT_SUPPORTED',
        `${label} refuses the app of this Skyferry. Ask the operator to check ${variables} and the redirect URI of the app, as docs/providers/README.md says.`,
      );
    case undefined:
      return new AppError(
        'ENDPOINT_INVALID',
        `${new URL(app.tokenUrl).host} does not answer as ${label}'s sign-in does.`,
      );
    default:
      return new AppError('CREDENTIALS_INVALID', `${label} refuses this sign-in. Begin again.`, { field: ['code'] });
  }
}
