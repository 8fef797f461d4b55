import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The part of Microsoft Entra that gives tokens to services, for one directory with one application: client credentials
 * with a secret, as
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow describes them. Tokens are opaque
 * here and live an hour; errors carry the codes that Entra's do.
 */
export interface EntraServer {
  /** http://127.0.0.1:PORT */
  endpoint: string;
  tenantId: string;
  clientId: string;
  clientSecret: string;
  isValid(token: string): boolean;
  /** Makes all tokens invalid that were given so far. */
  revoke(): void;
  /** How many tokens were asked for. */
  requests(): number;
  /** Answers the next request with this status and nothing more. */
  failNext(status: number, headers?: Record<string, string>): void;
  close(): Promise<void>;
}

const scope = 'https://storage.azure.com/.default';
const lifeSeconds = 3600;

export async function startEntra(application: {
  tenantId: string;
  clientId: string;
  clientSecret: string;
}): Promise<EntraServer> {
  const tokens = new Set<string>();
  let requests = 0;
  let failure: { status: number; headers: Record<string, string> } | undefined;

  /** Refusals in the order in which Entra looks at things. */
  function refusal(path: string, form: URLSearchParams): [status: number, error: string, code: string] | undefined {
    if (path !== `/${application.tenantId}/oauth2/v2.0/token`) return [400, 'invalid_request', 'AADSTS90002'];
    if (form.get('grant_type') !== 'client_credentials') return [400, 'unsupported_grant_type', 'AADSTS70003'];
    if (form.get('client_id') !== application.clientId) return [400, 'unauthorized_client', 'AADSTS700016'];
    if (form.get('client_secret') !== application.clientSecret) return [401, 'invalid_client', 'AADSTS7000215'];
    if (form.get('scope') !== scope) return [400, 'invalid_scope', 'AADSTS70011'];
    return undefined;
  }

  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    requests += 1;
    if (failure) {
      response.writeHead(failure.status, failure.headers).end();
      failure = undefined;
      return;
    }
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
    const [path = ''] = (request.url ?? '').split('?');
    const refused = refusal(path, new URLSearchParams(text));
    if (refused) {
      const [status, error, code] = refused;
      answer(status, { error, error_description: `${code}: Refused.`, error_codes: [Number(code.slice(6))] });
      return;
    }
    const token = randomUUID();
    tokens.add(token);
    answer(200, { token_type: 'Bearer', expires_in: lifeSeconds, ext_expires_in: lifeSeconds, access_token: token });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...application,
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    isValid: (token) => tokens.has(token),
    revoke: () => tokens.clear(),
    requests: () => requests,
    failNext(status, headers = {}) {
      failure = { status, headers };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
