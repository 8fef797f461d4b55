import { awsPartition } from '../../../core/aws.ts';
import { AppError } from '../../../core/errors.ts';
import type { Capabilities } from '../../capabilities.ts';
import { orAborted } from '../../http.ts';
import type {
  CopyOffer,
  CopyRequest,
  OfferCopyRequest,
  PartReceipt,
  ReadRequest,
  ReadResult,
  UploadSession,
  WriteResult,
} from '../../provider.ts';
import { conditionHeaders } from '../body.ts';
import { requireOffer, sourceChanged } from '../offers.ts';
import { inParallel } from '../parallel.ts';
import { withTags } from '../tags.ts';
import type { S3Address } from './address.ts';
import { type CopySource, sendCopy } from './copy-requests.ts';
import { toPutHeaders } from './properties.ts';
import type { S3Rest } from './rest.ts';
import { writeTagsRemedy } from './tags.ts';
import type { S3Uploads } from './uploads.ts';

/** How large objects are copied, in bytes. */
export interface CopySizes {
  /** Beyond this by parts: CopyObject takes 5 GB. */
  wholeMaxBytes: number;
  /** Least size of a part. */
  partBytes: number;
}

export const s3CopySizes: CopySizes = { wholeMaxBytes: 5_000_000_000, partBytes: 512 * 1024 * 1024 };
const maxParts = 10_000;
/** Parts under way at a time: their bytes are moved by the store alone. */
const partConcurrency = 8;
const abortTimeoutMs = 30_000;

/** Size of the parts, but for the last, of an object that is copied by parts. */
export function copyPartBytes(sizeBytes: number, { partBytes }: CopySizes): number {
  return Math.max(partBytes, Math.ceil(sizeBytes / maxParts));
}

interface CopyContext {
  rest: S3Rest;
  address: S3Address;
  uploads: S3Uploads;
  capabilities: Capabilities;
  /** What every object is written with. */
  settings: Record<string, string>;
  read: (request: ReadRequest, signal: AbortSignal) => Promise<ReadResult>;
  sizes?: CopySizes;
}

/**
 * Copies inside one store. An offer needs no ticket: what lets another account read the source is that account's own
 * policy, or the bucket's.
 */
export class S3Copies {
  readonly #context: CopyContext;
  readonly #sizes: CopySizes;
  readonly store: string;

  constructor(context: CopyContext) {
    this.#context = context;
    this.#sizes = context.sizes ?? s3CopySizes;
    this.store = storeOf(context.address);
  }

  async offer(request: OfferCopyRequest, signal: AbortSignal): Promise<CopyOffer> {
    const { container, key, pin } = request;
    const { info } = await this.#context.read({ container, key, pin, range: { start: 0, end: 0 } }, signal);
    const { storageClass: _, ...facts } = info;
    const version = { ...info.version, ...(pin?.versionId === undefined ? {} : { versionId: pin.versionId }) };
    return { container, key, scheme: 's3', store: this.store, ...facts, version };
  }

  async copy(request: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
    const { offer } = request;
    requireOffer(this.#context.capabilities, this.store, request);
    try {
      const isWhole = offer.sizeBytes <= this.#sizes.wholeMaxBytes;
      return await (isWhole ? this.#copyWhole(request, signal) : this.#copyParts(request, signal));
    } catch (error) {
      throw await this.#explain(error, request, signal);
    }
  }

  async #copyWhole(request: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
    const { offer, container, key, metadata, precondition } = request;
    const { capabilities, rest, settings } = this.#context;
    const headers = {
      ...toPutHeaders(metadata),
      ...settings,
      ...conditionHeaders(precondition),
      'x-amz-metadata-directive': 'REPLACE',
      // Else the store takes over those of the source, which needs rights of its own, whatever was chosen about them.
      ...(capabilities.tags === null ? {} : { 'x-amz-tagging-directive': 'REPLACE' }),
      ...(capabilities.write.singleDigest === 'crc32c' ? { 'x-amz-checksum-algorithm': 'CRC32C' } : {}),
    };
    const copying = sendCopy(rest, sourceOf(offer), { container, key, headers }, signal);
    const { version, digests } = await withTags(metadata, writeTagsRemedy, copying);
    const { md5, ...others } = digests;
    const hasMd5 = md5 !== undefined && capabilities.read.digests.includes('md5');
    return { version, digests: { ...others, ...(hasMd5 ? { md5 } : {}) } };
  }

  async #copyParts(request: CopyRequest, signal: AbortSignal): Promise<WriteResult> {
    const { offer, container, key, metadata, precondition, onUpload } = request;
    const { uploads } = this.#context;
    const session = await uploads.begin({ container, key, sizeBytes: offer.sizeBytes, metadata }, signal);
    try {
      await onUpload?.(session);
      const parts = await this.#sendParts(session, offer, signal);
      return await uploads.complete({ session, parts, digests: {}, precondition }, signal);
    } catch (error) {
      // Whoever has given up does not wait for the clearing up.
      await orAborted(uploads.abort(session, AbortSignal.timeout(abortTimeoutMs)), signal).catch(() => {});
      throw error;
    }
  }

  #sendParts(session: UploadSession, offer: CopyOffer, signal: AbortSignal): Promise<PartReceipt[]> {
    const { sizeBytes } = offer;
    const partBytes = copyPartBytes(sizeBytes, this.#sizes);
    const starts = Array.from({ length: Math.ceil(sizeBytes / partBytes) }, (_, index) => index * partBytes);
    return inParallel(starts, partConcurrency, signal, async (start, either) => {
      const end = Math.min(start + partBytes, sizeBytes);
      const partNumber = start / partBytes + 1;
      const { container, key, id } = session;
      const query = { partNumber: String(partNumber), uploadId: id };
      const target = { container, key, query, range: { start, end } };
      const { tag, digests } = await sendCopy(this.#context.rest, sourceOf(offer), target, either);
      return { partNumber, sizeBytes: end - start, tag, digests };
    });
  }

  /** A condition that fails, and a key that is missing, may be those of the source or of the destination: asks. */
  async #explain(error: unknown, { offer }: CopyRequest, signal: AbortSignal): Promise<unknown> {
    if (!(error instanceof AppError) || !/^(PRECONDITION_FAILED|OBJECT_NOT_FOUND)$/.test(error.code)) return error;
    try {
      await this.offer({ container: offer.container, key: offer.key, pin: offer.version }, signal);
    } catch (reason) {
      if (!(reason instanceof AppError)) return error;
      if (/^(OBJECT_CHANGED|OBJECT_NOT_FOUND)$/.test(reason.code)) return sourceChanged(error);
      if (reason.code === 'CANCELLED') return reason;
    }
    return error;
  }
}

function sourceOf({ container, key, version }: CopyOffer): CopySource {
  return { container, key, version };
}

/** Regions of one partition of AWS copy from each other; a compatible store is known by its address. */
function storeOf({ endpoint }: S3Address): string {
  return awsPartition(endpoint.hostname) ?? endpoint.origin + endpoint.basePath;
}
