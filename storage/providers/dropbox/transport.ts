import { Readable } from 'node:stream';
import { AppError } from '../../../core/errors.ts';
import type { AccessToken, AccessTokens } from '../../access-tokens.ts';
import type { CredentialsOf } from '../../credentials.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../http.ts';
import { parseEndpoint } from '../endpoint.ts';
import { assertFromDropbox, DropboxRefusal, dropboxError, notDropbox } from './errors.ts';

/** Errors are short; what is longer is none. */
const maxErrorBytes = 64 * 1024;

export interface DropboxRequest {
  host: 'api' | 'content';
  /** Such as `/2/files/upload`. */
  path: string;
  headers: Record<string, string>;
  body?: HttpRequest['body'];
  signal: AbortSignal;
}

interface Address {
  origin: string;
  basePath: string;
}

/** Carries every request of one account: to the right host, with an access token that is good. */
export class Transport {
  readonly #http: HttpClient;
  readonly #tokens: AccessTokens;
  readonly #credentials: CredentialsOf<'dropbox'>;
  readonly #addresses: Record<DropboxRequest['host'], Address>;

  /** Throws ENDPOINT_INVALID. */
  constructor(http: HttpClient, tokens: AccessTokens, credentials: CredentialsOf<'dropbox'>) {
    const { endpoint } = credentials;
    this.#http = http;
    this.#tokens = tokens;
    this.#credentials = credentials;
    this.#addresses = {
      api: parseEndpoint(endpoint ?? 'https://api.dropboxapi.com'),
      content: parseEndpoint(endpoint ?? 'https://content.dropboxapi.com'),
    };
  }

  /** Where the account is: copies are offered within one such place only. */
  get store(): string {
    return this.#addresses.api.origin;
  }

  /** Resolves for 2xx, with the body still to be read; everything else is an AppError. */
  async send(request: DropboxRequest): Promise<HttpResponse> {
    for (let attempt = 1; ; attempt++) {
      const token = await this.#tokens.get((signal) => this.#refresh(signal), request.signal);
      const response = await this.#post(request, token);
      if (response.status >= 200 && response.status < 300) {
        assertFromDropbox(response.headers);
        return response;
      }
      const error = await toError(response);
      const isStale =
        error instanceof DropboxRefusal && (error.has('expired_access_token') || error.has('invalid_access_token'));
      if (!isStale) throw error;
      this.#tokens.refused(token);
      if (attempt > 1) throw error;
      if (request.body instanceof Readable) {
        // Its bytes are gone; who calls sends them again.
        throw new AppError('PROVIDER_UNAVAILABLE', 'The access token had ended. The next attempt gets a fresh one.');
      }
    }
  }

  #post({ host, path, headers, body, signal }: DropboxRequest, token: string): Promise<HttpResponse> {
    const { origin, basePath } = this.#addresses[host];
    return this.#http.send({
      method: 'POST',
      origin,
      path: basePath + path,
      headers: { ...headers, authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body }),
      signal,
    });
  }

  /** RFC 6749, 6. A grant that was made with PKCE needs no secret of the app (Dropbox's OAuth guide, "Refresh tokens"). */
  async #refresh(signal: AbortSignal): Promise<AccessToken> {
    const { origin, basePath } = this.#addresses.api;
    const { refreshToken, appKey } = this.#credentials;
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: appKey,
    });
    const response = await this.#http.send({
      method: 'POST',
      origin,
      path: `${basePath}/oauth2/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(form.toString()),
      signal,
    });
    const text = await response.body.text(maxErrorBytes);
    const answer = parseObject(text);
    if (response.status === 200 && typeof answer?.access_token === 'string') {
      const lifeSeconds = typeof answer.expires_in === 'number' ? answer.expires_in : 14_400;
      return { token: answer.access_token, expiresAt: new Date(Date.now() + lifeSeconds * 1000) };
    }
    if (answer?.error === 'invalid_grant') {
      throw new AppError(
        'CREDENTIALS_INVALID',
        'The access to this Dropbox account has ended or was taken back. Connect the account again.',
      );
    }
    if (answer?.error === 'invalid_client') {
      throw new AppError('CREDENTIALS_INVALID', 'Dropbox does not know the app. Check its key, then connect again.');
    }
    if (response.status === 200) {
      throw notDropbox();
    }
    throw dropboxError({ ...response, text });
  }
}

async function toError({ status, headers, body }: HttpResponse): Promise<AppError> {
  let text = '';
  try {
    text = await body.text(maxErrorBytes);
  } catch (error) {
    if (error instanceof AppError && error.code === 'CANCELLED') return error;
  }
  return dropboxError({ status, headers, text });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
