import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../core/errors.ts';
import { terminalStates } from '../live/transfer-feed.ts';
import { type DocumentName, documents, downloadsPrefix } from '../reports/documents.ts';
import { receiptOf } from '../reports/receipt.ts';
import { reportText } from '../reports/report.ts';
import type { Services } from '../services.ts';
import { ownTransfer } from '../types/transfer.ts';
import { type Caller, sendError, sendWrongMethod, signedIn } from './caller.ts';

/** A caller that takes nothing for so long is cut off. */
const stallMs = 60_000;

/**
 * Answers with a document of one of the caller's transfers. What is wrong before the first byte is told by status and
 * JSON, as GraphQL tells it. What goes wrong later breaks the connection, so that nobody takes a part for the whole.
 */
export async function answerDownload(
  services: Services,
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.setHeader('cache-control', 'no-store');
  try {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      sendWrongMethod(response, ['GET', 'HEAD']);
      return;
    }
    const { transfer, document, pieces } = await open(services, request, response, caller, gone.signal);
    const { name, type } = documents[document];
    const first = await pieces.next();
    response.writeHead(200, {
      'content-type': type,
      'content-disposition': `attachment; filename="skyferry-${transfer.id}-${name}"`,
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    await sendPieces(
      response,
      async function* () {
        if (!first.done) yield first.value;
        yield* pieces;
      },
      stallMs,
    );
  } catch (error) {
    if (gone.signal.aborted && !response.headersSent) return;
    if (response.headersSent) {
      caller.scope.log.warn({ err: error }, 'a download ended early');
      response.destroy();
      return;
    }
    sendError(response, error, caller);
  }
}

/**
 * Sends pieces as fast as the caller takes them. Rejects, with the connection broken, when a piece cannot be made, the
 * caller goes, or takes nothing for `stallMs`.
 */
export async function sendPieces(
  response: ServerResponse,
  pieces: () => AsyncGenerator<string, void>,
  stallMs: number,
): Promise<void> {
  response.setTimeout(stallMs, () => response.destroy());
  // One piece at a time: a stream of objects holds 16 by default.
  await pipeline(Readable.from(pieces(), { highWaterMark: 1 }), response);
}

/** Finds out who asks for what, and whether it is theirs and there. */
async function open(
  services: Services,
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
  signal: AbortSignal,
) {
  const context = await signedIn(services, request, response, caller, signal);
  const [path = ''] = (request.url ?? '').split('?', 1);
  const [id = '', fileName, ...more] = path.slice(`${downloadsPrefix}transfers/`.length).split('/');
  const document = (Object.keys(documents) as DocumentName[]).find((key) => documents[key].name === fileName);
  if (!path.startsWith(`${downloadsPrefix}transfers/`) || document === undefined || more.length > 0) {
    throw new AppError('NOT_FOUND', 'There is no such download.');
  }
  const { id: transferId } = await ownTransfer(context, id);
  const { db, keyring, publicUrl } = services;
  const select = { select: { name: true, provider: true, capabilities: true } };
  const transfer = await db.transfer.findUniqueOrThrow({
    where: { id: transferId },
    include: { sourceAccount: select, destinationAccount: select },
  });
  if (!terminalStates.includes(transfer.state)) {
    throw new AppError('CONFLICT', 'The transfer has not ended. Its report and receipt are made at its end.');
  }
  async function* receipt() {
    yield await receiptOf(db, keyring, transfer, publicUrl);
  }
  const pieces = document === 'RECEIPT' ? receipt() : reportText(db, transfer, publicUrl, document);
  return { transfer, document, pieces };
}
