import { AppError } from '../../../core/errors.ts';
import type { CopyRequest, WriteResult } from '../../provider.ts';
import { encodeValue } from '../endpoint.ts';
import { notGcs } from './errors.ts';
import { checkBucketName, jsonPath } from './names.ts';
import {
  digestsOf,
  generationOf,
  type ObjectResource,
  objectFields,
  requiredGeneration,
  toResource,
  versionOf,
} from './properties.ts';
import type { GcsRest } from './rest.ts';

interface Rewritten {
  kind?: string;
  done?: boolean;
  rewriteToken?: string;
  resource?: ObjectResource;
}

/**
 * "Objects: rewrite", again and again until it is done. The object appears with the last answer. Without the SDK, whose
 * `copy` repeats neither precondition nor metadata in the requests after the first.
 */
export async function rewrite(rest: GcsRest, request: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
  const { offer, container, key, metadata, precondition } = request;
  checkBucketName(container);
  const sourceGeneration = generationOf(offer.version);
  const query = {
    sourceGeneration,
    ifSourceGenerationMatch: sourceGeneration,
    ifGenerationMatch: requiredGeneration(precondition),
    fields: `kind,done,rewriteToken,resource(${objectFields})`,
  };
  const path = `${jsonPath(offer.container, offer.key)}/rewriteTo/b/${container}/o/${encodeValue(key)}`;
  const body = Buffer.from(JSON.stringify(toResource(metadata)));
  const headers = { 'content-type': 'application/json; charset=UTF-8' };
  let rewriteToken: string | undefined;
  for (;;) {
    const answer = await rest
      .json<Rewritten>({ method: 'POST', path, query: { ...query, rewriteToken }, headers, body, signal })
      .catch((error) => {
        // Nothing else of this request can be missing.
        const isGone = error instanceof AppError && error.code === 'OBJECT_NOT_FOUND';
        throw isGone ? new AppError('OBJECT_CHANGED', 'The source is not there any more.', { cause: error }) : error;
      });
    if (answer.kind !== 'storage#rewriteResponse') throw notGcs();
    if (answer.done === true && answer.resource !== undefined) {
      const { generation, crc32c, md5Hash } = answer.resource;
      return { version: versionOf(generation), digests: digestsOf(crc32c, md5Hash) };
    }
    rewriteToken = answer.rewriteToken;
    if (rewriteToken === undefined) throw notGcs();
  }
}
