import { createHash, randomBytes } from 'node:crypto';
import type { KnownApp } from './identities.ts';
import { TokenError } from './token-error.ts';

/** RFC 6749, 4.1.2, recommends ten minutes at most; Google names no time. */
const CODE_LIFE_MS = 10 * 60 * 1000;

/** What the sign-in page shows instead of asking: https://developers.google.com/identity/protocols/oauth2/web-server#authorization-errors */
export class ConsentError extends Error {
  readonly code: string;

  constructor(code: string, description: string) {
    super(description);
    this.name = 'ConsentError';
    this.code = code;
  }
}

/** What somebody let an app do. */
export interface Consent {
  readonly email: string;
  readonly scope: string;
  /** Whether a refresh token goes with it. */
  readonly isLasting: boolean;
}

interface Code extends Consent {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string | undefined;
  readonly expiresAt: number;
}

/**
 * The sign-in page and the codes that it hands out, with PKCE by S256.
 * https://developers.google.com/identity/protocols/oauth2/web-server
 * https://developers.google.com/identity/protocols/oauth2/native-app#create-code-challenge
 */
export class Consents {
  readonly #apps: readonly KnownApp[];
  readonly #codes = new Map<string, Code>();
  /** Who has let which app in before. */
  readonly #known = new Set<string>();

  constructor(apps: readonly KnownApp[]) {
    this.#apps = apps;
  }

  /** The page, with the consent of `email` given at once: the address to send the browser to. @throws ConsentError */
  give(query: URLSearchParams, email: string): string {
    const app = this.#apps.find(({ clientId }) => clientId === query.get('client_id'));
    if (app === undefined) throw new ConsentError('invalid_client', 'The OAuth client was not found.');
    const redirectUri = query.get('redirect_uri') ?? '';
    // "The value must exactly match one of the authorized redirect URIs for the OAuth 2.0 client."
    if (!app.redirectUris?.includes(redirectUri)) {
      throw new ConsentError('redirect_uri_mismatch', 'The redirect URI is not one of those that the app has.');
    }
    const scope = query.get('scope') ?? '';
    if (query.get('response_type') !== 'code') throw new ConsentError('invalid_request', 'Invalid response_type.');
    if (scope === '') throw new ConsentError('invalid_request', 'Missing required parameter: scope');
    const challenge = query.get('code_challenge') ?? undefined;
    if (challenge !== undefined && query.get('code_challenge_method') !== 'S256') {
      throw new ConsentError('invalid_request', 'Invalid code_challenge_method: only S256 is offered here.');
    }
    // A refresh token comes with the first consent alone, unless the app has it asked for again (`prompt`).
    const who = `${app.clientId} ${email}`;
    const asksAnew = !this.#known.has(who) || query.get('prompt')?.split(' ').includes('consent') === true;
    this.#known.add(who);
    const code = `4/0${randomBytes(32).toString('base64url')}`;
    this.#codes.set(code, {
      clientId: app.clientId,
      redirectUri,
      challenge,
      email,
      scope,
      isLasting: query.get('access_type') === 'offline' && asksAnew,
      expiresAt: Date.now() + CODE_LIFE_MS,
    });
    const target = new URL(redirectUri);
    const state = query.get('state');
    if (state !== null) target.searchParams.set('state', state);
    target.searchParams.set('code', code);
    target.searchParams.set('scope', scope);
    return target.href;
  }

  /** What a code of the app stands for. It works once, whatever comes of it. @throws TokenError */
  redeem(app: KnownApp, form: URLSearchParams): Consent {
    const code = form.get('code') ?? '';
    const known = this.#codes.get(code);
    this.#codes.delete(code);
    if (known === undefined || known.clientId !== app.clientId || known.expiresAt <= Date.now()) {
      throw new TokenError('invalid_grant', 'Malformed auth code.');
    }
    if (form.get('redirect_uri') !== known.redirectUri) throw new TokenError('redirect_uri_mismatch', 'Bad Request');
    const verifier = form.get('code_verifier');
    if (known.challenge !== undefined && verifier === null) {
      throw new TokenError('invalid_grant', 'Missing code verifier.');
    }
    if (known.challenge !== undefined && challengeOf(verifier ?? '') !== known.challenge) {
      throw new TokenError('invalid_grant', 'Invalid code verifier.');
    }
    return known;
  }
}

/** S256 of RFC 7636, 4.2. */
function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
