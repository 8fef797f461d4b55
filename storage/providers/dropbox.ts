import { Readable } from 'node:stream';
import type { Dropbox } from 'dropbox';
import { AppError } from '../../core/errors.ts';
import { type AccessTokens, localAccessTokens } from '../access-tokens.ts';
import type { AddressPolicy } from '../address-policy.ts';
import type { Capabilities } from '../capabilities.ts';
import type { CredentialsOf } from '../credentials.ts';
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
  Quota,
  ReadRequest,
  ReadResult,
  StorageProvider,
  UploadSession,
  WriteRequest,
  WriteResult,
} from '../provider.ts';
import { closing, requireConditional, sendingPart, unsupported } from './body.ts';
import { dropboxCapabilities } from './dropbox/capabilities.ts';
import { deleteKeys } from './dropbox/deletion.ts';
import { DropboxRefusal } from './dropbox/errors.ts';
import { listEntries } from './dropbox/listing.ts';
import { canExist, checkFileKey, checkFolderKey, toPath } from './dropbox/names.ts';
import { Placing } from './dropbox/placing.ts';
import { type FileFacts, requirePinned, toObjectInfo } from './dropbox/properties.ts';
import { dropboxRequestRules } from './dropbox/request-rules.ts';
import { DropboxRest } from './dropbox/rest.ts';
import { callSdk, createDropboxClient } from './dropbox/sdk.ts';
import { Spaces } from './dropbox/spaces.ts';
import { Transport } from './dropbox/transport.ts';
import { createLane, DropboxUploads, type Lane } from './dropbox/uploads.ts';
import { presignedSeconds, requireFolderKey, requireOffer } from './offers.ts';

export function openDropbox(
  credentials: CredentialsOf<'dropbox'>,
  options: {
    addressPolicy: AddressPolicy;
    tokens?: AccessTokens | undefined;
    capabilities?: Capabilities | undefined;
  },
): StorageProvider {
  return new DropboxProvider(
    credentials,
    options.addressPolicy,
    options.tokens ?? localAccessTokens(),
    options.capabilities ?? dropboxCapabilities,
  );
}

/** Containers are the account's spaces; keys are paths without the slash before them. */
class DropboxProvider implements StorageProvider {
  readonly capabilities: Capabilities;
  readonly requests = dropboxRequestRules;
  readonly store: string;
  readonly #http: HttpClient;
  readonly #client: Dropbox;
  readonly #rest: DropboxRest;
  readonly #spaces: Spaces;
  readonly #lane: Lane;
  readonly #uploads: DropboxUploads;
  readonly #placing: Placing;

  constructor(
    credentials: CredentialsOf<'dropbox'>,
    addressPolicy: AddressPolicy,
    tokens: AccessTokens,
    capabilities: Capabilities,
  ) {
    this.capabilities = capabilities;
    this.#http = createHttpClient(addressPolicy);
    const transport = new Transport(this.#http, tokens, credentials);
    this.#client = createDropboxClient(transport);
    this.#rest = new DropboxRest(transport);
    this.#spaces = new Spaces(this.#client);
    this.#lane = createLane(this.#client, this.#spaces);
    this.#uploads = new DropboxUploads(this.#client, this.#rest, this.#spaces, this.#lane);
    this.store = transport.store;
    this.#placing = new Placing(this.#client, this.#spaces, this.#lane, transport.store);
  }

  /** Lists as well, so that an app without the scope for it is found out now. */
  async check(signal: AbortSignal): Promise<AccountCheck> {
    const { email } = await this.#spaces.account(signal);
    await callSdk(() => this.#client.filesListFolder({ path: '', limit: 1 }, { signal }));
    return { identity: email, capabilities: dropboxCapabilities };
  }

  async revokeGrant(signal: AbortSignal): Promise<void> {
    await callSdk(() => this.#client.authTokenRevoke({ signal }));
  }

  listContainers(request: PageRequest, signal: AbortSignal): Promise<Page<ContainerEntry>> {
    return this.#spaces.list(request, signal);
  }

  async list(request: ListRequest, signal: AbortSignal): Promise<Page<Entry>> {
    throwIfCancelled(signal);
    const headers = await this.#spaces.headersFor(request.container, signal);
    return listEntries(this.#client, headers, request, this.capabilities.listing.maxPageSize, signal);
  }

  async stat(location: Location, signal: AbortSignal): Promise<ObjectInfo> {
    return toObjectInfo(await this.#find(location, signal));
  }

  readTags(): Promise<never> {
    return unsupported('tags of objects');
  }

  async read(request: ReadRequest, signal: AbortSignal): Promise<ReadResult> {
    const { pin, range, key } = request;
    const headers = await this.#reach(request, signal);
    if (range !== undefined && range.start === range.end) {
      const facts = await this.#find(request, signal);
      requirePinned(facts, pin);
      return { stream: Readable.from([]), info: toObjectInfo(facts) };
    }
    const opened = await this.#rest.download({ path: toPath(key), headers, range, signal }).catch(async (error) => {
      throw error.code === 'OBJECT_NOT_READABLE' ? await this.#explain(request, error, signal) : error;
    });
    const { response, facts } = opened;
    try {
      requirePinned(facts, pin);
      const { start, end } = range ?? { start: 0, end: facts.size };
      const whole = start === 0 && end === facts.size;
      const expected = `bytes ${start}-${end - 1}/${facts.size}`;
      if (!(whole && response.status === 200) && response.headers['content-range'] !== expected) {
        throw new AppError('OBJECT_CHANGED', `The file does not have the bytes ${start} to ${end} any more.`);
      }
      response.body.expect(end - start);
    } catch (error) {
      response.body.destroy();
      throw error;
    }
    return { stream: response.body, info: toObjectInfo(facts) };
  }

  write(request: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    return closing(request.body, async () => {
      throwIfCancelled(signal);
      this.checkName(request.key);
      requireConditional(this.capabilities.write.conditional, request.precondition);
      if (request.body.sizeBytes > this.capabilities.write.singleMaxBytes) {
        throw new AppError('OBJECT_TOO_LARGE', 'An object of this size must be uploaded in parts.');
      }
      return this.#uploads.write(request, signal);
    });
  }

  /** By a session that is never committed: it tells of the grant's scopes, and a commit alone of a folder that others share. */
  async assertWritable(location: Location, signal: AbortSignal): Promise<void> {
    await this.beginUpload({ ...location, sizeBytes: 0, metadata: { user: {} } }, signal);
  }

  async beginUpload(request: BeginUploadRequest, signal: AbortSignal): Promise<UploadSession> {
    this.checkName(request.key);
    return this.#uploads.begin(request, signal);
  }

  putPart(request: PutPartRequest, signal: AbortSignal): Promise<PartReceipt> {
    return sendingPart(this.capabilities, request, () => this.#uploads.putPart(request, signal));
  }

  /** Dropbox tells nothing of what a session holds. */
  async listParts(_session: UploadSession, signal: AbortSignal): Promise<PartReceipt[]> {
    throwIfCancelled(signal);
    return unsupported('telling which parts it holds');
  }

  async completeUpload(request: CompleteUploadRequest, signal: AbortSignal): Promise<WriteResult> {
    requireConditional(this.capabilities.write.conditionalUpload, request.precondition);
    return this.#uploads.complete(request, signal);
  }

  /** A session of parts cannot be dropped: it is never visible, and vanishes by itself after a week. */
  async abortUpload(session: UploadSession, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    await this.#placing.drop(session, signal);
  }

  /** None: sessions that nobody commits vanish by themselves. */
  async findUploads(_request: FindUploadsRequest, signal: AbortSignal): Promise<UploadSession[]> {
    throwIfCancelled(signal);
    return [];
  }

  /**
   * By a copy reference always, in one account too: that way the copy is checked against what was offered, and
   * files/copy_v2 can do nothing more. Both accounts must have been connected through the same app.
   */
  async offerCopy(request: OfferCopyRequest, signal: AbortSignal): Promise<CopyOffer> {
    await this.#reach(request, signal);
    return this.#placing.offer(request, signal);
  }

  async copy(request: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
    throwIfCancelled(signal);
    this.checkName(request.key);
    requireOffer(this.capabilities, this.store, request);
    return this.#placing.copy(request, signal);
  }

  async ingest(request: IngestRequest, signal: AbortSignal): Promise<WriteResult> {
    throwIfCancelled(signal);
    this.checkName(request.key);
    requireConditional(this.capabilities.ingest?.conditional ?? false, request.precondition);
    return this.#placing.ingest(request, signal);
  }

  /** The link always lives four hours. */
  async presign(request: PresignRequest, signal: AbortSignal): Promise<string> {
    presignedSeconds(this.capabilities, request);
    const extraHeaders = await this.#reach(request, signal);
    const path = toPath(request.key);
    const { link, metadata } = await callSdk(() =>
      this.#client.filesGetTemporaryLink({ path }, { signal, extraHeaders }),
    );
    requirePinned(metadata, request.pin);
    return link;
  }

  async createFolder({ container, key }: Location, signal: AbortSignal): Promise<void> {
    requireFolderKey(key);
    checkFolderKey(key);
    const extraHeaders = await this.#spaces.headersFor(container, signal);
    const create = () =>
      callSdk(() => this.#client.filesCreateFolderV2({ path: toPath(key) }, { signal, extraHeaders }));
    try {
      await this.#lane.alone(create, signal);
    } catch (error) {
      if (!(error instanceof DropboxRefusal) || !error.has('conflict')) throw error;
      if (error.has('folder')) return;
      throw new AppError('NAME_COLLISION', 'A file has the name of the folder. Rename one of them.', { cause: error });
    }
  }

  /** In a team the room is that of the whole team, unless the person has a share of their own. */
  async quota(signal: AbortSignal): Promise<Quota> {
    const { used, allocation } = await callSdk(() => this.#client.usersGetSpaceUsage({ signal }));
    if (allocation['.tag'] === 'individual') return { usedBytes: used, totalBytes: allocation.allocated };
    if (allocation['.tag'] !== 'team') {
      throw new AppError('NOT_SUPPORTED', 'Dropbox does not say how much room this account has.');
    }
    const own = allocation.user_within_team_space_allocated;
    return own > 0
      ? { usedBytes: used, totalBytes: own }
      : { usedBytes: allocation.used, totalBytes: allocation.allocated };
  }

  async deleteObjects(request: DeleteRequest, signal: AbortSignal): Promise<DeleteResult> {
    throwIfCancelled(signal);
    const headers = await this.#spaces.headersFor(request.container, signal);
    return deleteKeys(this.#client, this.#lane, headers, request, signal);
  }

  checkName(key: string): void {
    checkFileKey(key);
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  /** Headers of a call about a file. CONTAINER_NOT_FOUND; OBJECT_NOT_FOUND for a key that no file can have. */
  async #reach({ container, key }: Location, signal: AbortSignal): Promise<Record<string, string>> {
    throwIfCancelled(signal);
    const headers = await this.#spaces.headersFor(container, signal);
    if (key.endsWith('/') || !canExist(key)) throw new AppError('OBJECT_NOT_FOUND', 'The file does not exist.');
    return headers;
  }

  async #find(location: Location, signal: AbortSignal): Promise<FileFacts> {
    const extraHeaders = await this.#reach(location, signal);
    const path = toPath(location.key);
    const facts = await callSdk(() => this.#client.filesGetMetadata({ path }, { signal, extraHeaders }));
    if (facts['.tag'] === 'file') return facts;
    throw new AppError('OBJECT_NOT_FOUND', 'There is a folder of this name, and no file.');
  }

  /** Says what can be had instead of a file that Dropbox does not hand out. */
  async #explain(location: Location, error: AppError, signal: AbortSignal): Promise<AppError> {
    const { export_info: info } = await this.#find(location, signal);
    const formats = info?.export_options ?? (info?.export_as === undefined ? [] : [info.export_as]);
    if (formats.length === 0) return error;
    const text = `Dropbox does not hand out this file as it is. Export it as ${formats.join(' or ')}, and move that.`;
    return new AppError('OBJECT_NOT_READABLE', text, { cause: error });
  }
}
