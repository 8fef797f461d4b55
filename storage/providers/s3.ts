import { Readable } from 'node:stream';
import { ListBucketsCommand, type S3Client } from '@aws-sdk/client-s3';
import { AppError } from '../../core/errors.ts';
import type { AddressPolicy } from '../address-policy.ts';
import type { Capabilities } from '../capabilities.ts';
import { DamagedObjectRemains } from '../damaged-object.ts';
import { bufferedBody, statedAlgorithm } from '../digest.ts';
import { createHttpClient, type HttpClient, type HttpResponse, orAborted, throwIfCancelled } from '../http.ts';
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
  ReadTagsRequest,
  StorageProvider,
  UploadSession,
  Version,
  WriteRequest,
  WriteResult,
} from '../provider.ts';
import type { RequestRules } from '../request-rules.ts';
import type { Tags } from '../tags.ts';
import {
  closing,
  conditionHeaders,
  expectRange,
  rangeHeader,
  requireConditional,
  sendingPart,
  unsupported,
} from './body.ts';
import { presignedSeconds, requireFolderKey } from './offers.ts';
import { type S3Address, type S3Credentials, s3Address } from './s3/address.ts';
import { awsAbilities, leastAbilities, type S3Abilities, s3Capabilities } from './s3/capabilities.ts';
import { S3Copies } from './s3/copies.ts';
import { deleteMatching, deleteTogether, sendDelete } from './s3/deletion.ts';
import { notS3, S3Refusal } from './s3/errors.ts';
import { requireKnown } from './s3/known.ts';
import { findUploads, listObjects } from './s3/listing.ts';
import { probeAbilities } from './s3/probe.ts';
import { md5OfEtag, toObjectInfo, toPutHeaders, toVersion } from './s3/properties.ts';
import { s3RequestRules } from './s3/request-rules.ts';
import { S3Rest } from './s3/rest.ts';
import { callSdk, createS3Client, keysOf } from './s3/sdk.ts';
import { encryptionHeaders, requestHeaders, uploadSettings, writeHeaders } from './s3/settings.ts';
import { createSigner, type KeySource } from './s3/signer.ts';
import { readTags, writeTagsRemedy } from './s3/tags.ts';
import { acknowledged, S3Uploads } from './s3/uploads.ts';
import { assertWritable } from './s3/writable.ts';
import { withTags } from './tags.ts';
import { listedContainer, listedCursor } from './xml.ts';

interface S3Options {
  addressPolicy: AddressPolicy;
  operator?: { machineIdentity: boolean } | undefined;
  capabilities?: Capabilities | undefined;
}

/** Throws PERMISSION_DENIED for the machine's identity where the operator does not allow it. */
export function openS3(credentials: S3Credentials, options: S3Options): StorageProvider {
  if (credentials.useMachineIdentity && !options.operator?.machineIdentity) {
    throw new AppError(
      'PERMISSION_DENIED',
      'The operator does not let accounts use the identity of this machine. Give an access key instead.',
    );
  }
  return new S3Provider(credentials, options.addressPolicy, options.capabilities);
}

/** The body of a write's answer is read only to free the connection: it is empty, or nearly. */
const maxAnswerBytes = 64 * 1024;

class S3Provider implements StorageProvider {
  readonly capabilities: Capabilities;
  readonly requests: RequestRules;
  readonly #credentials: S3Credentials;
  readonly #address: S3Address;
  readonly #http: HttpClient;
  readonly #rest: S3Rest;
  readonly #client: S3Client;
  readonly #uploads: S3Uploads;
  readonly #copies: S3Copies;
  readonly #keys: KeySource;
  readonly #settings: Record<string, string>;
  readonly #bucketsSeen = new Set<string>();

  constructor(credentials: S3Credentials, addressPolicy: AddressPolicy, probed: Capabilities | undefined) {
    this.#credentials = credentials;
    this.#address = s3Address(credentials);
    this.capabilities = probed ?? this.#toCapabilities(this.#address.isAws ? awsAbilities : leastAbilities);
    this.requests = s3RequestRules(this.capabilities);
    this.#http = createHttpClient(addressPolicy);
    this.#client = createS3Client(credentials, this.#address, this.#http);
    this.#keys = keysOf(this.#client);
    const signer = createSigner(credentials.region, this.#keys);
    this.#rest = new S3Rest(this.#http, this.#address, signer, requestHeaders(credentials));
    this.#settings = writeHeaders(credentials);
    const settings = uploadSettings(credentials);
    this.#uploads = new S3Uploads(this.#rest, this.#client, this.capabilities, settings, (location, signal) =>
      this.stat(location, signal),
    );
    this.#copies = new S3Copies({
      rest: this.#rest,
      address: this.#address,
      uploads: this.#uploads,
      capabilities: this.capabilities,
      settings: this.#settings,
      read: (request, signal) => this.read(request, signal),
    });
  }

  /** A compatible store is probed with a few tiny objects, which are deleted again; see s3/probe.ts. */
  async check(signal: AbortSignal): Promise<AccountCheck> {
    let buckets: string[] = [];
    try {
      buckets = (await this.listContainers({}, signal)).items.map(({ name }) => name);
    } catch (error) {
      // Credentials for one bucket may not list all.
      const forge = (keys: Partial<S3Credentials>) =>
        createS3Client({ ...this.#credentials, ...keys }, this.#address, this.#http);
      await requireKnown(error, this.#keys, forge, signal);
    }
    const abilities = this.#address.isAws
      ? awsAbilities
      : await probeAbilities(this.#rest, this.#client, buckets, encryptionHeaders(this.#credentials), signal);
    // Of the machine's keys each is gone within hours.
    const { accessKeyId = 'the identity of this machine' } = this.#credentials;
    return { identity: accessKeyId, capabilities: this.#toCapabilities(abilities) };
  }

  /** Keys are no grant: they end where they were made. */
  async revokeGrant(signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
  }

  async listContainers(request: PageRequest, signal: AbortSignal): Promise<Page<ContainerEntry>> {
    const command = new ListBucketsCommand({
      // Stores that do not page answer with all of them, and refuse or ignore what they do not know.
      ...(request.limit === undefined ? {} : { MaxBuckets: Math.min(request.limit, 1000) }),
      ...(request.cursor === undefined ? {} : { ContinuationToken: request.cursor }),
    });
    const answer = await callSdk(signal, () => this.#client.send(command, { abortSignal: signal })).catch((error) => {
      // A store has its own root, which tells the buckets; where there is none, something else answers.
      const isForeign = error instanceof S3Refusal && (error.status === 404 || error.code === 'NOT_SUPPORTED');
      throw isForeign ? notS3(error) : error;
    });
    const items = (answer.Buckets ?? []).map(({ Name, CreationDate }) => ({
      name: listedContainer(Name),
      createdAt: CreationDate ?? null,
    }));
    return { items, nextCursor: listedCursor(answer.ContinuationToken, request.cursor) };
  }

  async list(request: ListRequest, signal: AbortSignal): Promise<Page<Entry>> {
    const page = await listObjects(this.#rest, request, this.capabilities.listing.maxPageSize, signal);
    this.#bucketsSeen.add(request.container);
    return page;
  }

  async stat(location: Location, signal: AbortSignal): Promise<ObjectInfo> {
    const { status, headers, body } = await this.#open('HEAD', location, {}, {}, signal);
    await body.text(0);
    return toObjectInfo(status, headers, this.#etagIsMd5);
  }

  async readTags(request: ReadTagsRequest, signal: AbortSignal): Promise<Tags> {
    if (this.capabilities.tags === null) return unsupported('tags of objects');
    return readTags(this.#rest, request, signal);
  }

  async read(request: ReadRequest, signal: AbortSignal): Promise<ReadResult> {
    const { pin, range } = request;
    const query: Record<string, string> = pin?.versionId === undefined ? {} : { versionId: pin.versionId };
    const headers: Record<string, string> = pin?.etag === undefined ? {} : { 'if-match': pin.etag };
    const isEmpty = range !== undefined && range.start === range.end;
    if (range && !isEmpty) headers.range = rangeHeader(range);
    try {
      const response = await this.#open(isEmpty ? 'HEAD' : 'GET', request, query, headers, signal);
      const info = toObjectInfo(response.status, response.headers, this.#etagIsMd5);
      if (isEmpty) {
        await response.body.text(0);
        return { stream: Readable.from([]), info };
      }
      expectRange(response, range);
      return { stream: response.body, info };
    } catch (error) {
      const isOther = error instanceof AppError && error.code === 'PRECONDITION_FAILED';
      const isGone = error instanceof AppError && error.code === 'OBJECT_NOT_FOUND' && pin?.versionId !== undefined;
      if (pin && (isOther || isGone)) {
        throw new AppError('OBJECT_CHANGED', 'The object has changed since it was listed.', { cause: error });
      }
      throw error;
    }
  }

  /**
   * Without checksums of the store's own a stream is compared with the ETag once it is stored: what turns out wrong is
   * deleted again, and what was there before is gone then.
   */
  write(request: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    return closing(request.body, () => this.#write(request, signal));
  }

  async #write(request: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    const { body, metadata, precondition } = request;
    const digest = statedAlgorithm(body) ?? this.capabilities.write.singleDigest;
    this.checkName(request.key);
    requireConditional(this.capabilities.write.conditional, precondition);
    if (body.sizeBytes > this.capabilities.write.singleMaxBytes) {
      throw new AppError('OBJECT_TOO_LARGE', 'An object of this size must be uploaded in parts.');
    }
    const sending = this.#rest.send({
      method: 'PUT',
      ...pathOf(request),
      headers: { ...toPutHeaders(metadata), ...this.#settings, ...conditionHeaders(precondition) },
      body,
      digest: digest ?? undefined,
      signal,
    });
    const { headers, body: answer } = await withTags(metadata, writeTagsRemedy, sending);
    await answer.text(maxAnswerBytes);
    const version = toVersion(headers);
    // Where the ETag is none, as under a key of KMS, the store has still checked what was stated.
    const md5 = (this.#etagIsMd5 ? md5OfEtag(headers) : undefined) ?? body.stated?.md5;
    try {
      return {
        version,
        digests: {
          ...(md5 === undefined ? {} : { md5 }),
          ...acknowledged(headers, body, digest),
        },
      };
    } catch (error) {
      await this.#remove(request, version, signal).catch(() => {
        throw new DamagedObjectRemains(request, version, error);
      });
      throw error;
    }
  }

  async assertWritable(location: Location, signal: AbortSignal): Promise<void> {
    this.checkName(location.key);
    await assertWritable(this.#rest, location, this.#settings, signal);
  }

  beginUpload(request: BeginUploadRequest, signal: AbortSignal): Promise<UploadSession> {
    this.checkName(request.key);
    return this.#uploads.begin(request, signal);
  }

  putPart(request: PutPartRequest, signal: AbortSignal): Promise<PartReceipt> {
    return sendingPart(this.capabilities, request, () => this.#uploads.putPart(request, signal));
  }

  listParts(session: UploadSession, signal: AbortSignal): Promise<PartReceipt[]> {
    return this.#uploads.listParts(session, signal);
  }

  completeUpload(request: CompleteUploadRequest, signal: AbortSignal): Promise<WriteResult> {
    requireConditional(this.capabilities.write.conditionalUpload, request.precondition);
    return this.#uploads.complete(request, signal);
  }

  abortUpload(session: UploadSession, signal: AbortSignal): Promise<void> {
    return this.#uploads.abort(session, signal);
  }

  findUploads(request: FindUploadsRequest, signal: AbortSignal): Promise<UploadSession[]> {
    return findUploads(this.#rest, request, signal);
  }

  get store(): string {
    return this.#copies.store;
  }

  async offerCopy(request: OfferCopyRequest, signal: AbortSignal): Promise<CopyOffer> {
    if (this.capabilities.copy === null) return unsupported('copies inside the cloud');
    return this.#copies.offer(request, signal);
  }

  async copy(request: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
    this.checkName(request.key);
    return this.#copies.copy(request, signal);
  }

  ingest(): Promise<never> {
    return unsupported('fetching from a URL');
  }

  /** Pinned where the pin has a version id: an ETag has no place in a URL. */
  async presign(request: PresignRequest, signal: AbortSignal): Promise<string> {
    throwIfCancelled(signal);
    const seconds = presignedSeconds(this.capabilities, request);
    const { container, key, pin } = request;
    const query: Record<string, string> = pin?.versionId === undefined ? {} : { versionId: pin.versionId };
    return orAborted(this.#rest.presign(container, key, query, seconds), signal);
  }

  /** An empty object; one that is there already stays as it is where the store can be held to that. */
  async createFolder(location: Location, signal: AbortSignal): Promise<void> {
    requireFolderKey(location.key);
    const { conditional } = this.capabilities.write;
    const body = bufferedBody([], ['crc32c', 'md5']);
    const metadata = { contentType: 'application/x-directory', user: {} };
    try {
      await this.write(
        { ...location, body, metadata, ...(conditional ? { precondition: { ifAbsent: true } } : {}) },
        signal,
      );
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'PRECONDITION_FAILED') throw error;
    }
  }

  quota(): Promise<never> {
    return unsupported('telling how much room there is');
  }

  async deleteObjects(request: DeleteRequest, signal: AbortSignal): Promise<DeleteResult> {
    const { ifMatch } = request;
    if (ifMatch === undefined) return deleteTogether(this.#client, this.#rest, request, signal);
    if (!this.capabilities.conditionalDelete) return unsupported('preconditions of deletions');
    return deleteMatching(this.#rest, { ...request, ifMatch }, signal);
  }

  checkName(key: string): void {
    const rule =
      key === ''
        ? 'it is empty'
        : !key.isWellFormed()
          ? 'it is not valid Unicode'
          : Buffer.byteLength(key) > this.capabilities.maxKeyBytes
            ? `it is longer than ${this.capabilities.maxKeyBytes} bytes in UTF-8`
            : undefined;
    if (rule !== undefined) throw new AppError('NAME_NOT_ALLOWED', `S3 cannot hold this name: ${rule}.`);
  }

  close(): Promise<void> {
    this.#client.destroy();
    return this.#http.close();
  }

  #toCapabilities(abilities: S3Abilities): Capabilities {
    const { sessionToken, useMachineIdentity } = this.#credentials;
    const isLasting = sessionToken === undefined && !useMachineIdentity;
    return s3Capabilities(abilities, isLasting ? 'key' : 'session');
  }

  get #etagIsMd5(): boolean {
    return this.capabilities.read.digests.includes('md5');
  }

  /**
   * HEAD has no error document: where it is refused, a GET of one byte says why. Not so for a missing object in a
   * bucket that has answered before, which is an everyday case.
   */
  async #open(
    method: 'GET' | 'HEAD',
    location: Location,
    query: Record<string, string>,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const request = { ...pathOf(location), query, signal };
    const checksums = { 'x-amz-checksum-mode': 'ENABLED' };
    try {
      const response = await this.#rest.send({ method, ...request, headers: { ...headers, ...checksums } });
      this.#bucketsSeen.add(location.container);
      return response;
    } catch (error) {
      if (method === 'GET' || !(error instanceof S3Refusal) || error.status < 400) throw error;
      const isPlain = error.code === 'OBJECT_NOT_FOUND' && this.#bucketsSeen.has(location.container);
      if (isPlain || !/^(OBJECT_NOT_FOUND|PERMISSION_DENIED|ENDPOINT_INVALID)$/.test(error.code)) throw error;
      const probe = await this.#rest.send({ method: 'GET', ...request, headers: { ...headers, range: 'bytes=0-0' } });
      probe.body.destroy();
      throw error;
    }
  }

  /** Takes back a write, unless somebody has written since. */
  async #remove(location: Location, version: Version, signal: AbortSignal): Promise<void> {
    const query: Record<string, string> = version.versionId === undefined ? {} : { versionId: version.versionId };
    const info = await this.stat(location, signal);
    if (version.versionId === undefined && info.version.etag !== version.etag) return;
    await sendDelete(this.#rest, location, { query }, signal);
  }
}

function pathOf({ container, key }: Location): { bucket: string; key: string } {
  return { bucket: container, key };
}
