import { Dropbox, type DropboxResponse } from 'dropbox';
import { AppError } from '../../../core/errors.ts';
import { notDropbox } from './errors.ts';
import type { Transport } from './transport.ts';

/** Largest answer that is read for the SDK: a page of 2,000 entries or a thousand results is far below. */
const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * The vendor's client for control calls. Its requests go through our connections, so that address policy, time-outs and
 * closing hold for them too. It is given no token: the transport adds one that is shared by all processes.
 */
export function createDropboxClient(transport: Transport): Dropbox {
  return new Dropbox({ fetch: (url: string, init: FetchOptions) => fetchThrough(transport, url, init) });
}

/** What the SDK passes to `fetch` for calls of the RPC style. */
interface FetchOptions {
  headers: Record<string, string>;
  body: string | null;
  signal?: AbortSignal;
}

async function fetchThrough(transport: Transport, address: string, init: FetchOptions): Promise<Response> {
  const url = new URL(address);
  const { status, headers, body } = await transport.send({
    host: url.hostname.startsWith('content.') ? 'content' : 'api',
    path: url.pathname + url.search,
    headers: init.headers,
    ...(init.body === null ? {} : { body: Buffer.from(init.body) }),
    signal: init.signal ?? new AbortController().signal,
  });
  return new Response(await body.text(maxAnswerBytes), { status, headers });
}

/** Runs one call of the SDK and translates what it throws. */
export async function callSdk<T>(call: () => Promise<DropboxResponse<T>>): Promise<T> {
  try {
    const { result } = await call();
    if (typeof result === 'string') throw new Error('The answer is not JSON.');
    return result;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw notDropbox(error);
  }
}
