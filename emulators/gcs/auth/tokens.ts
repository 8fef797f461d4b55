import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { Consents } from './consents.ts';
import { type Identity, type KnownApp, type KnownServiceAccount, mayWrite } from './identities.ts';
import { TokenError } from './token-error.ts';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** Clocks may differ by so much. */
const SKEW_SECONDS = 300;
const LONGEST_ASSERTION_SECONDS = 3600;

/** Gives out access tokens and knows them again. https://developers.google.com/identity/protocols/oauth2/service-account */
export class TokenAuthority {
  readonly accounts: ReadonlyMap<string, KnownServiceAccount>;
  readonly consents: Consents;
  readonly #apps: readonly KnownApp[];
  readonly #lifetimeMs: number;
  readonly #issued = new Map<string, { identity: Identity; expiresAt: number }>();
  /** Refresh tokens, and what the app that holds each may do with it. */
  readonly #grants = new Map<string, { clientId: string; identity: Identity }>();

  constructor(accounts: readonly KnownServiceAccount[], apps: readonly KnownApp[], lifetimeMs: number) {
    this.accounts = new Map(accounts.map((account) => [account.email, account]));
    this.#apps = apps;
    this.consents = new Consents(apps);
    for (const { clientId, grants = {} } of apps) {
      for (const [refreshToken, from] of Object.entries(grants)) {
        const person = typeof from === 'string' ? { email: from } : from;
        this.#grants.set(refreshToken, { clientId, identity: { ...person, mayWrite: true, showsEmail: true } });
      }
    }
    this.#lifetimeMs = lifetimeMs;
  }

  /** Whose token this is; undefined for one that is unknown or has expired. */
  identify(token: string): Identity | undefined {
    const known = this.#issued.get(token);
    return known !== undefined && known.expiresAt > Date.now() ? known.identity : undefined;
  }

  /** Makes every token that was given out so far worthless. */
  expireAll(): void {
    this.#issued.clear();
  }

  /** Takes a grant back, as its owner can. */
  revoke(refreshToken: string): void {
    this.#grants.delete(refreshToken);
  }

  issue(identity: Identity): { access_token: string; expires_in: number; token_type: 'Bearer' } {
    const token = `ya29.${randomBytes(32).toString('base64url')}`;
    this.#issued.set(token, { identity, expiresAt: Date.now() + this.#lifetimeMs });
    return { access_token: token, expires_in: Math.floor(this.#lifetimeMs / 1000), token_type: 'Bearer' };
  }

  /** Answers the token endpoint. `audiences`: what an assertion may name as its audience. @throws TokenError */
  exchange(form: URLSearchParams, audiences: readonly string[]): object {
    switch (form.get('grant_type')) {
      case JWT_BEARER:
        return this.issue(this.#ofAssertion(form.get('assertion') ?? '', audiences));
      case 'authorization_code':
        return this.#redeem(form);
      case 'refresh_token':
        return this.issue(this.#ofGrant(form));
      default:
        throw new TokenError('unsupported_grant_type', 'Invalid grant_type.');
    }
  }

  /** https://developers.google.com/identity/protocols/oauth2/web-server#exchange-authorization-code */
  #redeem(form: URLSearchParams): object {
    const app = this.#appOf(form);
    const { email, scope, isLasting } = this.consents.redeem(app, form);
    const writes = mayWrite(scope);
    const showsEmail = scope.split(' ').includes('https://www.googleapis.com/auth/userinfo.email');
    const identity = { email, mayWrite: writes === true, showsEmail, ...(writes === undefined ? { buckets: [] } : {}) };
    const answer = { ...this.issue(identity), scope };
    if (!isLasting) return answer;
    const refreshToken = `1//${randomBytes(32).toString('base64url')}`;
    this.#grants.set(refreshToken, { clientId: app.clientId, identity });
    return { ...answer, refresh_token: refreshToken };
  }

  #ofGrant(form: URLSearchParams): Identity {
    const app = this.#appOf(form);
    const grant = this.#grants.get(form.get('refresh_token') ?? '');
    if (grant?.clientId !== app.clientId) throw new TokenError('invalid_grant', 'Token has been expired or revoked.');
    return grant.identity;
  }

  /** Apps of the type "Web application" prove themselves by their secret, with PKCE too. */
  #appOf(form: URLSearchParams): KnownApp {
    const app = this.#apps.find(({ clientId }) => clientId === form.get('client_id'));
    if (app === undefined || app.clientSecret !== form.get('client_secret')) {
      throw new TokenError('invalid_client', 'The OAuth client was not found.');
    }
    return app;
  }

  #ofAssertion(assertion: string, audiences: readonly string[]): Identity {
    const [head = '', claims = '', signature = '', ...rest] = assertion.split('.');
    const header = parse(head);
    const claim = parse(claims);
    const account = this.accounts.get(String(claim.iss));
    if (account === undefined) throw new TokenError('invalid_grant', 'Invalid grant: account not found');
    const isRight =
      header.alg === 'RS256' &&
      rest.length === 0 &&
      verify(
        'RSA-SHA256',
        Buffer.from(`${head}.${claims}`),
        createPublicKey(account.publicKey),
        Buffer.from(signature, 'base64url'),
      );
    if (!isRight) throw new TokenError('invalid_grant', 'Invalid JWT Signature.');
    if (!audiences.includes(String(claim.aud))) {
      throw new TokenError('invalid_grant', 'Invalid JWT: Failed audience check.');
    }
    const now = Date.now() / 1000;
    const [iat, exp] = [Number(claim.iat), Number(claim.exp)];
    const isTimely = iat <= now + SKEW_SECONDS && exp >= now - SKEW_SECONDS && exp - iat <= LONGEST_ASSERTION_SECONDS;
    if (!isTimely) {
      throw new TokenError(
        'invalid_grant',
        'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
      );
    }
    const writes = mayWrite(String(claim.scope ?? ''));
    if (writes === undefined)
      throw new TokenError('invalid_scope', 'Invalid OAuth scope or ID token audience provided.');
    return { email: account.email, buckets: account.buckets, mayWrite: writes };
  }
}

function parse(part: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
  } catch {
    throw new TokenError('invalid_grant', 'Invalid JWT: not well formed.');
  }
}
