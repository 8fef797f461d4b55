import { Readable } from 'node:stream';
import { AppError } from '../../core/errors.ts';
import type { Capabilities } from '../capabilities.ts';
import type { HttpRequest, HttpResponse } from '../http.ts';
import type { Precondition, PutPartRequest, UploadBody, Version } from '../provider.ts';

/** The body as it goes over the wire when nothing is put around it. */
export function plainBody({ source }: UploadBody): NonNullable<HttpRequest['body']> {
  if (source instanceof Readable) return source;
  return source.length === 1 ? (source[0] as Uint8Array) : source;
}

/** Closes what a body reads from; for calls that fail before or while they send it. A source that stalls would stay otherwise. */
export function discardBody({ source }: UploadBody): void {
  if (source instanceof Readable) source.destroy();
}

/** A call that takes a body, and closes it when it fails, before it sends anything too. */
export async function closing<T>(body: UploadBody, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    discardBody(body);
    throw error;
  }
}

/**
 * A call that sends a part, with its body closed when it fails. Throws INVALID_INPUT, before anything is sent, for a
 * number or a size beyond what the capabilities say.
 */
export function sendingPart<T>(
  { write }: Capabilities,
  { partNumber, body }: PutPartRequest,
  send: () => Promise<T>,
): Promise<T> {
  return closing(body, () => {
    if (partNumber < 1 || partNumber > write.maxParts) {
      throw new AppError('INVALID_INPUT', `Parts have numbers from 1 to ${write.maxParts}.`);
    }
    if (body.sizeBytes > write.partMaxBytes) {
      throw new AppError('INVALID_INPUT', `A part has at most ${write.partMaxBytes} bytes.`);
    }
    return send();
  });
}

export interface ByteRange {
  start: number;
  end: number;
}

/** Value of a Range header (RFC 9110, 14.2) for a half-open range of at least one byte. */
export function rangeHeader({ start, end }: ByteRange): string {
  return `bytes=${start}-${end - 1}`;
}

/** Size of the whole object that an answer is about, from Content-Range or Content-Length. */
export function objectSize(headers: Record<string, string>): number {
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1] ?? headers['content-length'];
  if (total === undefined) {
    throw new AppError('ENDPOINT_INVALID', 'The endpoint does not say how long its answer is, as storage services do.');
  }
  return Number(total);
}

/**
 * Makes the body of an answer fail unless it is exactly what was asked for. Throws OBJECT_CHANGED, and drops the
 * answer, when the object does not have the range any more.
 */
export function expectRange({ status, headers, body }: HttpResponse, range: ByteRange | undefined): void {
  const size = objectSize(headers);
  if (range === undefined) {
    body.expect(size);
    return;
  }
  const whole = status === 200 && range.start === 0 && range.end === size;
  if (!whole && headers['content-range'] !== `bytes ${range.start}-${range.end - 1}/${size}`) {
    body.destroy();
    throw new AppError('OBJECT_CHANGED', `The object does not have the bytes ${range.start} to ${range.end} any more.`);
  }
  body.expect(range.end - range.start);
}

/** Throws NOT_SUPPORTED for a precondition where the store is not declared to honour it. */
export function requireConditional(isHonoured: boolean, precondition: Precondition | undefined): void {
  if (precondition === undefined || isHonoured) return;
  throw new AppError('NOT_SUPPORTED', 'The store does not hold this kind of write to preconditions.');
}

/** Headers of a precondition that names the state by its ETag. */
export function conditionHeaders(precondition: Precondition | undefined): Record<string, string> {
  return {
    ...(precondition?.ifAbsent ? { 'if-none-match': '*' } : {}),
    ...(precondition?.ifMatch ? { 'if-match': requireEtag(precondition.ifMatch) } : {}),
  };
}

/** INVALID_INPUT without one: a write that is to be held to it would be held to nothing. */
export function requireEtag({ etag }: Version): string {
  if (etag !== undefined) return etag;
  throw new AppError('INVALID_INPUT', 'The version of an object at this cloud must hold its ETag.');
}

/** Rejects with NOT_SUPPORTED, for an ability that is not declared. */
export function unsupported(what: string): Promise<never> {
  return Promise.reject(new AppError('NOT_SUPPORTED', `This cloud does not offer ${what}.`));
}
