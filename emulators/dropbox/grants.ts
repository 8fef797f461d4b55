import { createHash, randomBytes } from 'node:crypto';
import { ApiError, authError } from './errors.ts';

/** Access tokens live four hours: https://developers.dropbox.com/oauth-guide */
const TOKEN_LIFE_MS = 4 * 60 * 60 * 1000;
/** "Authorization codes are short-lived and can be used once." RFC 6749, 4.1.2, recommends ten minutes at most. */
const CODE_LIFE_MS = 10 * 60 * 1000;

export interface App {
  readonly key: string;
  /** Registered redirect URIs; compared character by character. */
  readonly redirectUris?: readonly string[];
  /** With a secret, the app may leave PKCE out and prove itself by it. */
  readonly secret?: string;
}

interface Grant {
  readonly appKey: string;
  readonly account: string;
  readonly scopes: readonly string[];
}

interface Code extends Grant {
  readonly redirectUri: string | undefined;
  readonly challenge: string | undefined;
  readonly isOffline: boolean;
  readonly expiresAt: number;
}

/** Who a request acts for. */
export interface Bearer extends Grant {
  readonly token: string;
}

/** A refusal of the token endpoint: RFC 6749, 5.2. */
const refuse = (error: string, description: string) =>
  new ApiError(400, { error, error_description: description }, { 'cache-control': 'no-store' });

/** Codes, refresh tokens and access tokens: https://developers.dropbox.com/oauth-guide */
export class Grants {
  readonly #apps: ReadonlyMap<string, App>;
  readonly #codes = new Map<string, Code>();
  readonly #refreshTokens = new Map<string, Grant>();
  readonly #accessTokens = new Map<string, Grant & { expiresAt: number; refreshToken: string | undefined }>();
  readonly #now: () => number;

  constructor(apps: readonly App[], now: () => number) {
    this.#apps = new Map(apps.map((app) => [app.key, app]));
    this.#now = now;
  }

  /** A grant that is there from the start. */
  plant(refreshToken: string, grant: Grant): void {
    this.#refreshTokens.set(refreshToken, grant);
  }

  /**
   * /oauth2/authorize, with the consent of the person given at once. The address to send the browser to.
   * @throws ApiError 400 for what Dropbox shows an error page for
   */
  authorize(query: URLSearchParams, account: string, allScopes: readonly string[]): string {
    const app = this.#apps.get(query.get('client_id') ?? '');
    if (app === undefined) throw new ApiError(400, 'Invalid client_id');
    const redirectUri = query.get('redirect_uri') ?? '';
    if (!app.redirectUris?.includes(redirectUri)) throw new ApiError(400, 'Invalid redirect_uri');
    if (query.get('response_type') !== 'code') throw new ApiError(400, 'Invalid response_type');
    const challenge = query.get('code_challenge') ?? undefined;
    if (challenge !== undefined && query.get('code_challenge_method') !== 'S256') {
      throw new ApiError(400, 'Invalid code_challenge_method: only S256 is offered here');
    }
    if (challenge === undefined && app.secret === undefined) throw new ApiError(400, 'Missing code_challenge');
    const scopes = query.get('scope')?.split(' ') ?? allScopes;
    const code = randomBytes(24).toString('base64url');
    this.#codes.set(code, {
      appKey: app.key,
      account,
      scopes,
      redirectUri,
      challenge,
      isOffline: query.get('token_access_type') === 'offline',
      expiresAt: this.#now() + CODE_LIFE_MS,
    });
    const target = new URL(redirectUri);
    target.searchParams.set('code', code);
    const state = query.get('state');
    if (state !== null) target.searchParams.set('state', state);
    return target.href;
  }

  /** /oauth2/token. @throws ApiError with an error of RFC 6749 */
  token(parameters: URLSearchParams): Record<string, unknown> {
    const app = this.#apps.get(parameters.get('client_id') ?? '');
    if (app === undefined) throw refuse('invalid_client', 'Invalid client_id or client_secret');
    const secret = parameters.get('client_secret');
    if (secret !== null && secret !== app.secret) throw refuse('invalid_client', 'Invalid client_id or client_secret');
    switch (parameters.get('grant_type')) {
      case 'authorization_code':
        return this.#redeem(app, parameters, secret !== null);
      case 'refresh_token': {
        const refreshToken = parameters.get('refresh_token') ?? '';
        const grant = this.#refreshTokens.get(refreshToken);
        if (grant === undefined || grant.appKey !== app.key) {
          throw refuse('invalid_grant', 'refresh token is invalid or revoked');
        }
        return this.#issue(grant, refreshToken);
      }
      default:
        throw refuse('unsupported_grant_type', 'grant_type must be authorization_code or refresh_token');
    }
  }

  /** @throws ApiError 401, or 400 for a header that is no bearer token */
  authenticate(authorization: string | undefined): Bearer {
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw new ApiError(400, 'The given OAuth 2 access token is malformed or missing from the Authorization header.');
    }
    const known = this.#accessTokens.get(token);
    if (known === undefined) throw authError('invalid_access_token');
    if (known.expiresAt <= this.#now()) throw authError('expired_access_token');
    return { ...known, token };
  }

  /** auth/token/revoke: "If there is a corresponding refresh token for the access token, it is disabled as well." */
  revoke(token: string): void {
    const refreshToken = this.#accessTokens.get(token)?.refreshToken;
    this.#accessTokens.delete(token);
    if (refreshToken !== undefined) this.revokeGrant(refreshToken);
  }

  revokeGrant(refreshToken: string): void {
    this.#refreshTokens.delete(refreshToken);
    for (const [token, known] of this.#accessTokens) {
      if (known.refreshToken === refreshToken) this.#accessTokens.delete(token);
    }
  }

  expireAccessTokens(): void {
    for (const known of this.#accessTokens.values()) known.expiresAt = this.#now();
  }

  #redeem(app: App, parameters: URLSearchParams, isProved: boolean): Record<string, unknown> {
    const code = parameters.get('code') ?? '';
    const known = this.#codes.get(code);
    this.#codes.delete(code);
    if (known === undefined || known.appKey !== app.key || known.expiresAt <= this.#now()) {
      throw refuse('invalid_grant', "code doesn't exist or has expired");
    }
    if ((parameters.get('redirect_uri') ?? undefined) !== known.redirectUri) {
      throw refuse('invalid_grant', 'redirect_uri mismatch');
    }
    const verifier = parameters.get('code_verifier');
    if (known.challenge === undefined ? !isProved : verifier === null || challengeOf(verifier) !== known.challenge) {
      throw refuse('invalid_grant', 'invalid code verifier');
    }
    const refreshToken = known.isOffline ? randomBytes(32).toString('base64url') : undefined;
    if (refreshToken !== undefined) this.#refreshTokens.set(refreshToken, known);
    const { account } = known;
    return {
      ...this.#issue(known, refreshToken),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
      scope: known.scopes.join(' '),
      uid: account,
      account_id: `dbid:${account}`,
    };
  }

  #issue(grant: Grant, refreshToken: string | undefined): Record<string, unknown> {
    const { appKey, account, scopes } = grant;
    const token = `sl.${randomBytes(48).toString('base64url')}`;
    const expiresAt = this.#now() + TOKEN_LIFE_MS;
    this.#accessTokens.set(token, { appKey, account, scopes, expiresAt, refreshToken });
    return { access_token: token, token_type: 'bearer', expires_in: TOKEN_LIFE_MS / 1000 };
  }
}

/** S256 of RFC 7636, 4.2. */
function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
