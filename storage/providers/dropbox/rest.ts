import { Readable } from 'node:stream';
import { AppError } from '../../../core/errors.ts';
import type { HttpResponse } from '../../http.ts';
import { eachPiece } from '../../pieces.ts';
import type { UploadBody } from '../../provider.ts';
import { type ByteRange, discardBody, plainBody, rangeHeader } from '../body.ts';
import { DropboxRefusal, notDropbox } from './errors.ts';
import type { FileFacts } from './properties.ts';
import type { Transport } from './transport.ts';

/** Answers to uploads are short. */
const maxAnswerBytes = 64 * 1024;

/** An argument as it stands in a header: JSON with everything beyond ASCII escaped ("JSON encoding" in the reference). */
function headerSafeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export interface UploadCall {
  route: 'files/upload_session/start' | 'files/upload_session/append_v2';
  argument: Record<string, unknown>;
  body: UploadBody;
  /** Refusals that are as good as a success. The body is read to its end then too. */
  isFine?: (refusal: DropboxRefusal) => boolean;
  signal: AbortSignal;
}

/** The calls that carry bytes. The SDK would hold a whole download in memory. */
export class DropboxRest {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Sends bytes; the answer's JSON, or undefined after a refusal that is fine. */
  async upload({ route, argument, body, isFine, signal }: UploadCall): Promise<unknown> {
    try {
      const { body: answer } = await this.#transport.send({
        host: 'content',
        path: `/2/${route}`,
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': String(body.sizeBytes),
          'dropbox-api-arg': headerSafeJson(argument),
        },
        body: plainBody(body),
        signal,
      });
      return JSON.parse(await answer.text(maxAnswerBytes));
    } catch (error) {
      if (error instanceof DropboxRefusal && isFine?.(error)) {
        await readOut(body);
        return undefined;
      }
      discardBody(body);
      if (error instanceof SyntaxError) {
        throw notDropbox();
      }
      throw error;
    }
  }

  /** The body is still to be read. `range` is of at least one byte. */
  async download(request: {
    path: string;
    headers: Record<string, string>;
    range?: ByteRange | undefined;
    signal: AbortSignal;
  }): Promise<{ response: HttpResponse; facts: FileFacts }> {
    const { path, headers, range, signal } = request;
    const response = await this.#transport.send({
      host: 'content',
      path: '/2/files/download',
      headers: {
        ...headers,
        'dropbox-api-arg': headerSafeJson({ path }),
        ...(range === undefined ? {} : { range: rangeHeader(range) }),
      },
      signal,
    });
    try {
      return { response, facts: JSON.parse(response.headers['dropbox-api-result'] ?? '') as FileFacts };
    } catch {
      response.body.destroy();
      throw notDropbox();
    }
  }
}

/** Reads what is left of a body, so that its digests are known. Fails as the body does. */
async function readOut({ source }: UploadBody): Promise<void> {
  if (!(source instanceof Readable) || source.readableEnded) return;
  if (source.destroyed) throw new AppError('PROVIDER_UNAVAILABLE', 'Dropbox answered before it had read everything.');
  await eachPiece(source, () => {});
}
