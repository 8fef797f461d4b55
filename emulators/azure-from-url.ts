import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AzuriteServer } from './azure.ts';
import type { EntraServer } from './entra.ts';

/**
 * Stands before Azurite and does what it lacks. Everything else is passed on untouched, as a stream.
 *
 * - Put Block From URL and Put Blob From URL, from any source on this machine: Azurite answers the second with an error
 *   and reads the first from itself only. Who may do so is left to Azurite, which sees the request first. Conditions,
 *   ranges, MD5s of the source and `x-ms-copy-source-blob-properties` hold as the reference says.
 *   https://learn.microsoft.com/rest/api/storageservices/put-block-from-url
 *   https://learn.microsoft.com/rest/api/storageservices/put-blob-from-url
 * - Tokens of Microsoft Entra over plain HTTP, and Get User Delegation Key for them: Azurite wants TLS for both.
 *   https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
 *   https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key
 * - A shared access signature without the permission `t` writes no tags: Azurite takes them.
 *   https://learn.microsoft.com/rest/api/storageservices/put-blob
 * - On demand the answer that the account has a hierarchical namespace; it behaves as a flat one all the same.
 *   https://learn.microsoft.com/rest/api/storageservices/get-account-information
 *
 * What it does not do: roles and rights of tokens (they may do everything), sources elsewhere than on the loopback
 * interface, redirects of sources (the service follows none either), CRC64 of sources, `x-ms-copy-source-authorization`.
 */
export interface AzureFromUrlOptions {
  /** Whose tokens are taken. Absent: none are. */
  entra?: EntraServer;
  /** What Get Account Information says. Default: false. */
  hierarchicalNamespace?: boolean;
  /** Told of every request, before anything is done. */
  onRequest?: (request: IncomingMessage) => void;
}

/** Starts Azurite's front on a free port of 127.0.0.1. `close` stops both. */
export async function startAzureFromUrl(
  azurite: AzuriteServer,
  options: AzureFromUrlOptions = {},
): Promise<AzuriteServer> {
  const target = new URL(azurite.endpoint);
  const handler = new Front(azurite, target, options);
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    handler.handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  target.port = String((server.address() as AddressInfo).port);
  return {
    ...azurite,
    endpoint: target.href.replace(/\/$/, ''),
    async close() {
      server.closeAllConnections();
      server.close();
      await azurite.close();
    },
  };
}

/** Parameters of a shared access signature, which the request's own does not keep when ours takes its place. */
const sasParameters = /^(s[vertps]|ss|srt|sip|spr|sig|si|sdd|sk\w+|saoid|suoid|scid|ses|rsc[cdelt])$/;
const dropped = /^(authorization|host|content-length|x-ms-date|x-ms-copy-source.*|x-ms-source-.*|connection)$/;

class Front {
  readonly #azurite: AzuriteServer;
  readonly #origin: string;
  readonly #options: AzureFromUrlOptions;
  readonly #sas: string;

  constructor(azurite: AzuriteServer, target: URL, options: AzureFromUrlOptions) {
    this.#azurite = azurite;
    this.#origin = target.origin;
    this.#options = options;
    this.#sas = accountSas(azurite);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#options.onRequest?.(request);
    const url = new URL(request.url as string, this.#origin);
    const { authorization } = request.headers;
    if (request.headers['x-ms-tags'] !== undefined && !(url.searchParams.get('sp') ?? 't').includes('t')) {
      request.resume();
      const why = 'This request is not authorized to perform this operation using this permission.';
      refuse(response, 403, 'AuthorizationPermissionMismatch', why);
      return;
    }
    let path = request.url as string;
    if (authorization?.startsWith('Bearer ')) {
      if (!this.#options.entra?.isValid(authorization.slice('Bearer '.length))) {
        request.resume();
        refuse(response, 401, 'InvalidAuthenticationInfo', 'Server failed to authenticate the request.');
        return;
      }
      if (url.searchParams.get('comp') === 'userdelegationkey') {
        await this.#answerDelegationKey(request, response);
        return;
      }
      delete request.headers.authorization;
      path += `${url.search === '' ? '?' : '&'}${this.#sas}`;
    }
    const source = request.headers['x-ms-copy-source'];
    const isBlock = url.searchParams.get('comp') === 'block';
    const isBlob = url.searchParams.get('comp') === null && request.headers['x-ms-blob-type'] === 'BlockBlob';
    if (request.method === 'PUT' && typeof source === 'string' && (isBlock || isBlob)) {
      await this.#putFromUrl(request, response, url, path, source);
    } else {
      await this.#pass(request, response, path);
    }
  }

  async #pass(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const upstream = send(this.#origin + path, { method: request.method as string, headers: { ...request.headers } });
    response.on('close', () => upstream.destroy());
    const answered = once(upstream, 'response') as Promise<[IncomingMessage]>;
    const sending = pipeline(request, upstream);
    const [answer] = await Promise.race([answered, sending.then(() => answered)]);
    if (this.#options.hierarchicalNamespace && answer.headers['x-ms-is-hns-enabled'] !== undefined) {
      answer.headers['x-ms-is-hns-enabled'] = 'true';
    }
    response.writeHead(answer.statusCode as number, answer.headers);
    response.flushHeaders();
    await pipeline(answer, response);
  }

  async #putFromUrl(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    path: string,
    source: string,
  ): Promise<void> {
    request.resume();
    // Azurite authenticates before it finds that it cannot do this.
    const first = await exchange(this.#origin + path, request);
    const cannot = first.status >= 500 || first.headers['x-ms-error-code'] === 'CannotVerifyCopySource';
    if (!cannot) {
      response.writeHead(first.status, first.headers).end(first.body);
      return;
    }
    const found = await openSource(source, request).catch(() => undefined);
    if (found === undefined || !found.ok || found.body === null) {
      await found?.body?.cancel();
      const isCondition = found?.status === 412 || found?.status === 304;
      if (isCondition) refuse(response, 412, 'SourceConditionNotMet', 'The source condition is not met.');
      else refuse(response, failed(found?.status), 'CannotVerifyCopySource', 'The copy source cannot be verified.');
      return;
    }
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !dropped.test(name)));
    const md5 = request.headers['x-ms-source-content-md5'];
    if (md5 !== undefined) headers['content-md5'] = md5;
    if (request.headers['x-ms-copy-source-blob-properties'] !== 'false') {
      for (const name of ['content-type', 'content-language', 'content-disposition', 'cache-control']) {
        const value = found.headers.get(name);
        if (value !== null) headers[`x-ms-blob-${name}`] ??= value;
      }
    }
    headers['content-length'] = found.headers.get('content-length') as string;
    const query = [...url.searchParams].filter(([name]) => !sasParameters.test(name));
    const own = query.map(([name, value]) => `${name}=${encodeURIComponent(value)}&`).join('');
    const put = send(`${this.#origin}${url.pathname}?${own}${this.#sas}`, { method: 'PUT', headers });
    response.on('close', () => put.destroy());
    const answered = once(put, 'response') as Promise<[IncomingMessage]>;
    try {
      await Promise.race([
        answered,
        pipeline(Readable.fromWeb(found.body as import('node:stream/web').ReadableStream), put),
      ]);
    } catch {
      answered.catch(() => {});
      refuse(response, 400, 'CannotVerifyCopySource', 'The copy source ended before it was read.');
      return;
    }
    const [answer] = await answered;
    response.writeHead(answer.statusCode as number, answer.headers);
    await pipeline(answer, response);
  }

  /** The key as Azurite makes it, which it verifies signatures with. */
  async #answerDelegationKey(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let document = '';
    for await (const chunk of request) document += chunk;
    const [start, expiry] = ['Start', 'Expiry'].map((name) => new RegExp(`<${name}>([^<]*)`).exec(document)?.[1] ?? '');
    const { getUserDelegationKeyValue } = createRequire(import.meta.url)('azurite/dist/src/blob/utils/utils.js') as {
      getUserDelegationKeyValue(...parts: (string | undefined)[]): string;
    };
    const { clientId, tenantId } = this.#options.entra as EntraServer;
    const version = '2021-12-02';
    const value = getUserDelegationKeyValue(clientId, tenantId, start, expiry, version);
    const answer = `<?xml version="1.0" encoding="utf-8"?><UserDelegationKey><SignedOid>${clientId}</SignedOid><SignedTid>${tenantId}</SignedTid><SignedStart>${start}</SignedStart><SignedExpiry>${expiry}</SignedExpiry><SignedService>b</SignedService><SignedVersion>${version}</SignedVersion><Value>${value}</Value></UserDelegationKey>`;
    response.writeHead(200, { 'content-type': 'application/xml', 'x-ms-request-id': this.#azurite.accountName });
    response.end(answer);
  }
}

/** The status that the source gave, where it refused. */
function failed(status: number | undefined): number {
  return status !== undefined && status >= 400 && status < 500 ? status : 400;
}

async function exchange(url: string, { method, headers }: IncomingMessage) {
  const upstream = send(url, { method: method as string, headers: { ...headers, 'content-length': '0' } }).end();
  const [answer] = (await once(upstream, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { status: answer.statusCode as number, headers: answer.headers, body: Buffer.concat(chunks) };
}

function openSource(source: string, { headers }: IncomingMessage): Promise<Response> {
  const { hostname } = new URL(source);
  if (!/^(127\.\d+\.\d+\.\d+|localhost)$/.test(hostname)) throw new Error('Only sources on this machine.');
  const asked: Record<string, string> = { 'accept-encoding': 'identity' };
  for (const [name, given] of [
    ['range', 'x-ms-source-range'],
    ['if-match', 'x-ms-source-if-match'],
    ['if-none-match', 'x-ms-source-if-none-match'],
    ['if-modified-since', 'x-ms-source-if-modified-since'],
    ['if-unmodified-since', 'x-ms-source-if-unmodified-since'],
  ] as const) {
    const value = headers[given];
    if (typeof value === 'string') asked[name] = value;
  }
  return fetch(source, { headers: asked, redirect: 'manual' });
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  const document = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, {
    'content-type': 'application/xml',
    'x-ms-error-code': code,
    'x-ms-request-id': 'front',
  });
  response.end(document);
}

/** A signature that may do everything. https://learn.microsoft.com/rest/api/storageservices/create-account-sas */
function accountSas({ accountName, accountKey }: AzuriteServer): string {
  const [version, expiry, permissions] = ['2019-12-12', '2099-01-01T00:00:00Z', 'rwdlacupt'];
  const toSign = `${[accountName, permissions, 'b', 'sco', '', expiry, '', '', version].join('\n')}\n`;
  const signature = createHmac('sha256', Buffer.from(accountKey, 'base64')).update(toSign).digest('base64');
  return `sv=${version}&ss=b&srt=sco&sp=${permissions}&se=${encodeURIComponent(expiry)}&sig=${encodeURIComponent(signature)}`;
}
