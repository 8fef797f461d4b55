import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError, authError, badInput, ClientGoneError, RouteError, summaryOf } from './errors.ts';
import { applyOnArrival, applyToUpload, type FaultAction, type FaultPlan, reset } from './faults.ts';
import type { Observer, RequestInfo } from './observer.ts';
import { sendBlob, sendDownload, sendJson, sendText } from './respond.ts';
import { entryRoutes } from './routes/entries.ts';
import { listingRoutes } from './routes/listing.ts';
import { saveUrlRoutes } from './routes/save-url.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { userRoutes } from './routes/users.ts';
import type { Account, Call, Download, Route, Service } from './service.ts';
import type { Namespace } from './tree.ts';

/** "A single request should not upload more than 150 MiB." */
const MAXIMUM_UPLOAD_BYTES = 150 * 1024 * 1024;
const MAXIMUM_ARGUMENT_BYTES = 4 * 1024 * 1024;

const ROUTES: Readonly<Record<string, Route>> = {
  ...entryRoutes,
  ...listingRoutes,
  ...uploadRoutes,
  ...saveUrlRoutes,
  ...userRoutes,
};

export interface HandlerOptions {
  readonly service: Service;
  readonly faults: FaultPlan;
  readonly observer: Observer;
  /** Who consents at /oauth2/authorize. */
  readonly signedIn: () => Account;
  /** Told of errors that are not the client's. */
  readonly onInternalError: (error: unknown) => void;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
}

/** The whole life of a request: authentication, argument, operation, answer. */
export function createHandler(options: HandlerOptions): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    // Without a listener an aborted request would be an uncaught error.
    request.on('error', () => {});
    const exchange = { request, response, url: new URL(request.url as string, 'http://host') };
    handle(options, exchange).catch(async (error: unknown) => {
      if (error instanceof ClientGoneError || response.headersSent) {
        // Gone already when the connection was reset.
        request.socket?.destroySoon();
        return;
      }
      if (!(error instanceof ApiError || error instanceof RouteError)) options.onInternalError(error);
      await drain(request);
      sendError(response, error);
    });
  };
}

function handle(options: HandlerOptions, exchange: Exchange): Promise<void> {
  const { pathname } = exchange.url;
  if (pathname === '/oauth2/authorize') return authorize(options, exchange);
  if (pathname === '/oauth2/token') return exchangeToken(options, exchange);
  if (pathname.startsWith('/links/')) return followLink(options, exchange);
  return callRoute(options, exchange);
}

/** Plants the fault and tells the observer; the fault, past its arrival. */
async function arrive(
  { faults, observer }: HandlerOptions,
  { request, response }: Exchange,
  what: Pick<RequestInfo, 'route' | 'path' | 'argument'>,
): Promise<FaultAction | undefined> {
  const info = { ...what, clientPort: request.socket.remotePort };
  const fault = faults.take(info);
  response.once('close', () => {
    const status = response.writableFinished ? response.statusCode : undefined;
    observer.recordEnd({ ...info, status, bodyBytes: Number(request.headers['content-length'] ?? 0) });
  });
  observer.recordArrival(info);
  if (fault !== undefined) await applyOnArrival(fault, request);
  return fault;
}

async function authorize(options: HandlerOptions, exchange: Exchange): Promise<void> {
  const { searchParams } = exchange.url;
  await arrive(options, exchange, { route: 'oauth2/authorize', path: undefined, argument: undefined });
  const account = options.signedIn();
  const location = options.service.grants.authorize(searchParams, account.id, account.scopes);
  exchange.response.writeHead(302, { location }).end();
}

/** Parameters come in the body, or in the query as the SDK sends them. */
async function exchangeToken(options: HandlerOptions, exchange: Exchange): Promise<void> {
  const chunks = await receive(exchange.request, MAXIMUM_ARGUMENT_BYTES, undefined);
  const parameters = new URLSearchParams([
    ...exchange.url.searchParams,
    ...new URLSearchParams(Buffer.concat(chunks).toString()),
  ]);
  const argument = { grant_type: parameters.get('grant_type') };
  const fault = await arrive(options, exchange, { route: 'oauth2/token', path: undefined, argument });
  if (exchange.request.method !== 'POST') throw badInput('POST only');
  answer(exchange, fault, () => sendJson(exchange.response, options.service.grants.token(parameters)));
}

async function followLink(options: HandlerOptions, exchange: Exchange): Promise<void> {
  const { request, response, url } = exchange;
  const fault = await arrive(options, exchange, { route: 'links', path: undefined, argument: undefined });
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new ApiError(405, 'Method Not Allowed', { allow: 'GET' });
  const { links, now } = options.service;
  const link = links.get(url.pathname.slice('/links/'.length));
  if (link === undefined || link.expiresAt <= now()) throw new ApiError(410, 'The link has expired.');
  await sendBlob({ request, response, fault, blob: link.blob, headers: {} });
}

async function callRoute(options: HandlerOptions, exchange: Exchange): Promise<void> {
  const { request, url } = exchange;
  const name = url.pathname.startsWith('/2/') ? url.pathname.slice(3) : '';
  const route = Object.hasOwn(ROUTES, name) ? (ROUTES[name] as Route) : undefined;
  if (route === undefined) throw badInput(`Unknown API function: "${name}"`);
  if (request.method !== 'POST' && !(route.style === 'download' && request.method === 'GET')) {
    throw new ApiError(405, 'Method Not Allowed', { allow: 'POST' });
  }
  const { service } = options;
  const bearer = service.grants.authenticate(request.headers.authorization);
  const account = service.accounts.get(bearer.account) as Account;
  if (route.scope !== undefined && !bearer.scopes.includes(route.scope)) {
    throw authError('missing_scope', { required_scope: route.scope });
  }
  const early = route.style === 'rpc' ? await receiveArgument(request) : headerArgument(request, route.style);
  const argument = (early ?? {}) as Record<string, unknown>;
  const fault = await arrive(options, exchange, { route: name, path: pathIn(argument), argument });
  const root = rootOf(request, service, account);
  const chunks = route.style === 'upload' ? await receive(request, MAXIMUM_UPLOAD_BYTES, fault) : [];
  const call: Call = { service, account, token: bearer.token, root, argument, chunks, request, fault };
  const result = await route.run(call);
  if (fault?.kind === 'loseAnswer') throw reset(request);
  if (route.style === 'download') {
    await sendDownload({ request, response: exchange.response, fault, download: result as Download });
  } else {
    sendJson(exchange.response, result);
  }
}

function answer({ request }: Exchange, fault: FaultAction | undefined, send: () => void): void {
  if (fault?.kind === 'loseAnswer') throw reset(request);
  send();
}

/** For tests: `path` of an argument, or of its first entry. */
function pathIn(argument: Record<string, unknown>): string | undefined {
  const first = (argument.entries as Record<string, unknown>[] | undefined)?.[0];
  const place = argument.commit ?? first?.commit ?? first ?? argument;
  const { path, from_path: from } = place as { path?: string; from_path?: string };
  return path ?? from;
}

/** https://www.dropbox.com/developers/documentation/http/documentation#formats */
function headerArgument(request: IncomingMessage, style: 'upload' | 'download'): unknown {
  const type = (request.headers['content-type'] ?? '').split(';')[0];
  if (style === 'upload' && type !== 'application/octet-stream') {
    throw badInput(`Bad HTTP "Content-Type" header: "${type}". Expecting one of "application/octet-stream".`);
  }
  const text = request.headers['dropbox-api-arg'];
  if (typeof text !== 'string') throw badInput('Must provide HTTP header "Dropbox-API-Arg" or URL parameter "arg".');
  // "JSON for HTTP headers": characters from U+007F on are escaped, for headers hold no others.
  if (/[\u007f-\uffff]/.test(text)) {
    throw badInput('HTTP header "Dropbox-API-Arg": could not decode input as JSON: not ASCII');
  }
  return parse(text, 'HTTP header "Dropbox-API-Arg"');
}

async function receiveArgument(request: IncomingMessage): Promise<unknown> {
  const chunks = await receive(request, MAXIMUM_ARGUMENT_BYTES, undefined);
  const text = Buffer.concat(chunks).toString();
  if (text === '') return null;
  const type = (request.headers['content-type'] ?? '').split(';')[0];
  if (type !== 'application/json') {
    throw badInput(`Bad HTTP "Content-Type" header: "${type}". Expecting one of "application/json".`);
  }
  return parse(text, 'request body');
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badInput(`${what}: could not decode input as JSON`);
  }
}

/** Dropbox-API-Path-Root: https://developers.dropbox.com/dbx-team-files-guide @throws ApiError 422 */
function rootOf(request: IncomingMessage, service: Service, account: Account): Namespace {
  const header = request.headers['dropbox-api-path-root'];
  if (header === undefined) return account.home;
  const root = parse(String(header), 'HTTP header "Dropbox-API-Path-Root"') as Record<string, string>;
  const invalid = (tag: string, details: object = {}) =>
    new ApiError(422, { error_summary: `${tag}/...`, error: { '.tag': tag, ...details } });
  switch (root['.tag']) {
    case 'home':
      return account.home;
    case 'root':
      if (root.root === account.root.id) return account.root;
      throw invalid('invalid_root', {
        invalid_root: { '.tag': 'team', root_namespace_id: account.root.id, home_namespace_id: account.home.id },
      });
    case 'namespace_id': {
      const namespace = service.forest.namespaces.get(root.namespace_id ?? '');
      if (namespace === undefined) throw invalid('no_permission');
      return namespace;
    }
    default:
      throw badInput('HTTP header "Dropbox-API-Path-Root": unknown tag');
  }
}

/** @throws RouteError payload_too_large, ClientGoneError */
async function receive(request: IncomingMessage, maximum: number, fault: FaultAction | undefined): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      const piece = fault === undefined ? chunk : await applyToUpload(fault, request, chunk, size);
      size += piece.length;
      if (size > maximum) throw new RouteError({ '.tag': 'payload_too_large' });
      chunks.push(piece);
    }
  } catch (error) {
    throw error instanceof RouteError ? error : new ClientGoneError();
  }
  return chunks;
}

function sendError(response: ServerResponse, error: unknown): void {
  if (error instanceof RouteError) {
    sendJson(response, { error_summary: summaryOf(error.error), error: error.error }, 409);
  } else if (error instanceof ApiError) {
    if (typeof error.body === 'string') sendText(response, error.body, error.status, error.headers);
    else sendJson(response, error.body, error.status, error.headers);
  } else {
    sendText(response, 'Internal Server Error', 500);
  }
}

/** Reads and forgets what is left: many clients read the answer only once they have sent everything. */
function drain(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (request.complete || request.destroyed) {
      resolve();
      return;
    }
    request.once('end', resolve);
    request.once('close', resolve);
    request.resume();
  });
}
