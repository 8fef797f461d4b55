import type { RequestContext } from './context.ts';
import { ClientGoneError } from './errors.ts';
import { applyToDocument, applyToDownload, applyToHeaders, reset } from './faults.ts';

export type ResponseHeaders = Record<string, string | number>;

/** Bytes handed to the socket in one system call where they come in small pieces. */
const BATCH_BYTES = 1024 * 1024;

/** Sends a complete answer without a body. */
export function sendEmpty(context: RequestContext, status: number, headers: ResponseHeaders = {}): void {
  const { response } = context;
  loseAnswerIfPlanned(context);
  response.writeHead(status, {
    ...applyToHeaders(context.fault, headers),
    'x-amz-request-id': context.requestId,
    ...(status === 204 || status === 304 ? {} : { 'content-length': headers['content-length'] ?? 0 }),
  });
  response.end();
}

export async function sendXml(
  context: RequestContext,
  xml: string,
  options: { status?: number; headers?: ResponseHeaders } = {},
): Promise<void> {
  const body = Buffer.from(applyToDocument(context.fault, xml), 'utf8');
  await sendBody(
    context,
    options.status ?? 200,
    { 'content-type': 'application/xml', ...options.headers },
    body.length,
    [body],
  );
}

/**
 * Sends an answer whose body of `length` bytes comes from `body`, at the pace of the client.
 * @throws ClientGoneError when the connection closes before the end
 */
export async function sendBody(
  context: RequestContext,
  status: number,
  headers: ResponseHeaders,
  length: number,
  body: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<void> {
  const { response } = context;
  loseAnswerIfPlanned(context);
  response.writeHead(status, {
    ...applyToHeaders(context.fault, headers),
    'x-amz-request-id': context.requestId,
    'content-length': length,
  });
  if (context.fault !== undefined) {
    await writePieces(context, applyToDownload(context.fault, context, body), 0);
  } else {
    await writePieces(context, body, BATCH_BYTES);
  }
  response.end();
}

/**
 * Writes pieces at the pace of the client, in batches of at least so many bytes, and smaller ones where the next piece
 * takes longer than a turn of the event loop.
 */
async function writePieces(
  context: RequestContext,
  pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
  batchBytes: number,
): Promise<void> {
  const { response } = context;
  let batch = 0;
  const send = () => {
    if (batch === 0) return;
    batch = 0;
    response.uncork();
  };
  for await (const piece of pieces) {
    if (batch === 0) {
      response.cork();
      setImmediate(send);
    }
    context.bytes.sent += piece.length;
    batch += piece.length;
    const isFull = !response.write(piece);
    if (batch >= batchBytes) {
      send();
      if (isFull) {
        await drained(context);
      }
    }
  }
  send();
}

function loseAnswerIfPlanned(context: RequestContext): void {
  if (context.fault?.kind === 'loseAnswer') {
    throw reset(context);
  }
}

function drained({ response }: RequestContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (isGone: boolean) => {
      response.off('drain', onDrain);
      response.off('close', onClose);
      if (isGone) {
        reject(new ClientGoneError());
      } else {
        resolve();
      }
    };
    const onDrain = () => settle(false);
    const onClose = () => settle(true);
    response.on('drain', onDrain);
    response.on('close', onClose);
    if (response.destroyed) {
      settle(true);
    }
  });
}
