import { receiveText } from '../body.ts';
import { GcsError } from '../errors.ts';
import { type Exchange, requireBucket, requireName } from '../exchange.ts';
import { checkPreconditions, queryConditions } from '../preconditions.ts';
import { attributesOf, objectResource, parseJson } from '../resource.ts';
import { sendJson } from '../respond.ts';
import type { ObjectRecord } from '../store/records.ts';
import { pickAttributes } from './objects.ts';

const WEEK_MS = 7 * 24 * 3600_000;

interface Copy {
  readonly source: ObjectRecord;
  readonly bucket: string;
  readonly name: string;
  readonly resource: Record<string, unknown>;
}

async function beginCopy(exchange: Exchange): Promise<Copy> {
  const { store, query, destination } = exchange;
  const resource = parseJson(await receiveText(exchange));
  const from = requireBucket(exchange);
  const bucket = requireBucket(exchange, destination?.bucket);
  const source = store.require(from, requireName(exchange.name), query.get('sourceGeneration'));
  const name = requireName(destination?.name);
  checkPreconditions(source, queryConditions(query, 'ifSource'));
  checkPreconditions(store.find(bucket, name), queryConditions(query));
  return { source, bucket, name, resource };
}

const ATTRIBUTES = /^(content\w+|cacheControl|customTime|storageClass|metadata)$/;

/** Without a resource in the request the metadata of the source goes along, with one only what it holds. */
function finishCopy({ store }: Exchange, { source, bucket, name, resource }: Copy): ObjectRecord {
  const isEmpty = !Object.keys(resource).some((field) => ATTRIBUTES.test(field));
  return store.put(bucket, name, isEmpty ? pickAttributes(source) : attributesOf(resource), source);
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects/copy */
export async function copyObject(exchange: Exchange): Promise<void> {
  const copy = await beginCopy(exchange);
  await sendJson(exchange, objectResource(exchange, finishCopy(exchange, copy)));
}

/**
 * https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite: a piece a request, until it is done. A token is
 * good for a week and for the same source and destination only.
 */
export async function rewriteObject(exchange: Exchange): Promise<void> {
  const { store, query, settings } = exchange;
  const copy = await beginCopy(exchange);
  const { source, bucket, name } = copy;
  const from = `${source.bucket}/${source.name}#${source.generation}`;
  const to = `${bucket}/${name}`;
  const token = query.get('rewriteToken');
  const known = token === null ? undefined : store.rewrites.get(token);
  if (token !== null) {
    if (known === undefined || known.source !== from || known.destination !== to) {
      throw new GcsError('invalid', 'Invalid rewrite token: it is for another source or destination.');
    }
    if (Date.now() - known.begun > WEEK_MS) throw new GcsError('gone', 'The rewrite token has expired.');
  }
  const rewrite = known ?? {
    token: store.freshToken(),
    source: from,
    destination: to,
    resource: copy.resource,
    begun: Date.now(),
    bytesRewritten: 0,
  };
  // A piece is a whole number of MiB, at least one.
  const asked = Number(query.get('maxBytesRewrittenPerCall') ?? settings.rewriteBytes);
  if (asked < 1024 * 1024 || asked % (1024 * 1024) !== 0) {
    throw new GcsError('invalid', 'maxBytesRewrittenPerCall must be an integral multiple of 1 MiB (1048576).');
  }
  rewrite.bytesRewritten = Math.min(source.size, rewrite.bytesRewritten + Math.min(asked, settings.rewriteBytes));
  const done = rewrite.bytesRewritten === source.size;
  // Requests after the first may leave the resource out.
  const whole = { ...copy, resource: rewrite.resource };
  if (done) store.rewrites.delete(rewrite.token);
  else store.rewrites.set(rewrite.token, rewrite);
  await sendJson(exchange, {
    kind: 'storage#rewriteResponse',
    totalBytesRewritten: String(rewrite.bytesRewritten),
    objectSize: String(source.size),
    done,
    ...(done ? { resource: objectResource(exchange, finishCopy(exchange, whole)) } : { rewriteToken: rewrite.token }),
  });
}
