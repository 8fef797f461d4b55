import type { IncomingMessage, ServerResponse } from 'node:http';
import { ClientGoneError } from '../s3/errors.ts';
import { element, wrap } from '../s3/xml.ts';
import type { Identity } from './auth/identities.ts';
import { verifySignedUrl } from './auth/signed-url.ts';
import type { TokenAuthority } from './auth/tokens.ts';
import { GcsError, jsonError } from './errors.ts';
import type { Exchange, Settings } from './exchange.ts';
import { applyOnArrival, type FaultPlan } from './faults.ts';
import * as buckets from './json/buckets.ts';
import * as copies from './json/copies.ts';
import * as objects from './json/objects.ts';
import * as uploads from './json/uploads.ts';
import { authorize, exchangeToken, serveMetadata, serveUserInfo } from './oauth.ts';
import type { Observer, Operation, RequestInfo } from './observer.ts';
import { type Route, route } from './router.ts';
import type { Store } from './store/store.ts';
import * as xmlObjects from './xml/objects.ts';
import * as xmlUploads from './xml/uploads.ts';

const HANDLERS: Readonly<Record<Operation, (exchange: Exchange) => Promise<void>>> = {
  authorize,
  token: exchangeToken,
  metadata: serveMetadata,
  userinfo: serveUserInfo,
  'buckets.list': buckets.listBuckets,
  'buckets.get': buckets.getBucket,
  'buckets.insert': buckets.insertBucket,
  'buckets.delete': buckets.deleteBucket,
  'buckets.testIamPermissions': buckets.testPermissions,
  'objects.list': objects.listObjects,
  'objects.get': objects.getObject,
  'objects.download': objects.downloadObject,
  'objects.insert': uploads.insertObject,
  'objects.resume': uploads.resumeSession,
  'objects.delete': objects.deleteObject,
  'objects.patch': objects.patchObject,
  'objects.compose': objects.composeObject,
  'objects.rewrite': copies.rewriteObject,
  'objects.copy': copies.copyObject,
  'xml.get': xmlObjects.getObject,
  'xml.head': xmlObjects.getObject,
  'xml.put': xmlObjects.putObject,
  'xml.delete': xmlObjects.deleteObject,
  'xml.initiate': xmlUploads.initiateUpload,
  'xml.putPart': xmlUploads.putPart,
  'xml.listParts': xmlUploads.listParts,
  'xml.listUploads': xmlUploads.listUploads,
  'xml.complete': xmlUploads.completeUpload,
  'xml.abort': xmlUploads.abortUpload,
};

const READS: ReadonlySet<Operation> = new Set<Operation>([
  'userinfo',
  'buckets.list',
  'buckets.get',
  'buckets.testIamPermissions',
  'objects.list',
  'objects.get',
  'objects.download',
  'xml.get',
  'xml.head',
  'xml.listParts',
  'xml.listUploads',
]);

/** Requests that need no caller: what gives out tokens, and sessions whose URL is the permission. */
const OPEN: ReadonlySet<Operation> = new Set<Operation>(['authorize', 'token', 'metadata', 'objects.resume']);

export interface HandlerOptions {
  readonly settings: Settings;
  readonly store: Store;
  readonly tokens: TokenAuthority;
  readonly faults: FaultPlan;
  readonly observer: Observer;
  /** Told of errors that are not the client's. */
  readonly onInternalError: (error: unknown) => void;
}

/** The whole life of a request: address, authentication, operation, answer. */
export function createHandler(options: HandlerOptions) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    // Without a listener an aborted request would be an uncaught error.
    request.on('error', () => {});
    let found: Route | undefined;
    const onRoute = (value: Route) => {
      found = value;
    };
    handle(options, request, response, onRoute).catch(async (error: unknown) => {
      if (!(error instanceof GcsError || error instanceof ClientGoneError)) options.onInternalError(error);
      // Once an answer has begun it is too late for an error document: one that is cut off tells as much.
      if (error instanceof ClientGoneError || response.headersSent) request.destroy();
      else await sendError(request, response, found, error);
    });
  };
}

async function handle(
  options: HandlerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  onRoute: (found: Route) => void,
): Promise<void> {
  const method = request.method as string;
  const target = request.url as string;
  const [rawPath = '', rawQuery = ''] = target.split('?');
  const query = new URLSearchParams(rawQuery);
  const found = route(method, rawPath, query);
  onRoute(found);
  const { operation, bucket, name, destination } = found;
  const partNumber = query.has('partNumber') ? Number(query.get('partNumber')) : undefined;
  const info: RequestInfo = { operation, method, bucket, name, partNumber, clientPort: request.socket.remotePort };
  const bytes = { received: 0, sent: 0 };
  response.once('close', () => {
    const status = response.writableFinished ? response.statusCode : undefined;
    options.observer.recordEnd({ ...info, status, bytesReceived: bytes.received });
  });
  const fault = options.faults.take(info);
  options.observer.recordArrival(info);
  const exchange: Exchange = {
    request,
    response,
    settings: options.settings,
    store: options.store,
    tokens: options.tokens,
    operation,
    method,
    origin: `http://${request.headers.host ?? 'localhost'}`,
    target,
    query,
    bucket,
    name,
    destination,
    fault,
    bytes,
    identity: { email: 'allUsers', mayWrite: false },
  };
  if (fault !== undefined) await applyOnArrival(fault, exchange);
  if (!OPEN.has(operation)) {
    exchange.identity = authenticate(options.tokens, exchange);
    if (!exchange.identity.mayWrite && !READS.has(operation)) {
      throw new GcsError('forbidden', 'Provided scope(s) are not authorized');
    }
  }
  await HANDLERS[operation](exchange);
}

/** @throws authError, forbidden */
function authenticate(tokens: TokenAuthority, { request, query, target, method }: Exchange): Identity {
  if (query.has('X-Goog-Signature')) return verifySignedUrl(tokens, method, target, request.headers);
  const [, token] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (token === undefined) {
    throw new GcsError(
      'authError',
      'Anonymous caller does not have storage.objects access to the Google Cloud Storage object.',
    );
  }
  const identity = tokens.identify(token);
  if (identity === undefined) {
    throw new GcsError('authError', undefined, {
      'www-authenticate': 'Bearer realm="https://accounts.google.com/", error="invalid_token"',
    });
  }
  return identity;
}

async function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  found: Route | undefined,
  error: unknown,
): Promise<void> {
  const failure = error instanceof GcsError ? error : new GcsError('internalError');
  const [type, body] = errorDocument(failure, found?.api ?? 'json');
  // Many clients read the answer only once they have sent everything; a reset before would hide it from them.
  await drain(request);
  const isBare = request.method === 'HEAD' || failure.status === 304;
  response.writeHead(failure.status, {
    ...(isBare ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
    'x-guploader-uploadid': 'emulated',
    server: 'UploadServer',
    ...failure.headers,
  });
  response.end(isBare ? undefined : body);
}

/** JSON, XML, or for downloads by the JSON API the bare message. */
function errorDocument(failure: GcsError, api: Route['api']): [string, string] {
  if (api === 'media') return ['text/html; charset=UTF-8', failure.message];
  if (api !== 'xml') return ['application/json; charset=UTF-8', JSON.stringify(jsonError(failure))];
  const content = [element('Code', failure.code), element('Message', failure.message)];
  return ['application/xml; charset=UTF-8', `<?xml version='1.0' encoding='UTF-8'?>${wrap('Error', ...content)}`];
}

/** Reads and forgets what is left of a request. */
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
