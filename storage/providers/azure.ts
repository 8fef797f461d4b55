import { Readable } from 'node:stream';
import type { BlobServiceClient, ContainerClient } from '@azure/storage-blob';
import { StorageSharedKeyCredential } from '@azure/storage-blob';
import { AppError, type ErrorCode } from '../../core/errors.ts';
import type { AddressPolicy } from '../address-policy.ts';
import type { Credentials } from '../credentials.ts';
import { createHttpClient, type HttpClient, throwIfCancelled } from '../http.ts';
import {
  type AccountCheck,
  type BeginUploadRequest,
  type Capabilities,
  type CompleteUploadRequest,
  type ContainerEntry,
  capabilitiesRevision,
  type DeleteRequest,
  type DeleteResult,
  type Entry,
  type ListRequest,
  type Location,
  type ObjectInfo,
  type Page,
  type PageRequest,
  type PartReceipt,
  type PutPartRequest,
  type ReadRequest,
  type ReadResult,
  type StorageProvider,
  type UploadSession,
  type WriteRequest,
  type WriteResult,
} from '../provider.ts';
import { blockId, newSessionId, partNumberOf } from './azure/blocks.ts';
import { listBlobs } from './azure/listing.ts';
import { checkBlobName, checkContainerName } from './azure/names.ts';
import { toAzureMetadata, toObjectInfo, toPutBlobHeaders, toVersion } from './azure/properties.ts';
import { BlobRest, conditionHeaders, requireEtag } from './azure/rest.ts';
import { callSdk, createServiceClient } from './azure/sdk.ts';
import { SharedKeySigner } from './azure/signer.ts';
import { discardBody, expectRange, rangeHeader, requireConditional, unsupported } from './body.ts';
import { parseEndpoint } from './endpoint.ts';

const MiB = 1024 * 1024;

/**
 * Limits of "Scalability and performance targets for Blob storage", but for the size of what is sent at once: the
 * service takes 4,000 MiB a block and 5,000 MiB a blob, yet it checks a body against an MD5 that comes before it, so
 * that every body is held in memory. 100 MiB in 50,000 blocks are 4.7 TiB.
 */
const azureCapabilities: Capabilities = {
  revision: capabilitiesRevision,
  listing: { order: 'none', maxPageSize: 5000 },
  read: { digests: ['md5'], pinned: true },
  write: {
    singleMaxBytes: 100 * MiB,
    objectMaxBytes: 50_000 * 100 * MiB,
    partMinBytes: 1,
    partMaxBytes: 100 * MiB,
    maxParts: 50_000,
    partMultipleBytes: 1,
    listsParts: true,
    replacesParts: true,
    lastPartCloses: false,
    singleDigest: 'md5',
    partDigest: 'md5',
    completeDigest: null,
    digestTiming: 'before',
    conditional: true,
    conditionalUpload: true,
    userMetadata: true,
    contentHeaders: true,
    modifiedAtPrecisionMs: 1,
  },
  copy: null,
  ingest: null,
  presign: null,
  folders: 'marker',
  quota: false,
  caseSensitive: true,
  maxKeyBytes: 1024,
};

type AzureCredentials = Extract<Credentials, { provider: 'azure' }>;

export function openAzure(
  credentials: AzureCredentials,
  options: { addressPolicy: AddressPolicy; capabilities?: Capabilities | undefined },
): StorageProvider {
  return new AzureProvider(credentials, options.addressPolicy, options.capabilities ?? azureCapabilities);
}

/** Deletes under way at a time. */
const deleteConcurrency = 16;
/** What can be wrong with one blob; anything else stands in the way of all and fails the call. */
const failuresOfOne: readonly ErrorCode[] = [
  'PERMISSION_DENIED',
  'PRECONDITION_FAILED',
  'CONFLICT',
  'NAME_NOT_ALLOWED',
];

class AzureProvider implements StorageProvider {
  readonly capabilities: Capabilities;
  readonly #accountName: string;
  readonly #hasSas: boolean;
  readonly #http: HttpClient;
  readonly #rest: BlobRest;
  readonly #service: BlobServiceClient;

  constructor(credentials: AzureCredentials, addressPolicy: AddressPolicy, capabilities: Capabilities) {
    const { accountName, accountKey, sasToken = '' } = credentials;
    const endpoint = parseEndpoint(credentials.endpoint ?? `https://${accountName}.blob.core.windows.net`);
    const key = accountKey === undefined ? undefined : new StorageSharedKeyCredential(accountName, accountKey);
    const sas = sasToken.replace(/^\?/, '');
    this.capabilities = capabilities;
    this.#accountName = accountName;
    this.#hasSas = key === undefined;
    this.#http = createHttpClient(addressPolicy);
    this.#rest = new BlobRest(this.#http, endpoint, key && new SharedKeySigner(key), sas);
    const url = endpoint.origin + endpoint.basePath + (sas === '' ? '' : `?${sas}`);
    this.#service = createServiceClient(url, key, this.#http);
  }

  async check(signal: AbortSignal): Promise<AccountCheck> {
    try {
      await this.listContainers({ limit: 1 }, signal);
    } catch (error) {
      // A SAS that is made for one container proves itself, too, when it may not list them all.
      const isLimited = this.#hasSas && error instanceof AppError && error.code === 'PERMISSION_DENIED';
      if (!isLimited) throw error;
    }
    return { identity: this.#accountName, capabilities: azureCapabilities };
  }

  async listContainers(request: PageRequest, signal: AbortSignal): Promise<Page<ContainerEntry>> {
    const pages = this.#service
      .listContainers({ abortSignal: signal })
      .byPage(pageSettings(request, this.capabilities.listing.maxPageSize));
    const page = await callSdk(() => pages.next());
    const items: ContainerEntry[] = (page.value?.containerItems ?? []).map(({ name }: { name: string }) => ({
      name,
      createdAt: null,
    }));
    return { items, nextCursor: page.value?.continuationToken || null };
  }

  list(request: ListRequest, signal: AbortSignal): Promise<Page<Entry>> {
    return listBlobs(this.#rest, request, this.capabilities.listing.maxPageSize, signal);
  }

  /**
   * The MD5 of a blob counts as asserted always: for blobs of several blocks the service never computed it, any writer
   * may set it on others, and neither can be told from the answer.
   */
  async stat(location: Location, signal: AbortSignal): Promise<ObjectInfo> {
    const response = await this.#rest.send({ method: 'HEAD', ...pathOf(location), signal });
    await response.body.text(0);
    return toObjectInfo(response.headers);
  }

  async read(request: ReadRequest, signal: AbortSignal): Promise<ReadResult> {
    const { pin, range } = request;
    const headers: Record<string, string> = pin ? { 'if-match': requireEtag(pin) } : {};
    const isEmpty = range !== undefined && range.start === range.end;
    if (range && !isEmpty) headers['x-ms-range'] = rangeHeader(range);
    try {
      const method = isEmpty ? 'HEAD' : 'GET';
      const response = await this.#rest.send({ method, ...pathOf(request), headers, signal });
      const info = toObjectInfo(response.headers);
      if (isEmpty) {
        await response.body.text(0);
        return { stream: Readable.from([]), info };
      }
      expectRange(response, range);
      return { stream: response.body, info };
    } catch (error) {
      if (pin && error instanceof AppError && error.code === 'PRECONDITION_FAILED') {
        throw new AppError('OBJECT_CHANGED', 'The blob has changed since it was listed.', { cause: error });
      }
      throw error;
    }
  }

  async write(request: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    this.checkName(request.key);
    requireConditional(this.capabilities.write.conditional, request.precondition);
    const { body } = request;
    if (body.sizeBytes > this.capabilities.write.singleMaxBytes) {
      discardBody(body);
      throw new AppError('OBJECT_TOO_LARGE', 'An object of this size must be uploaded in parts.');
    }
    const md5 = body.digest('md5');
    const response = await this.#rest.send({
      method: 'PUT',
      ...pathOf(request),
      headers: {
        ...toPutBlobHeaders(request.metadata),
        ...conditionHeaders(request.precondition),
        'x-ms-blob-type': 'BlockBlob',
        'content-md5': toBase64(md5),
      },
      body,
      signal,
    });
    await response.body.text(0);
    return { version: toVersion(response.headers), digests: { md5 } };
  }

  /** Needs no request: the service begins an upload with its first block. */
  async beginUpload(request: BeginUploadRequest, signal: AbortSignal): Promise<UploadSession> {
    throwIfCancelled(signal);
    this.checkName(request.key);
    checkContainerName(request.container);
    const { container, key, sizeBytes, metadata } = request;
    return { container, key, sizeBytes, metadata, id: newSessionId() };
  }

  async putPart(request: PutPartRequest, signal: AbortSignal): Promise<PartReceipt> {
    const { session, partNumber, body } = request;
    const md5 = body.digest('md5');
    const tag = blockId(session.id, partNumber);
    const response = await this.#rest.send({
      method: 'PUT',
      ...pathOf(session),
      query: { comp: 'block', blockid: tag },
      headers: { 'content-md5': toBase64(md5) },
      body,
      signal,
    });
    await response.body.text(0);
    return { partNumber, sizeBytes: body.sizeBytes, tag, digests: { md5 } };
  }

  /** An upload without blocks and one whose blocks were dropped look alike here: both hold no parts. */
  async listParts(session: UploadSession, signal: AbortSignal): Promise<PartReceipt[]> {
    const blob = this.#container(session.container).getBlockBlobClient(session.key);
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
  async completeUpload(request: CompleteUploadRequest, signal: AbortSignal): Promise<WriteResult> {
    const { session, parts, digests, precondition } = request;
    requireConditional(this.capabilities.write.conditionalUpload, precondition);
    const { metadata } = session;
    const blob = this.#container(session.container).getBlockBlobClient(session.key);
    const tags = parts.map((part) => part.tag);
    try {
      const answer = await callSdk(() =>
        blob.commitBlockList(tags, {
          abortSignal: signal,
          metadata: toAzureMetadata(metadata),
          blobHTTPHeaders: {
            blobContentType: metadata.contentType ?? 'application/octet-stream',
            ...(metadata.contentEncoding === undefined ? {} : { blobContentEncoding: metadata.contentEncoding }),
            ...(metadata.contentLanguage === undefined ? {} : { blobContentLanguage: metadata.contentLanguage }),
            ...(metadata.contentDisposition === undefined
              ? {}
              : { blobContentDisposition: metadata.contentDisposition }),
            ...(metadata.cacheControl === undefined ? {} : { blobCacheControl: metadata.cacheControl }),
            ...(digests.md5 === undefined ? {} : { blobContentMD5: Buffer.from(digests.md5, 'hex') }),
          },
          conditions: {
            ...(precondition?.ifAbsent ? { ifNoneMatch: '*' } : {}),
            ...(precondition?.ifMatch ? { ifMatch: requireEtag(precondition.ifMatch) } : {}),
          },
        }),
      );
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

  /** Sends nothing: blocks that are never committed cannot be dropped, and vanish by themselves after a week. */
  async abortUpload(_session: UploadSession, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
  }

  offerCopy(): Promise<never> {
    return unsupported('copies inside the cloud');
  }

  copy(): Promise<never> {
    return unsupported('copies inside the cloud');
  }

  ingest(): Promise<never> {
    return unsupported('fetching from a URL');
  }

  presign(): Promise<never> {
    return unsupported('URLs for one object');
  }

  createFolder(): Promise<never> {
    return unsupported('folders');
  }

  quota(): Promise<never> {
    return unsupported('telling how much room there is');
  }

  async deleteObjects(request: DeleteRequest, signal: AbortSignal): Promise<DeleteResult> {
    const failed: DeleteResult['failed'] = [];
    const keys = request.keys.values();
    const deleteSome = async () => {
      for (const key of keys) {
        try {
          const response = await this.#rest.send({ method: 'DELETE', container: request.container, key, signal });
          await response.body.text(0);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          if (error.code === 'OBJECT_NOT_FOUND') continue;
          if (!failuresOfOne.includes(error.code)) throw error;
          failed.push({ key, code: error.code, message: error.message });
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(deleteConcurrency, request.keys.length) }, deleteSome));
    return { failed };
  }

  checkName(key: string): void {
    checkBlobName(key);
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  #container(name: string): ContainerClient {
    checkContainerName(name);
    return this.#service.getContainerClient(name);
  }
}

function pathOf({ container, key }: Location): Location {
  return { container, key };
}

function toBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}

function pageSettings(request: PageRequest, maxPageSize: number): { continuationToken?: string; maxPageSize: number } {
  return {
    maxPageSize: Math.min(request.limit ?? maxPageSize, maxPageSize),
    ...(request.cursor === undefined ? {} : { continuationToken: request.cursor }),
  };
}
