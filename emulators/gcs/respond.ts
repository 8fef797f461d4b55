import { ClientGoneError } from '../s3/errors.ts';
import { applyToDownload, reset } from '../s3/faults.ts';
import type { Exchange } from './exchange.ts';

export type ResponseHeaders = Record<string, string | number | string[]>;

/** Sends a JSON document. */
export async function sendJson(exchange: Exchange, document: object, headers: ResponseHeaders = {}, status = 200) {
  const body = Buffer.from(JSON.stringify(document));
  const type = { 'content-type': 'application/json; charset=UTF-8' };
  await sendBody(exchange, status, { ...type, ...headers }, body.length, [body]);
}

export async function sendXml(exchange: Exchange, document: string, headers: ResponseHeaders = {}) {
  const body = Buffer.from(document);
  const type = { 'content-type': 'application/xml; charset=UTF-8' };
  await sendBody(exchange, 200, { ...type, ...headers }, body.length, [body]);
}

export function sendEmpty(exchange: Exchange, status: number, headers: ResponseHeaders = {}): void {
  loseAnswerIfPlanned(exchange);
  exchange.response.writeHead(status, {
    ...common(exchange),
    ...(status === 204 || status === 304 ? {} : { 'content-length': 0 }),
    ...headers,
  });
  exchange.response.end();
}

/** Sends a body at the pace of the client; without a length, in chunks. @throws ClientGoneError */
export async function sendBody(
  exchange: Exchange,
  status: number,
  headers: ResponseHeaders,
  length: number | undefined,
  body: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<void> {
  const { response, bytes } = exchange;
  loseAnswerIfPlanned(exchange);
  response.writeHead(status, {
    ...common(exchange),
    ...headers,
    ...(length === undefined ? {} : { 'content-length': length }),
  });
  const { fault } = exchange;
  const pieces = fault === undefined ? body : applyToDownload(fault, exchange, body);
  for await (const piece of pieces) {
    bytes.sent += piece.length;
    if (!response.write(piece)) await drained(exchange);
  }
  response.end();
}

function common({ bytes }: Exchange): ResponseHeaders {
  return { 'x-guploader-uploadid': `emulated-${bytes.received}`, server: 'UploadServer' };
}

function loseAnswerIfPlanned(exchange: Exchange): void {
  if (exchange.fault?.kind === 'loseAnswer') throw reset(exchange);
}

function drained({ response }: Exchange): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      response.off('drain', settle);
      response.off('close', settle);
      if (response.destroyed) reject(new ClientGoneError());
      else resolve();
    };
    response.on('drain', settle);
    response.on('close', settle);
    if (response.destroyed) settle();
  });
}
