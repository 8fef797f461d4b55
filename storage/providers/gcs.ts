import { Readable } from 'node:stream';
import type { Storage } from '@google-cloud/storage';
import { AppError, toAppError } from '../../core/errors.ts';
import { type AccessTokens, localAccessTokens } from '../access-tokens.ts';
import type { AddressPolicy } from '../address-policy.ts';
import type { Capabilities } from '../capabilities.ts';
import type { CredentialsOf } from '../credentials.ts';
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
  StorageProvider,
  UploadSession,
  Version,
  WriteRequest,
  WriteResult,
} from '../provider.ts';
import { closing, expectRange, rangeHeader, requireConditional, sendingPart, unsupported } from './body.ts';
import { deleteEach } from './deletion.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import { endpointOf, type GcsAccess, type GoogleOperator, gcsAccess } from './gcs/access.ts';
import { gcsCapabilities } from './gcs/capabilities.ts';
import { rewrite } from './gcs/copies.ts';
import { isUnmetPin, MissingPermission, notGcs } from './gcs/errors.ts';
import { listObjects } from './gcs/listing.ts';
import { checkBucketName, checkObjectName, jsonPath, xmlPath } from './gcs/names.ts';
import {
  acknowledged,
  generationOf,
  hashOfBody,
  infoOfHeaders,
  infoOfResource,
  type ObjectResource,
  objectFields,
  requiredGeneration,
  toPutHeaders,
  versionOf,
} from './gcs/properties.ts';
import { takeBack } from './gcs/removal.ts';
import { gcsRequestRules } from './gcs/request-rules.ts';
import { GcsRest } from './gcs/rest.ts';
import { type CallSdk, createStorage } from './gcs/sdk.ts';
import { GcsUploads } from './gcs/uploads.ts';
import { presignedSeconds, requireFolderKey, requireOffer, sourceChanged } from './offers.ts';
import { listedContainer, listedCursor, listedDate } from './xml.ts';

const defaultEndpoint = 'https://storage.googleapis.com';
/** Bodies of answers that are read only to free the connection are empty, or nearly. */
const maxIdleBytes = 64 * 1024;
const maxPageSize = 1000;
/** Deletes under way at a time: the JSON API takes one object a request. */
const deleteConcurrency = 32;

export interface GcsOptions {
  addressPolicy: AddressPolicy;
  tokens?: AccessTokens | undefined;
  operator?: GoogleOperator | undefined;
  capabilities?: Capabilities | undefined;
}

/** Throws ENDPOINT_INVALID, and CREDENTIALS_INVALID for a service account key that is none. */
export function openGcs(credentials: CredentialsOf<'gcs'>, options: GcsOptions): StorageProvider {
  return new GcsProvider(credentials, options);
}

/**
 * Facts and listings come by the JSON API, bytes by the XML API: it is the one that reads with metadata, and that takes
 * parts in parallel. Both speak of the same objects and generations.
 * What is pinned is held to its generation by a precondition: the parameter `generation` would find one that was replaced
 * where the bucket has Object Versioning, and there only, which the account does not tell.
 */
class GcsProvider implements StorageProvider {
  readonly capabilities: Capabilities;
  readonly requests = gcsRequestRules;
  readonly #endpoint: Endpoint;
  readonly #projectId: string | undefined;
  readonly #access: GcsAccess;
  readonly #http: HttpClient;
  readonly #rest: GcsRest;
  readonly #storage: Storage;
  readonly #callSdk: CallSdk;
  readonly #uploads: GcsUploads;

  constructor(credentials: CredentialsOf<'gcs'>, options: GcsOptions) {
    this.#endpoint = parseEndpoint(endpointOf(credentials, options.operator) ?? defaultEndpoint);
    this.#http = createHttpClient(options.addressPolicy);
    this.#access = gcsAccess(credentials, this.#http, options.operator);
    const { account, refresh } = this.#access;
    this.#projectId = credentials.projectId ?? account?.projectId;
    this.#rest = new GcsRest(this.#http, this.#endpoint, options.tokens ?? localAccessTokens(), refresh);
    const { storage, callSdk } = createStorage(this.#rest, this.#endpoint, this.#projectId, account);
    this.#storage = storage;
    this.#callSdk = callSdk;
    this.#uploads = new GcsUploads(this.#rest, (location, signal) => this.stat(location, signal));
    this.capabilities = options.capabilities ?? this.#ownCapabilities();
  }

  /**
   * A denial that names the missing permission is given to those only whom Google knows. One for another reason (a
   * disabled project, an organisation's policy, an API that is off) would meet every request, and fails the check.
   */
  async check(signal: AbortSignal): Promise<AccountCheck> {
    try {
      if (this.#projectId === undefined) await this.#requireGcs(signal);
      else await this.listContainers({ limit: 1 }, signal);
    } catch (error) {
      // Credentials for one bucket prove themselves, too, when they may not list all.
      if (!(error instanceof MissingPermission)) throw error;
    }
    const { identity, identify } = this.#access;
    const named = identify === undefined ? undefined : await identify(await this.#rest.token(signal), signal);
    return { identity: named ?? identity, capabilities: this.#ownCapabilities() };
  }

  /**
   * Asks nothing. At Google "revocation removes all OAuth 2.0 scopes previously granted to a project, invalidating any
   * issued access or refresh tokens for all clients registered under that project"
   * (developers.google.com/identity/protocols/oauth2, Token revocation). Other accounts of the person here could be told by
   * Google's `sub`; what other clients of the operator's project, and other installations with the same client, live on
   * cannot be known, so a grant stays there until the person ends it (docs/providers/gcs.md).
   */
  async revokeGrant(signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
  }

  /** Without a project there is nothing to list: its buckets are named by hand. */
  async listContainers(request: PageRequest, signal: AbortSignal): Promise<Page<ContainerEntry>> {
    throwIfCancelled(signal);
    if (this.#projectId === undefined) return { items: [], nextCursor: null };
    const query = {
      autoPaginate: false,
      fields: 'kind,nextPageToken,items(id,name,timeCreated)',
      maxResults: Math.min(request.limit ?? maxPageSize, maxPageSize),
      ...(request.cursor === undefined ? {} : { pageToken: request.cursor }),
    };
    const [buckets, , answer] = await this.#callSdk(signal, () => this.#storage.getBuckets(query));
    const { kind, nextPageToken } = answer as { kind?: string; nextPageToken?: string };
    if (kind !== 'storage#buckets') throw notGcs();
    const items = buckets.map(({ name, metadata }) => ({
      name: listedContainer(name),
      createdAt: listedDate(metadata.timeCreated, null),
    }));
    return { items, nextCursor: listedCursor(nextPageToken, request.cursor) };
  }

  list(request: ListRequest, signal: AbortSignal): Promise<Page<Entry>> {
    return settle(() => listObjects(this.#rest, request, maxPageSize, signal));
  }

  stat(location: Location, signal: AbortSignal): Promise<ObjectInfo> {
    return settle(() => this.#describe(location, undefined, signal));
  }

  readTags(): Promise<never> {
    return unsupported('tags of objects');
  }

  async read(request: ReadRequest, signal: AbortSignal): Promise<ReadResult> {
    const { container, key, pin, range } = request;
    const generation = pin === undefined ? undefined : generationOf(pin);
    if (pin && generation === undefined) throw sourceChanged(undefined);
    try {
      if (range !== undefined && range.start === range.end) {
        return { stream: Readable.from([]), info: await this.#describe(request, generation, signal) };
      }
      const response = await this.#rest.send({
        method: 'GET',
        path: xmlPath(container, key),
        headers: {
          // Else objects that are stored as gzip come decompressed, without a length and whatever the range.
          'accept-encoding': 'gzip',
          ...(range === undefined ? {} : { range: rangeHeader(range) }),
          ...(generation === undefined ? {} : { 'x-goog-if-generation-match': generation }),
        },
        signal,
      });
      try {
        const info = infoOfHeaders(response.headers);
        expectRange(response, range);
        return { stream: response.body, info };
      } catch (error) {
        response.body.destroy();
        throw error;
      }
    } catch (error) {
      throw pin && isUnmetPin(error) ? sourceChanged(error) : error;
    }
  }

  /**
   * The CRC32C of bytes that are at hand goes along for the service to check. That of a stream is known after its last
   * byte only, and Cloud Storage takes no trailers: it is compared with the answer, and what turns out wrong is deleted
   * again, by its generation. What was there before is gone then.
   */
  write(request: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    return closing(request.body, () => this.#write(request, signal));
  }

  async #write(request: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    const { container, key, body, metadata, precondition } = request;
    this.checkName(key);
    requireConditional(this.capabilities.write.conditional, precondition);
    if (body.sizeBytes > this.capabilities.write.singleMaxBytes) {
      throw new AppError('OBJECT_TOO_LARGE', 'An object of this size is more than Cloud Storage holds.');
    }
    const generation = requiredGeneration(precondition);
    const { headers, body: answer } = await this.#rest.send({
      method: 'PUT',
      path: xmlPath(container, key),
      headers: {
        ...toPutHeaders(metadata),
        ...hashOfBody(body),
        ...(generation === undefined ? {} : { 'x-goog-if-generation-match': generation }),
      },
      body,
      signal,
    });
    await answer.text(maxIdleBytes);
    const version = versionOf(headers['x-goog-generation']);
    try {
      return { version, digests: acknowledged(headers, body) };
    } catch (error) {
      return takeBack(this.#rest, request, version, error, signal);
    }
  }

  async assertWritable(location: Location, signal: AbortSignal): Promise<void> {
    this.checkName(location.key);
    await this.#uploads.assertWritable(location, signal);
  }

  async beginUpload(request: BeginUploadRequest, signal: AbortSignal): Promise<UploadSession> {
    this.checkName(request.key);
    return this.#uploads.begin(request, signal);
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

  abortUpload(session: UploadSession, signal: AbortSignal): Promise<void> {
    return this.#uploads.abort(session, signal);
  }

  findUploads(request: FindUploadsRequest, signal: AbortSignal): Promise<UploadSession[]> {
    return this.#uploads.find(request, signal);
  }

  /** Holds no ticket: the other account must be allowed to read the object by itself. */
  async offerCopy(request: OfferCopyRequest, signal: AbortSignal): Promise<CopyOffer> {
    const { container, key, pin } = request;
    const generation = pin === undefined ? undefined : generationOf(pin);
    if (pin && generation === undefined) throw sourceChanged(undefined);
    const info = await this.#describe(request, generation, signal).catch((error: unknown) => {
      throw pin && isUnmetPin(error) ? sourceChanged(error) : error;
    });
    const { storageClass: _, ...facts } = info;
    return { scheme: 'gcs', store: this.store, container, key, ...facts };
  }

  async copy(request: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
    this.checkName(request.key);
    requireOffer(this.capabilities, this.store, request);
    return rewrite(this.#rest, request, signal);
  }

  ingest(): Promise<never> {
    return unsupported('fetching from a URL');
  }

  async presign(request: PresignRequest, signal: AbortSignal): Promise<string> {
    throwIfCancelled(signal);
    const seconds = presignedSeconds(this.capabilities, request);
    const { container, key, pin } = request;
    checkBucketName(container);
    checkObjectName(key);
    if (/(^|\/)\.{1,2}(\/|$)/.test(key)) {
      // Whoever reads such a URL resolves the dots, and the SDK does when it makes it.
      throw new AppError('NOT_SUPPORTED', 'No URL leads to an object with . or .. between the slashes of its name.');
    }
    const generation = pin === undefined ? undefined : generationOf(pin);
    if (pin && generation === undefined) throw sourceChanged(undefined);
    const now = Date.now();
    const [url] = await this.#callSdk(signal, () =>
      this.#storage
        .bucket(container)
        .file(key)
        .getSignedUrl({
          version: 'v4',
          action: 'read',
          accessibleAt: now,
          expires: now + seconds * 1000,
          ...(generation === undefined ? {} : { queryParams: { generation } }),
        }),
    );
    return url;
  }

  async createFolder(location: Location, signal: AbortSignal): Promise<void> {
    requireFolderKey(location.key);
    const body = bufferedBody([], ['crc32c']);
    try {
      await this.write({ ...location, body, metadata: { user: {} }, precondition: { ifAbsent: true } }, signal);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'PRECONDITION_FAILED') throw error;
    }
  }

  quota(): Promise<never> {
    return unsupported('telling how much room there is');
  }

  async deleteObjects(request: DeleteRequest, signal: AbortSignal): Promise<DeleteResult> {
    checkBucketName(request.container);
    const bucket = this.#storage.bucket(request.container);
    return deleteEach(request.keys, deleteConcurrency, (key) => {
      const ifMatch = request.ifMatch?.get(key);
      const ifGenerationMatch = requiredGeneration(ifMatch && { ifMatch });
      const options = ifGenerationMatch === undefined ? {} : { ifGenerationMatch };
      return this.#callSdk(signal, () => bucket.file(key).delete(options));
    });
  }

  checkName(key: string): void {
    checkObjectName(key);
  }

  async close(): Promise<void> {
    await Promise.all([this.#access.close(), this.#http.close()]);
  }

  get store(): string {
    return this.#endpoint.origin + this.#endpoint.basePath;
  }

  #ownCapabilities(): Capabilities {
    // The SDK signs for the root of the endpoint.
    return gcsCapabilities(this.#access.account !== undefined && this.#endpoint.basePath === '');
  }

  async #describe(
    { container, key }: Location,
    ifGenerationMatch: Version['versionId'],
    signal: AbortSignal,
  ): Promise<ObjectInfo> {
    const resource = await this.#rest.json<ObjectResource>({
      method: 'GET',
      path: jsonPath(container, key),
      query: { fields: objectFields, ifGenerationMatch },
      signal,
    });
    return infoOfResource(resource);
  }

  /** Any answer about a bucket, a refusal too, is one that only the service gives. */
  async #requireGcs(signal: AbortSignal): Promise<void> {
    try {
      await this.#callSdk(signal, () => this.#storage.bucket('skyferry-check').getMetadata());
    } catch (error) {
      if (toAppError(error).code !== 'CONTAINER_NOT_FOUND') throw error;
    }
  }
}

/** Turns what is thrown before a request into a rejection. */
async function settle<T>(call: () => Promise<T>): Promise<T> {
  return call();
}
