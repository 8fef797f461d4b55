import { GcsError } from './errors.ts';
import type { Operation } from './observer.ts';

export interface Route {
  readonly operation: Operation;
  /** Which form errors take. */
  readonly api: 'oauth' | 'json' | 'media' | 'xml';
  readonly bucket?: string | undefined;
  readonly name?: string | undefined;
  readonly destination?: { readonly bucket: string; readonly name: string } | undefined;
}

/**
 * Finds what a request is for. The JSON API lives below /storage/v1, /upload/storage/v1 and /download/storage/v1, the
 * XML API at /BUCKET/OBJECT (https://cloud.google.com/storage/docs/request-endpoints). @throws GcsError
 */
export function route(method: string, rawPath: string, query: URLSearchParams): Route {
  if (rawPath === '/o/oauth2/v2/auth' && method === 'GET') return { operation: 'authorize', api: 'oauth' };
  if (rawPath === '/token' && method === 'POST') return { operation: 'token', api: 'oauth' };
  if (rawPath === '/v1/userinfo' && method === 'GET') return { operation: 'userinfo', api: 'oauth' };
  if (rawPath.startsWith('/computeMetadata/v1/')) return { operation: 'metadata', api: 'oauth' };
  const json = /^\/(upload\/|download\/|resumable\/upload\/)?storage\/v1\/(.*)$/.exec(rawPath);
  if (json !== null) return jsonRoute(method, json[2] as string, query, json[1]);
  return xmlRoute(method, rawPath, query);
}

/** Names are one segment each, with their slashes percent-encoded. */
function jsonRoute(method: string, path: string, query: URLSearchParams, root: string | undefined): Route {
  const api = 'json';
  const [b, bucket, o, name, verb, ...rest] = path.split('/').map(decode);
  const found = (operation: Operation, more: Partial<Route> = {}): Route => ({ operation, api, bucket, name, ...more });
  if (b !== 'b') throw new GcsError('notFound');
  if (bucket === undefined || bucket === '') {
    if (method === 'GET') return found('buckets.list');
    if (method === 'POST') return found('buckets.insert');
  } else if (o === undefined) {
    if (method === 'GET') return found('buckets.get');
    if (method === 'DELETE') return found('buckets.delete');
  } else if (o === 'iam' && name === 'testPermissions' && method === 'GET') {
    return { operation: 'buckets.testIamPermissions', api, bucket };
  } else if (o === 'o' && (name === undefined || name === '')) {
    if (query.has('upload_id')) return found('objects.resume');
    if (method === 'GET') return found('objects.list');
    if (method === 'POST' && root !== undefined) return found('objects.insert');
  } else if (o === 'o' && verb === undefined) {
    if (method === 'GET' || method === 'HEAD') {
      return query.get('alt') === 'media' ? found('objects.download', { api: 'media' }) : found('objects.get');
    }
    if (method === 'DELETE') return found('objects.delete');
    if (method === 'PATCH' || method === 'PUT') return found('objects.patch');
  } else if (o === 'o' && verb === 'compose' && method === 'POST') {
    return found('objects.compose');
  } else if (o === 'o' && (verb === 'rewriteTo' || verb === 'copyTo') && rest[0] === 'b' && rest[2] === 'o') {
    const destination = { bucket: rest[1] as string, name: rest[3] ?? '' };
    return found(verb === 'copyTo' ? 'objects.copy' : 'objects.rewrite', { destination });
  }
  throw new GcsError('notFound');
}

function xmlRoute(method: string, rawPath: string, query: URLSearchParams): Route {
  const [, rawBucket = '', rawName] = /^\/([^/]*)(?:\/(.*))?$/s.exec(rawPath) ?? [];
  const found = (operation: Operation): Route => ({
    operation,
    api: 'xml',
    bucket: decode(rawBucket),
    name: decode(rawName ?? ''),
  });
  if (!rawName && method === 'GET' && query.has('uploads')) return found('xml.listUploads');
  if (rawName === undefined || rawName === '') throw new GcsError('notImplemented');
  const isUpload = query.has('uploadId');
  switch (method) {
    case 'GET':
      return found(isUpload ? 'xml.listParts' : 'xml.get');
    case 'HEAD':
      return found('xml.head');
    case 'PUT':
      return found(isUpload ? 'xml.putPart' : 'xml.put');
    case 'DELETE':
      return found(isUpload ? 'xml.abort' : 'xml.delete');
    case 'POST':
      if (query.has('uploads')) return found('xml.initiate');
      if (isUpload) return found('xml.complete');
  }
  throw new GcsError('methodNotAllowed');
}

function decode(component: string): string {
  try {
    return decodeURIComponent(component);
  } catch {
    throw new GcsError('invalid', 'The name is not valid UTF-8.');
  }
}
