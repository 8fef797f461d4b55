import type { BlobServiceClient, BlockBlobClient } from '@azure/storage-blob';
import { AppError } from '../../../core/errors.ts';
import type {
  BeginUploadRequest,
  CompleteUploadRequest,
  Location,
  PartReceipt,
  PutPartRequest,
  UploadSession,
  WriteResult,
} from '../../provider.ts';
import { requireEtag } from '../body.ts';
import { encodeHeaderValue } from '../metadata.ts';
import { hasTags, withTags } from '../tags.ts';
import { blockId, newSessionId, partNumberOf } from './blocks.ts';
import { checkContainerName } from './names.ts';
import { toAzureMetadata } from './properties.ts';
import type { BlobRest } from './rest.ts';
import { callSdk } from './sdk.ts';
import { writeTagsRemedy } from './tags.ts';

/** Uploads in blocks: each goes up by itself, and a list of them makes the blob ("Put Block", "Put Block List"). */
export class AzureUploads {
  readonly #rest: BlobRest;
  readonly #service: BlobServiceClient;

  constructor(rest: BlobRest, service: BlobServiceClient) {
    this.#rest = rest;
    this.#service = service;
  }

  /** Needs no request: the service begins an upload with its first block. */
  begin(request: BeginUploadRequest): UploadSession {
    checkContainerName(request.container);
    const { container, key, sizeBytes, metadata } = request;
    return { container, key, sizeBytes, metadata, id: newSessionId() };
  }

  async putPart(request: PutPartRequest, signal: AbortSignal): Promise<PartReceipt> {
    const { session, partNumber, body } = request;
    const md5 = body.digest('md5');
    const tag = blockId(session.id, partNumber, md5);
    const response = await this.#rest.send({
      method: 'PUT',
      container: session.container,
      key: session.key,
      query: { comp: 'block', blockid: tag },
      headers: { 'content-md5': Buffer.from(md5, 'hex').toString('base64') },
      body,
      signal,
    });
    await response.body.text(0);
    return { partNumber, sizeBytes: body.sizeBytes, tag, digests: { md5 } };
  }

  /** An upload without blocks and one whose blocks were dropped look alike here: both hold no parts. */
  async listParts(session: UploadSession, signal: AbortSignal): Promise<PartReceipt[]> {
    const blob = this.#blob(session);
    let blocks: { name: string; size: number }[];
    try {
      const answer = await callSdk(() => blob.getBlockList('uncommitted', { abortSignal: signal }));
      blocks = answer.uncommittedBlocks ?? [];
    } catch (error) {
      if (error instanceof AppError && error.code === 'OBJECT_NOT_FOUND') return [];
      throw error;
    }
    const parts: PartReceipt[] = [];
    for (const { name, size } of blocks) {
      const partNumber = partNumberOf(name, session.id);
      if (partNumber !== undefined) parts.push({ partNumber, sizeBytes: size, tag: name, digests: {} });
    }
    return parts.sort((a, b) => a.partNumber - b.partNumber);
  }

  /** Completing twice is a success. Uncommitted blocks of other uploads of the same blob are dropped by the service. */
  async complete(request: CompleteUploadRequest, signal: AbortSignal): Promise<WriteResult> {
    const { session, parts, digests, precondition } = request;
    const { metadata } = session;
    const blob = this.#blob(session);
    const tags = parts.map((part) => part.tag);
    try {
      const committing = callSdk(() =>
        blob.commitBlockList(tags, {
          abortSignal: signal,
          metadata: toAzureMetadata(metadata),
          ...(hasTags(metadata) ? { tags: metadata.tags } : {}),
          blobHTTPHeaders: {
            blobContentType: metadata.contentType ?? 'application/octet-stream',
            ...(metadata.contentEncoding === undefined ? {} : { blobContentEncoding: metadata.contentEncoding }),
            ...(metadata.contentLanguage === undefined ? {} : { blobContentLanguage: metadata.contentLanguage }),
            ...(metadata.contentDisposition === undefined
              ? {}
              : { blobContentDisposition: encodeHeaderValue(metadata.contentDisposition) }),
            ...(metadata.cacheControl === undefined ? {} : { blobCacheControl: metadata.cacheControl }),
            ...(digests.md5 === undefined ? {} : { blobContentMD5: Buffer.from(digests.md5, 'hex') }),
          },
          conditions: {
            ...(precondition?.ifAbsent ? { ifNoneMatch: '*' } : {}),
            ...(precondition?.ifMatch ? { ifMatch: requireEtag(precondition.ifMatch) } : {}),
          },
        }),
      );
      const answer = await withTags(metadata, writeTagsRemedy, committing);
      return { version: answer.etag === undefined ? {} : { etag: answer.etag }, digests: {} };
    } catch (error) {
      // The answer to an earlier attempt may have been lost: then these very blocks are the blob.
      if (error instanceof AppError && error.code === 'PRECONDITION_FAILED') {
        const answer = await callSdk(() => blob.getBlockList('committed', { abortSignal: signal })).catch(() => null);
        const committed = answer?.committedBlocks?.map((block) => block.name) ?? [];
        if (answer?.etag !== undefined && tags.length > 0 && tags.join() === committed.join()) {
          return { version: { etag: answer.etag }, digests: {} };
        }
      }
      throw error;
    }
  }

  #blob({ container, key }: Location): BlockBlobClient {
    checkContainerName(container);
    return this.#service.getContainerClient(container).getBlockBlobClient(key);
  }
}
