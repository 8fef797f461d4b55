import type { CopyOffer, CopyRequest, WriteResult } from '../../provider.ts';
import { encodeValue } from '../endpoint.ts';
import { sourceChanged } from '../offers.ts';
import { isUnmetPin, notGcs } from './errors.ts';
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
      .catch(async (error: unknown) => {
        throw (await isAboutSource(rest, offer, error, signal)) ? sourceChanged(error) : error;
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

/** Whether a refusal means the source: both sides have a precondition, and the answer does not tell which was not met. */
async function isAboutSource(
  rest: GcsRest,
  { container, key, version }: CopyOffer,
  refusal: unknown,
  signal: AbortSignal,
): Promise<boolean> {
  if (!isUnmetPin(refusal)) return false;
  const query = { fields: 'generation', ifGenerationMatch: generationOf(version) };
  try {
    await rest.json({ method: 'GET', path: jsonPath(container, key), query, signal });
    return false;
  } catch (error) {
    if (isUnmetPin(error)) return true;
    throw error;
  }
}
