import { hashHeaders, receive, receiveContent, receiveText, verifyHashes } from '../body.ts';
import { GcsError } from '../errors.ts';
import { type Exchange, header, requireBucket, requireName } from '../exchange.ts';
import { checkPreconditions, queryConditions } from '../preconditions.ts';
import { attributesOf, objectResource, parseJson } from '../resource.ts';
import { sendEmpty, sendJson } from '../respond.ts';
import type { Content } from '../store/records.ts';
import { ResumableSession } from '../store/resumable.ts';
import { receiveRelated } from './related.ts';

const CHUNK_MULTIPLE = 256 * 1024;

/** https://cloud.google.com/storage/docs/json_api/v1/objects/insert */
export async function insertObject(exchange: Exchange): Promise<void> {
  switch (exchange.query.get('uploadType')) {
    case 'media':
      return insertMedia(exchange);
    case 'multipart':
      return insertMultipart(exchange);
    case 'resumable':
      return beginSession(exchange);
    default:
      throw new GcsError('invalid', 'Invalid value for uploadType.');
  }
}

async function insertMedia(exchange: Exchange): Promise<void> {
  const content = await receiveContent(exchange);
  await finish(exchange, exchange.query.get('name'), { contentType: header(exchange, 'content-type') }, content);
}

async function insertMultipart(exchange: Exchange): Promise<void> {
  const { metadata, contentType, content } = await receiveRelated(exchange);
  const resource = { contentType, ...parseJson(metadata) };
  await finish(exchange, (resource as { name?: string }).name ?? exchange.query.get('name'), resource, content);
}

async function finish(
  exchange: Exchange,
  name: string | null | undefined,
  resource: Record<string, unknown>,
  content: Content,
): Promise<void> {
  const bucket = requireBucket(exchange);
  const key = requireName(name);
  verifyHashes(content, hashHeaders(exchange));
  verifyHashes(content, claimed(resource));
  checkPreconditions(exchange.store.find(bucket, key), queryConditions(exchange.query));
  const record = exchange.store.put(bucket, key, attributesOf(resource), content);
  await sendJson(exchange, objectResource(exchange, record));
}

function claimed(resource: Record<string, unknown>) {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return { crc32c: text(resource.crc32c), md5: text(resource.md5Hash) };
}

/** https://cloud.google.com/storage/docs/performing-resumable-uploads#initiate-session */
async function beginSession(exchange: Exchange): Promise<void> {
  const { store, settings, query } = exchange;
  const resource = parseJson(await receiveText(exchange));
  const bucket = requireBucket(exchange);
  const name = requireName((resource as { name?: string }).name ?? query.get('name'));
  const type = header(exchange, 'x-upload-content-type');
  const session = new ResumableSession({
    id: store.freshToken(),
    bucket,
    name,
    attributes: attributesOf({ ...(type === undefined ? {} : { contentType: type }), ...resource }),
    query: new URLSearchParams(query),
    expected: claimed(resource),
    expiresAt: Date.now() + settings.sessionLifetimeMs,
  });
  checkPreconditions(store.find(bucket, name), queryConditions(query));
  store.sessions.set(session.id, session);
  const path = `${exchange.target.split('?')[0]}?uploadType=resumable&upload_id=${session.id}`;
  sendEmpty(exchange, 200, { location: exchange.origin + path, 'x-guploader-uploadid': session.id });
}

/**
 * A chunk, a question for the state, or the end of a session; the URL is the permission.
 * https://cloud.google.com/storage/docs/performing-resumable-uploads
 */
export async function resumeSession(exchange: Exchange): Promise<void> {
  const { store, query } = exchange;
  const session = store.sessions.get(query.get('upload_id') ?? '');
  if (session === undefined) throw new GcsError('noSuchUpload');
  if (session.expiresAt <= Date.now()) {
    store.sessions.delete(session.id);
    throw new GcsError('gone', 'The upload session has expired.');
  }
  if (exchange.method === 'DELETE') {
    store.sessions.delete(session.id);
    sendEmpty(exchange, 499);
    return;
  }
  const range = contentRange(exchange, session.size);
  const pieces: Buffer[] = [];
  let received = 0;
  await receive(exchange, (piece) => {
    pieces.push(piece);
    received += piece.length;
  });
  if (range.start !== undefined) {
    if (range.start !== session.size) {
      throw new GcsError('invalid', 'Invalid request. The chunk does not begin where the last one ended.');
    }
    if (range.end !== undefined && received !== range.end - range.start) {
      throw new GcsError('invalid', 'Invalid request. The body is not as long as Content-Range says.');
    }
    if (range.total === undefined && received % CHUNK_MULTIPLE !== 0) {
      throw new GcsError(
        'invalid',
        'Invalid request. The number of bytes uploaded is required to be equal or greater than 262144, except for the final request, and a multiple of it.',
      );
    }
    session.append(pieces);
  }
  if (range.total === undefined || session.size < range.total) {
    const kept = session.size === 0 ? {} : { range: `bytes=0-${session.size - 1}` };
    // Google's client for Go, which rclone has, asks not to be answered with a redirection, and reads this header.
    const isPlain = header(exchange, 'x-guploader-no-308') === 'yes';
    sendEmpty(exchange, isPlain ? 200 : 308, { ...kept, ...(isPlain ? { 'x-http-status-code-override': '308' } : {}) });
    return;
  }
  const content = session.finish();
  store.sessions.delete(session.id);
  verifyHashes(content, session.expected);
  verifyHashes(content, hashHeaders(exchange));
  checkPreconditions(store.find(session.bucket, session.name), queryConditions(session.query));
  const record = store.put(session.bucket, session.name, session.attributes, content);
  await sendJson(exchange, objectResource(exchange, record));
}

/** `bytes 0-99/100`, `bytes 0-99/*`; a star for the range where no data comes; without the header all that is missing. */
function contentRange(exchange: Exchange, at: number): { start?: number; end?: number; total?: number } {
  const text = header(exchange, 'content-range');
  if (text === undefined) {
    return { start: at, total: at + Number(header(exchange, 'content-length') ?? 0) };
  }
  const [, first, last, total] = /^bytes (?:(\d+)-(\d+|\*)|\*)\/(\d+|\*)$/.exec(text) ?? [];
  if (total === undefined) throw new GcsError('invalid', 'Invalid Content-Range.');
  return {
    ...(first === undefined ? {} : { start: Number(first) }),
    ...(last === undefined || last === '*' ? {} : { end: Number(last) + 1 }),
    ...(total === '*' ? {} : { total: Number(total) }),
  };
}
