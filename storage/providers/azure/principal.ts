import { AppError, type ErrorCode } from '../../../core/errors.ts';
import type { RefreshToken } from '../../access-tokens.ts';
import { retryAfterMs } from '../../http/errors.ts';
import type { HttpClient, HttpResponse } from '../../http.ts';
import { type Endpoint, encodeValue, parseEndpoint } from '../endpoint.ts';
import type { AzureCredentials } from './access.ts';

/** Rights on all that the principal may reach in Azure Storage. */
const scope = 'https://storage.azure.com/.default';
const maxAnswerBytes = 64 * 1024;

/**
 * Signs a service principal in by its secret ("Microsoft identity platform and the OAuth 2.0 client credentials flow").
 * Throws CREDENTIALS_INVALID, THROTTLED, PROVIDER_UNAVAILABLE, ENDPOINT_*.
 */
export function createPrincipal(credentials: AzureCredentials, endpoint: Endpoint, http: HttpClient): RefreshToken {
  const { tenantId = '', clientId = '', clientSecret = '' } = credentials;
  const authority = parseEndpoint(credentials.authority ?? authorityOf(endpoint));
  return async (signal) => {
    const body = Buffer.from(
      new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
        scope,
      }).toString(),
    );
    const response = await http.send({
      method: 'POST',
      origin: authority.origin,
      path: `${authority.basePath}/${encodeValue(tenantId)}/oauth2/v2.0/token`,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(body.length),
        accept: 'application/json',
      },
      body,
      signal,
    });
    const answer = await answerOf(response);
    const seconds = Number(answer.expires_in);
    if (response.status === 200 && typeof answer.access_token === 'string' && seconds > 0) {
      return { token: answer.access_token, expiresAt: new Date(Date.now() + seconds * 1000) };
    }
    throw refusal(response, answer);
  };
}

/** Each of Azure's clouds has a directory of its own ("National clouds" of the identity platform's documentation). */
function authorityOf({ hostname }: Endpoint): string {
  if (hostname.endsWith('.usgovcloudapi.net')) return 'https://login.microsoftonline.us';
  if (hostname.endsWith('.chinacloudapi.cn')) return 'https://login.chinacloudapi.cn';
  return 'https://login.microsoftonline.com';
}

async function answerOf({ body }: HttpResponse): Promise<Record<string, unknown>> {
  const text = await body.text(maxAnswerBytes);
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function refusal({ status, headers }: HttpResponse, answer: Record<string, unknown>): AppError {
  const retryAfter = retryAfterMs(headers['retry-after']);
  const fault = (code: ErrorCode, message: string) =>
    new AppError(code, message, retryAfter === undefined ? {} : { retryAfterMs: retryAfter });
  if (status === 429) return fault('THROTTLED', 'Microsoft Entra asks to slow down.');
  if (status >= 500) return fault('PROVIDER_UNAVAILABLE', 'Microsoft Entra has a problem of its own.');
  if (typeof answer.error !== 'string') {
    return fault('ENDPOINT_INVALID', 'Where the service principal signs in, no directory answers.');
  }
  // Of the description only its code is told: the rest may repeat what was sent.
  const reason = /^AADSTS\d{1,9}/.exec(String(answer.error_description ?? ''))?.[0] ?? `status ${status}`;
  return fault(
    'CREDENTIALS_INVALID',
    `Microsoft Entra refused the service principal. Check tenant id, client id and the secret, of which its value counts and not its id. (${reason})`,
  );
}
