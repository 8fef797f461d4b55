import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authenticator } from './auth/authenticator.ts';
import { hasBody, receiveText } from './body.ts';
import type { RequestContext, ServerSettings } from './context.ts';
import { ClientGoneError, S3Error } from './errors.ts';
import { applyOnArrival, type FaultPlan } from './faults.ts';
import { toText } from './keys.ts';
import type { Observer, RequestInfo } from './observer.ts';
import { HANDLERS } from './operations/index.ts';
import { type Operation, route } from './router.ts';
import type { Store } from './store/store.ts';
import { parseTarget } from './target.ts';
import { element, wrap } from './xml.ts';

export interface HandlerOptions {
  readonly settings: ServerSettings;
  readonly store: Store;
  readonly authenticator: Authenticator;
  readonly faults: FaultPlan;
  readonly observer: Observer;
  /** The domain under which bucket names are host names. */
  readonly domain: string;
  /** Told of errors that are not the client's. */
  readonly onInternalError: (error: unknown) => void;
}

export type RequestHandler = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => void;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly expectation: RequestContext['expectation'];
}

/** Operations that take the body of the request themselves. */
const TAKES_BODY: ReadonlySet<Operation> = new Set<Operation>([
  'CreateBucket',
  'DeleteObjects',
  'PutBucketVersioning',
  'PutObject',
  'PutObjectTagging',
  'UploadPart',
  'CompleteMultipartUpload',
]);

const MAXIMUM_IGNORED_BODY_BYTES = 1024 * 1024;

/** The whole life of a request: address, authentication, operation, answer. */
export function createHandler(options: HandlerOptions): RequestHandler {
  let sequence = 0;
  return (request, response, expectsContinue) => {
    sequence += 1;
    const requestId = sequence.toString(16).toUpperCase().padStart(16, '0');
    const exchange: Exchange = { request, response, requestId, expectation: { isPending: expectsContinue } };
    // Without a listener an aborted request would be an uncaught error.
    request.on('error', () => {});
    handle(options, exchange).catch(async (error: unknown) => {
      if (!(error instanceof S3Error || error instanceof ClientGoneError)) {
        options.onInternalError(error);
      }
      // Once an answer has begun it is too late for an error document: one shorter than its Content-Length tells as much.
      if (error instanceof ClientGoneError || response.headersSent) {
        request.socket.destroySoon();
      } else {
        await sendError(exchange, error);
      }
    });
  };
}

async function handle(options: HandlerOptions, exchange: Exchange): Promise<void> {
  const { request, response, requestId } = exchange;
  const method = request.method as string;
  const target = parseTarget(request.url as string, request.headers.host ?? '', options.domain);
  const signed = { method, rawPath: target.rawPath, rawQuery: target.rawQuery, headers: request.headers };
  const authentication = options.authenticator.authenticate(signed, target.query);
  const isTagging = target.query.has('tagging') || request.headers['x-amz-tagging'] !== undefined;
  const key = target.key === undefined ? undefined : toText(target.key);
  options.authenticator.authorize(authentication, { method, bucket: target.bucket, key }, isTagging);
  const isCopy = request.headers['x-amz-copy-source'] !== undefined || target.query.has('x-amz-copy-source');
  const operation = route(method, target, isCopy);
  const info: RequestInfo = {
    requestId,
    method,
    operation,
    bucket: target.bucket,
    key,
    partNumber: target.query.has('partNumber') ? Number(target.query.get('partNumber')) : undefined,
    accessKeyId: authentication.claim.accessKeyId,
    clientPort: request.socket.remotePort,
  };
  const bytes = { received: 0, sent: 0 };
  response.once('close', () => {
    const status = response.writableFinished ? response.statusCode : undefined;
    options.observer.recordEnd(info, { status, bytesReceived: bytes.received, bytesSent: bytes.sent });
  });
  const fault = options.faults.take(info);
  options.observer.recordArrival(info);
  const context: RequestContext = {
    settings: options.settings,
    store: options.store,
    ...exchange,
    method,
    operation,
    target,
    authentication,
    fault,
    bytes,
  };
  if (fault !== undefined) {
    await applyOnArrival(fault, context);
  }
  if (!TAKES_BODY.has(operation)) {
    await verifyIgnoredBody(context);
  }
  await HANDLERS[operation](context);
}

const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** A body that an operation has no use for is part of the signed request all the same. */
async function verifyIgnoredBody(context: RequestContext): Promise<void> {
  const { payloadHash } = context.authentication.claim;
  if (hasBody(context.request)) {
    await receiveText(context, MAXIMUM_IGNORED_BODY_BYTES);
  } else if (/^[0-9a-f]{64}$/.test(payloadHash) && payloadHash !== EMPTY_SHA256) {
    throw new S3Error('XAmzContentSHA256Mismatch', undefined, {
      details: { ClientComputedContentSHA256: payloadHash, S3ComputedContentSHA256: EMPTY_SHA256 },
    });
  }
}

const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
async function sendError({ request, response, requestId, expectation }: Exchange, error: unknown): Promise<void> {
  const failure = error instanceof S3Error ? error : new S3Error('InternalError');
  const body =
    XML_DECLARATION +
    wrap(
      'Error',
      element('Code', failure.code),
      element('Message', failure.message),
      ...Object.entries(failure.details).map(([name, value]) => element(name, value)),
      element('Resource', (request.url as string).split('?')[0]),
      element('RequestId', requestId),
      element('HostId', 'skyferry'),
    );
  if (hasBody(request) && !expectation.isPending) {
    // Many clients read the answer only once they have sent everything; a reset before would hide it from them. Where
    // the client still waits for `100 Continue`, Node ends the connection after the answer.
    await drain(request);
  }
  const region = failure.details.Region;
  // The answer to a HEAD has no body and so no error code: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
  const isHead = request.method === 'HEAD';
  response.writeHead(failure.status, {
    'x-amz-request-id': requestId,
    ...(region === undefined ? {} : { 'x-amz-bucket-region': region }),
    ...(isHead ? {} : { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) }),
    ...failure.headers,
  });
  response.end(isHead ? undefined : body);
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
