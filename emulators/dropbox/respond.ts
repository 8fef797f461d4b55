import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Blob, slice } from './blob.ts';
import { ApiError, ClientGoneError } from './errors.ts';
import { applyToDownload, type FaultAction, reset } from './faults.ts';
import type { Download } from './service.ts';

/** Dropbox numbers all its answers. */
const requestId = () => ({ 'x-dropbox-request-id': randomBytes(16).toString('hex') });

export function sendJson(response: ServerResponse, value: unknown, status = 200, headers = {}): void {
  const body = JSON.stringify(value ?? null);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...requestId(),
    ...headers,
  });
  response.end(body);
}

export function sendText(response: ServerResponse, body: string, status: number, headers = {}): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...requestId(),
    ...headers,
  });
  response.end(body);
}

/** JSON for headers: https://www.dropbox.com/developers/documentation/http/documentation#json-encoding */
function headerSafeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly fault: FaultAction | undefined;
}

export function sendDownload({ download, ...exchange }: Exchange & { download: Download }): Promise<void> {
  const { metadata, blob } = download;
  const headers = { 'dropbox-api-result': headerSafeJson(metadata), etag: `W/"${metadata.rev}"` };
  return sendBlob({ ...exchange, blob, headers });
}

/** With one range, 206; a range beyond the end is 416. Several ranges are as none. */
export async function sendBlob(exchange: Exchange & { blob: Blob; headers: Record<string, string> }): Promise<void> {
  const { request, response, fault, blob } = exchange;
  const [start, end] = rangeOf(request.headers.range, blob.size) ?? [0, blob.size];
  const isPartial = start !== 0 || end !== blob.size || rangeOf(request.headers.range, blob.size) !== undefined;
  response.writeHead(isPartial ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': end - start,
    'accept-ranges': 'bytes',
    ...(isPartial ? { 'content-range': `bytes ${start}-${end - 1}/${blob.size}` } : {}),
    ...requestId(),
    ...exchange.headers,
  });
  const pieces = slice(blob, start, end);
  for await (const piece of fault === undefined ? pieces : applyToDownload(fault, request, response, pieces)) {
    if (response.destroyed) throw new ClientGoneError();
    if (!response.write(piece)) await drained(response);
  }
  if (fault?.kind === 'loseAnswer') throw reset(request);
  response.end();
}

/** Half-open. @throws ApiError 416 */
function rangeOf(header: string | undefined, size: number): [number, number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const last = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  const range: [number, number] =
    match[1] === '' ? [Math.max(0, size - Number(match[2])), size] : [Number(match[1]), last + 1];
  if (range[0] >= size) {
    throw new ApiError(416, 'The requested range is not satisfiable', { 'content-range': `bytes */${size}` });
  }
  return range;
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
