import { createHash } from 'node:crypto';
import { AppError } from '../../../core/errors.ts';
import type {
  CopyRequest,
  IngestRequest,
  Location,
  ObjectMetadata,
  Precondition,
  UploadSession,
  WriteResult,
} from '../../provider.ts';
import { conditionHeaders, requireEtag } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import { sourceChanged } from '../offers.ts';
import { inParallel } from '../parallel.ts';
import { withTags } from '../tags.ts';
import { blockId, newSessionId } from './blocks.ts';
import { fromUrlBytes } from './capabilities.ts';
import { AzureRefusal } from './errors.ts';
import { toPutBlobHeaders, toVersion } from './properties.ts';
import type { BlobRest } from './rest.ts';
import { writeTagsRemedy } from './tags.ts';
import type { AzureUploads } from './uploads.ts';

/** The service answers only when it has fetched all of what it was asked for. */
const fetchTimeoutMs = 10 * 60_000;
/** Blocks that the service fetches at a time: their bytes do not pass through here. */
const blockConcurrency = 8;
const emptyMd5 = createHash('md5').digest('hex');

interface Source extends Location {
  url: string;
  /** ETag of the blob that the URL opens; absent for other sources. */
  etag?: string;
  sizeBytes: number;
  metadata: ObjectMetadata;
  /** MD5 that the source vouches for. */
  md5?: string | undefined;
  precondition?: Precondition | undefined;
}

/**
 * Has the service fetch blobs from URLs: whole where it can check the whole, else by blocks, which nobody sees before
 * all of them are there. Copy Blob From URL is left aside, because it takes content type and the like from the source.
 */
export class FromUrl {
  readonly #rest: BlobRest;
  readonly #uploads: AzureUploads;
  readonly #blockBytes: number;

  /** `blockBytes`: beyond it objects come in several blocks. */
  constructor(rest: BlobRest, uploads: AzureUploads, blockBytes = fromUrlBytes) {
    this.#rest = rest;
    this.#uploads = uploads;
    this.#blockBytes = blockBytes;
  }

  async copy(request: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
    const { offer, container, key, metadata, precondition } = request;
    if (offer.ticket === undefined) {
      throw new AppError('PERMISSION_DENIED', 'The offer does not open the blob to other accounts.');
    }
    const { sizeBytes } = offer;
    const etag = requireEtag(offer.version);
    const source = { container, key, url: offer.ticket, etag, sizeBytes, metadata, precondition };
    try {
      return await (sizeBytes <= this.#blockBytes ? this.#putBlob(source, signal) : this.#putBlocks(source, signal));
    } catch (error) {
      throw copyError(error);
    }
  }

  async ingest(request: IngestRequest, signal: AbortSignal): Promise<WriteResult> {
    const { digests, sizeBytes, ...rest } = request;
    const md5 = sizeBytes === 0 ? emptyMd5 : digests.md5;
    const source = { ...rest, sizeBytes, md5 };
    try {
      const isWhole = md5 !== undefined && sizeBytes <= this.#blockBytes;
      return await (isWhole ? this.#putBlob(source, signal) : this.#putBlocks(source, signal));
    } catch (error) {
      throw ingestError(error);
    }
  }

  /** Put Blob From URL: one step, with the conditions of both sides. */
  async #putBlob(source: Source, signal: AbortSignal): Promise<WriteResult> {
    const sending = this.#rest.send({
      method: 'PUT',
      container: source.container,
      key: source.key,
      headers: {
        ...toPutBlobHeaders(source.metadata),
        ...conditionHeaders(source.precondition),
        ...sourceHeaders(source),
        ...(source.md5 === undefined ? {} : { 'x-ms-source-content-md5': toBase64(source.md5) }),
        'x-ms-blob-type': 'BlockBlob',
        'x-ms-copy-source-blob-properties': 'false',
      },
      headersTimeoutMs: fetchTimeoutMs,
      signal,
    });
    const response = await withTags(source.metadata, writeTagsRemedy, sending);
    await response.body.text(0);
    return { version: toVersion(response.headers), digests: source.md5 === undefined ? {} : { md5: source.md5 } };
  }

  /** Put Block From URL. The sizes that arrived are compared before the blob is put together. */
  async #putBlocks(source: Source, signal: AbortSignal): Promise<WriteResult> {
    const { container, key, sizeBytes, metadata, precondition, md5 } = source;
    const session = { container, key, sizeBytes, metadata, id: newSessionId() };
    const count = Math.ceil(sizeBytes / this.#blockBytes);
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    await inParallel(numbers, blockConcurrency, signal, (number, either) =>
      this.#putBlock(source, session, number, either),
    );
    const parts = await this.#uploads.listParts(session, signal);
    const isWhole = parts.length === count && parts.reduce((sum, part) => sum + part.sizeBytes, 0) === sizeBytes;
    if (!isWhole) throw sourceChanged(new Error('The source has another size than it was said to have.'));
    return this.#uploads.complete({ session, parts, digests: md5 === undefined ? {} : { md5 }, precondition }, signal);
  }

  async #putBlock(source: Source, session: UploadSession, number: number, signal: AbortSignal): Promise<void> {
    const start = (number - 1) * this.#blockBytes;
    const end = Math.min(start + this.#blockBytes, source.sizeBytes);
    // Without a range the service takes all there is, which then shows in the block's size.
    const isAll = end - start === source.sizeBytes;
    const response = await this.#rest.send({
      method: 'PUT',
      container: source.container,
      key: source.key,
      query: { comp: 'block', blockid: blockId(session.id, number) },
      headers: { ...sourceHeaders(source), ...(isAll ? {} : { 'x-ms-source-range': `bytes=${start}-${end - 1}` }) },
      headersTimeoutMs: fetchTimeoutMs,
      signal,
    });
    await response.body.text(0);
  }
}

/** Blobs are read across accounts within one of Azure's clouds; another endpoint is known by its address. */
export function storeOf({ origin, hostname }: Endpoint, accountName: string): string {
  const [account = '', ...rest] = hostname.split('.');
  const isOfAccount = account === accountName || account === `${accountName}-secondary`;
  // Accounts may stand in a DNS zone: ACCOUNT.z01.blob.storage.azure.net.
  const cloud = rest.join('.').replace(/^z\d+\./, '');
  return isOfAccount && cloud.startsWith('blob.') ? cloud : origin;
}

function sourceHeaders({ url, etag }: Source): Record<string, string> {
  return {
    'content-length': '0',
    'x-ms-copy-source': url,
    ...(etag === undefined ? {} : { 'x-ms-source-if-match': etag }),
  };
}

/** How the source answered is the answer's own status then ("Put Block From URL", error CannotVerifyCopySource). */
function isOfSource(error: unknown): error is AzureRefusal {
  return error instanceof AzureRefusal && /^(CannotVerifyCopySource|InvalidSourceBlob\w*)$/.test(error.reason ?? '');
}

function copyError(error: unknown): unknown {
  if (!isOfSource(error)) return error;
  if (error.status === 404) return sourceChanged(error);
  if (error.status === 401 || error.status === 403) {
    return new AppError('PERMISSION_DENIED', 'Azure may not read the source with what the other account gave.', {
      cause: error,
    });
  }
  return new AppError('PROVIDER_UNAVAILABLE', 'Azure could not read the source.', { cause: error });
}

/** The cause is left out: in it the service may repeat the URL, which is a credential. */
function ingestError(error: unknown): unknown {
  if (!isOfSource(error)) return error;
  return new AppError(
    'ENDPOINT_UNREACHABLE',
    `Azure cannot fetch the object from where it is. (${error.reason}, status ${error.status})`,
  );
}

function toBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}
