import { Readable } from 'node:stream';
import type { BlobServiceClient } from '@azure/storage-blob';
import { AppError } from '../../core/errors.ts';
import type { AccessTokens } from '../access-tokens.ts';
import type { AddressPolicy } from '../address-policy.ts';
import type { Capabilities } from '../capabilities.ts';
import { bufferedBody } from '../digest.ts';
import { createHttpClient, type HttpClient, throwIfCancelled } from '../http.ts';
import type {
  AccountCheck,
  BeginUploadRequest,
  CompleteUploadRequest,
  ContainerEntry,
  CopyOffer,
  CopyRequest,
  DeleteRequest,
  DeleteResult,
  Entry,
  FindUploadsRequest,
  IngestRequest,
  ListRequest,
  Location,
  ObjectInfo,
  OfferCopyRequest,
  Page,
  PageRequest,
  PartReceipt,
  PresignRequest,
  PutPartRequest,
  ReadRequest,
  ReadResult,
  ReadTagsRequest,
  StorageProvider,
  UploadSession,
  WriteRequest,
  WriteResult,
} from '../provider.ts';
import type { Tags } from '../tags.ts';
import { type AzureCredentials, assertSasWrites, type BlobAccess, blobAccess } from './azure/access.ts';
import { azureCapabilities } from './azure/capabilities.ts';
import { deleteDirectory, isDirectory } from './azure/directories.ts';
import { unknownAccount } from './azure/errors.ts';
import { FromUrl, storeOf } from './azure/from-url.ts';
import { requireKnown } from './azure/known.ts';
import { folderEntry, listBlobs } from './azure/listing.ts';
import { checkBlobName } from './azure/names.ts';
import { toObjectInfo, toPutBlobHeaders, toVersion } from './azure/properties.ts';
import { ReadUrls } from './azure/read-urls.ts';
import { azureRequestRules } from './azure/request-rules.ts';
import { BlobRest } from './azure/rest.ts';
import { callSdk, createServiceClient } from './azure/sdk.ts';
import { readTags, writeTagsRemedy } from './azure/tags.ts';
import { AzureUploads } from './azure/uploads.ts';
import {
  closing,
  conditionHeaders,
  expectRange,
  rangeHeader,
  requireConditional,
  requireEtag,
  sendingPart,
  unsupported,
} from './body.ts';
import { deleteEach } from './deletion.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import { presignedSeconds, requireFolderKey, requireOffer } from './offers.ts';
import { withTags } from './tags.ts';
import { listedContainer, listedCursor } from './xml.ts';

interface AzureOptions {
  addressPolicy: AddressPolicy;
  tokens?: AccessTokens | undefined;
  capabilities?: Capabilities | undefined;
}

export function openAzure(credentials: AzureCredentials, options: AzureOptions): StorageProvider {
  return new AzureProvider(credentials, options);
}

/** How long an offered blob stays open to the other account. */
const offerMs = 3_600_000;
/** Deletes under way at a time: each takes one blob. */
const deleteConcurrency = 16;

class AzureProvider implements StorageProvider {
  readonly capabilities: Capabilities;
  readonly requests = azureRequestRules;
  readonly store: string;
  readonly #credentials: AzureCredentials;
  readonly #accountName: string;
  readonly #endpoint: Endpoint;
  readonly #http: HttpClient;
  readonly #access: BlobAccess;
  readonly #rest: BlobRest;
  readonly #service: BlobServiceClient;
  readonly #uploads: AzureUploads;
  readonly #fromUrl: FromUrl;
  readonly #urls: ReadUrls;

  constructor(credentials: AzureCredentials, { addressPolicy, tokens, capabilities }: AzureOptions) {
    const { accountName } = credentials;
    const endpoint = parseEndpoint(credentials.endpoint ?? `https://${accountName}.blob.core.windows.net`);
    this.#credentials = credentials;
    this.#accountName = accountName;
    this.#endpoint = endpoint;
    this.store = storeOf(endpoint, accountName);
    this.#http = createHttpClient(addressPolicy);
    this.#access = blobAccess(credentials, endpoint, this.#http, tokens);
    this.capabilities = capabilities ?? azureCapabilities(this.#access.kind, false);
    this.#rest = new BlobRest(this.#http, endpoint, this.#access);
    this.#service = createServiceClient(endpoint, this.#access, this.#http);
    this.#uploads = new AzureUploads(this.#rest, this.#service);
    this.#fromUrl = new FromUrl(this.#rest, this.#uploads);
    this.#urls = new ReadUrls(accountName, endpoint, this.#access, this.#service);
  }

  async check(signal: AbortSignal): Promise<AccountCheck> {
    try {
      await this.listContainers({ limit: 1 }, signal);
    } catch (error) {
      // A SAS or a role for one container may not list them all.
      await requireKnown(error, this.#credentials, this.#endpoint, this.#http, signal);
    }
    const isHierarchical = await this.#isHierarchical(signal);
    return { identity: this.#accountName, capabilities: azureCapabilities(this.#access.kind, isHierarchical) };
  }

  /** Keys, tokens and principals are no grants: they end where they were made. */
  async revokeGrant(signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
  }

  /** Whoever may not ask gets a flat namespace: directories are told from blobs in listings all the same. */
  async #isHierarchical(signal: AbortSignal): Promise<boolean> {
    try {
      const answer = await callSdk(() => this.#service.getAccountInfo({ abortSignal: signal }));
      return answer.isHierarchicalNamespaceEnabled ?? false;
    } catch (error) {
      if (error instanceof AppError && error.code === 'PERMISSION_DENIED') return false;
      throw error;
    }
  }

  async listContainers(request: PageRequest, signal: AbortSignal): Promise<Page<ContainerEntry>> {
    const pages = this.#service
      .listContainers({ abortSignal: signal })
      .byPage(pageSettings(request, this.capabilities.listing.maxPageSize));
    const page = await callSdk(() => pages.next()).catch((error) => {
      throw unknownAccount(error, this.#accountName);
    });
    const items: ContainerEntry[] = (page.value?.containerItems ?? []).map(({ name }: { name: string }) => ({
      name: listedContainer(name),
      createdAt: null,
    }));
    return { items, nextCursor: listedCursor(page.value?.continuationToken, request.cursor) };
  }

  async list(request: ListRequest, signal: AbortSignal): Promise<Page<Entry>> {
    const page = await listBlobs(this.#rest, request, this.capabilities.listing.maxPageSize, signal);
    const { container, prefix, folders, cursor } = request;
    const isNothing = page.items.length === 0 && page.nextCursor === null && cursor === undefined;
    if (!folders || !isNothing || !prefix.endsWith('/')) return page;
    const isThere = await isDirectory(this.#rest, { container, key: prefix }, signal);
    return isThere ? { items: [folderEntry(prefix)], nextCursor: null } : page;
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

  async readTags(request: ReadTagsRequest, signal: AbortSignal): Promise<Tags> {
    if (this.capabilities.tags === null) return unsupported('tags of blobs');
    return readTags(this.#rest, request, signal);
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

  write(request: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    return closing(request.body, () => this.#write(request, signal));
  }

  async #write(request: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    this.checkName(request.key);
    requireConditional(this.capabilities.write.conditional, request.precondition);
    const { body } = request;
    if (body.sizeBytes > this.capabilities.write.singleMaxBytes) {
      throw new AppError('OBJECT_TOO_LARGE', 'An object of this size must be uploaded in parts.');
    }
    try {
      return await this.#putBlob(request, signal);
    } catch (error) {
      const isRefused = error instanceof AppError && error.code === 'PRECONDITION_FAILED';
      if (!isRefused || !request.precondition?.ifAbsent || body.source instanceof Readable) throw error;
      if (await this.#isThere(request, signal)) throw error;
      return this.#writeAsBlocks(request, signal);
    }
  }

  async #isThere(location: Location, signal: AbortSignal): Promise<boolean> {
    try {
      await this.stat(location, signal);
      return true;
    } catch (error) {
      if (error instanceof AppError && error.code === 'OBJECT_NOT_FOUND') return false;
      throw error;
    }
  }

  /**
   * Blocks that were never committed can make the service refuse a whole blob that must be absent, though there is none
   * (seen at Azurite). A list of blocks is taken.
   */
  async #writeAsBlocks({ body, precondition, ...rest }: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    const session = await this.beginUpload({ ...rest, sizeBytes: body.sizeBytes }, signal);
    const digests = { md5: body.digest('md5') };
    const parts = body.sizeBytes === 0 ? [] : [await this.putPart({ session, partNumber: 1, offset: 0, body }, signal)];
    const { version } = await this.completeUpload({ session, parts, digests, precondition }, signal);
    return { version, digests };
  }

  async #putBlob(request: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    const { body } = request;
    const md5 = body.digest('md5');
    const sending = this.#rest.send({
      method: 'PUT',
      ...pathOf(request),
      headers: {
        ...toPutBlobHeaders(request.metadata),
        ...conditionHeaders(request.precondition),
        'x-ms-blob-type': 'BlockBlob',
        'content-md5': Buffer.from(md5, 'hex').toString('base64'),
      },
      body,
      signal,
    });
    const response = await withTags(request.metadata, writeTagsRemedy, sending);
    await response.body.text(0);
    return { version: toVersion(response.headers), digests: { md5 } };
  }

  async assertWritable(location: Location, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    this.checkName(location.key);
    assertSasWrites(this.#access);
  }

  async beginUpload(request: BeginUploadRequest, signal: AbortSignal): Promise<UploadSession> {
    throwIfCancelled(signal);
    this.checkName(request.key);
    return this.#uploads.begin(request);
  }

  putPart(request: PutPartRequest, signal: AbortSignal): Promise<PartReceipt> {
    return sendingPart(this.capabilities, request, () => this.#uploads.putPart(request, signal));
  }

  listParts(session: UploadSession, signal: AbortSignal): Promise<PartReceipt[]> {
    return this.#uploads.listParts(session, signal);
  }

  async completeUpload(request: CompleteUploadRequest, signal: AbortSignal): Promise<WriteResult> {
    requireConditional(this.capabilities.write.conditionalUpload, request.precondition);
    return this.#uploads.complete(request, signal);
  }

  /** Sends nothing: blocks that are never committed cannot be dropped, and vanish by themselves after a week. */
  async abortUpload(_session: UploadSession, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
  }

  /** None: blocks that nobody commits vanish by themselves. */
  async findUploads(_request: FindUploadsRequest, signal: AbortSignal): Promise<UploadSession[]> {
    throwIfCancelled(signal);
    return [];
  }

  async offerCopy(request: OfferCopyRequest, signal: AbortSignal): Promise<CopyOffer> {
    const { container, key, pin } = request;
    const { info } = await this.read({ container, key, pin, range: { start: 0, end: 0 } }, signal);
    const ticket = await this.#urls.make(request, offerMs, signal);
    const { storageClass: _, ...facts } = info;
    return { container, key, scheme: 'azure', store: this.store, ticket, ...facts };
  }

  async copy(request: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
    this.checkName(request.key);
    requireOffer(this.capabilities, this.store, request);
    return this.#fromUrl.copy(request, signal);
  }

  async ingest(request: IngestRequest, signal: AbortSignal): Promise<WriteResult> {
    const { ingest } = this.capabilities;
    if (ingest === null) return unsupported('fetching from a URL');
    this.checkName(request.key);
    requireConditional(ingest.conditional, request.precondition);
    if (request.sizeBytes > ingest.maxBytes) {
      throw new AppError('OBJECT_TOO_LARGE', 'The service does not fetch objects of this size.');
    }
    return this.#fromUrl.ingest(request, signal);
  }

  /** Not pinned: a URL has no place for an ETag. */
  async presign(request: PresignRequest, signal: AbortSignal): Promise<string> {
    throwIfCancelled(signal);
    return this.#urls.make(request, presignedSeconds(this.capabilities, request) * 1000, signal);
  }

  /**
   * An empty blob whose name ends in a slash, as others keep folders that are empty, with the mark by which Hadoop and
   * the Data Lake tools know them. With a hierarchical namespace a directory, whose name has no slash at its end.
   */
  async createFolder(location: Location, signal: AbortSignal): Promise<void> {
    requireFolderKey(location.key);
    const isReal = this.capabilities.folders === 'real';
    const key = isReal ? location.key.replace(/\/+$/, '') : location.key;
    const metadata = { user: { hdi_isfolder: 'true' } };
    const body = bufferedBody([], ['md5']);
    const precondition = { ifAbsent: true } as const;
    try {
      await this.write({ container: location.container, key, body, metadata, precondition }, signal);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'PRECONDITION_FAILED') throw error;
      const there = isReal ? await this.stat({ container: location.container, key }, signal) : undefined;
      if (there && there.metadata.user.hdi_isfolder !== 'true') {
        throw new AppError('CONFLICT', 'There is a file where the folder is to be.', { cause: error });
      }
    }
  }

  quota(): Promise<never> {
    return unsupported('telling how much room there is');
  }

  deleteObjects(request: DeleteRequest, signal: AbortSignal): Promise<DeleteResult> {
    const { container, keys, ifMatch } = request;
    return deleteEach(keys, deleteConcurrency, async (key) => {
      const meant = ifMatch?.get(key);
      const headers: Record<string, string> = meant === undefined ? {} : { 'if-match': requireEtag(meant) };
      const isFolder = key.endsWith('/') && meant === undefined;
      if (isFolder && this.capabilities.folders === 'real')
        return deleteDirectory(this.#rest, { container, key }, signal);
      try {
        const response = await this.#rest.send({ method: 'DELETE', container, key, headers, signal });
        await response.body.text(0);
      } catch (error) {
        const isNone = error instanceof AppError && error.code === 'OBJECT_NOT_FOUND';
        if (isFolder && isNone) return deleteDirectory(this.#rest, { container, key }, signal);
        // A blob that is gone does not match either.
        const isRefused = meant && error instanceof AppError && error.code === 'PRECONDITION_FAILED';
        if (!isRefused || (await this.#isThere({ container, key }, signal))) throw error;
      }
    });
  }

  checkName(key: string): void {
    checkBlobName(key, this.capabilities.folders);
  }

  close(): Promise<void> {
    return this.#http.close();
  }
}

function pathOf({ container, key }: Location): Location {
  return { container, key };
}

function pageSettings(request: PageRequest, maxPageSize: number): { continuationToken?: string; maxPageSize: number } {
  return {
    maxPageSize: Math.min(request.limit ?? maxPageSize, maxPageSize),
    ...(request.cursor === undefined ? {} : { continuationToken: request.cursor }),
  };
}
