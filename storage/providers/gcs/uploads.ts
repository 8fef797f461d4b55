import { AppError } from '../../../core/errors.ts';
import { combineCrc32c } from '../../digest.ts';
import type {
  BeginUploadRequest,
  CompleteUploadRequest,
  FindUploadsRequest,
  Location,
  ObjectInfo,
  PartReceipt,
  PutPartRequest,
  UploadSession,
  WriteResult,
} from '../../provider.ts';
import { uploadsIn } from '../found-uploads.ts';
import { blocks, element, listedSize, requireWholeXml, unescapeXml } from '../xml.ts';
import { notGcs } from './errors.ts';
import { jsonPath, xmlPath } from './names.ts';
import { acknowledged, hashHeader, hashOfBody, toPutHeaders, versionOf } from './properties.ts';
import { takeBack } from './removal.ts';
import type { GcsRequest, GcsRest } from './rest.ts';

/** A page of 1,000 parts is far below. */
const maxAnswerBytes = 4 * 1024 * 1024;
const endMs = 10_000;
/** "Complete a multipart upload": it can take several minutes. */
const completeTimeoutMs = 10 * 60_000;
/** The longest list of parts in one answer ("List the parts of a multipart upload"). */
const maxListedParts = 1000;

type Stat = (location: Location, signal: AbortSignal) => Promise<ObjectInfo>;

/**
 * Multipart uploads of the XML API, whose parts go up in parallel and in any order; those of the JSON API are one
 * stream. The SDK drives them only as a whole, from a file.
 */
export class GcsUploads {
  readonly #rest: GcsRest;
  readonly #stat: Stat;

  constructor(rest: GcsRest, stat: Stat) {
    this.#rest = rest;
    this.#stat = stat;
  }

  /**
   * Begins a session of the JSON API and ends it ("Resumable uploads"): that takes the permissions that a write takes, to
   * replace what is there too. Multipart uploads take more. Nobody waits for the end; a session that cannot be ended holds
   * nothing, and ends in a week.
   */
  async assertWritable({ container, key }: Location, signal: AbortSignal): Promise<void> {
    const session = { path: `/upload${jsonPath(container)}`, query: { uploadType: 'resumable', name: key }, signal };
    const { headers, body } = await this.#rest.send({ ...session, method: 'POST', body: Buffer.alloc(0) }, 'json');
    await body.text(maxAnswerBytes);
    const id = URL.parse(headers.location ?? '')?.searchParams.get('upload_id');
    if (id == null) throw notGcs();
    const query = { uploadType: 'resumable', upload_id: id };
    const ending = { ...session, query, method: 'DELETE', signal: AbortSignal.timeout(endMs) } as const;
    // The answer is an error: 499, "Client Closed Request".
    this.#rest.send(ending, 'json').then(
      (response) => response.body.destroy(),
      () => {},
    );
  }

  async begin(request: BeginUploadRequest, signal: AbortSignal): Promise<UploadSession> {
    const { container, key, sizeBytes, metadata } = request;
    const document = await this.#document({
      method: 'POST',
      path: xmlPath(container, key),
      query: { uploads: '' },
      headers: toPutHeaders(metadata),
      body: Buffer.alloc(0),
      signal,
    });
    const id = element(document, 'UploadId');
    if (id === undefined || id === '') throw notGcs();
    return { container, key, sizeBytes, metadata, id: unescapeXml(id) };
  }

  /** An upload that nobody completes or aborts stays, and is paid for. */
  async find(request: FindUploadsRequest, signal: AbortSignal): Promise<UploadSession[]> {
    const response = await this.#rest.send({
      method: 'GET',
      path: `/${request.container}`,
      query: { uploads: '', prefix: request.key },
      signal,
    });
    const document = await response.body.text(maxAnswerBytes);
    if (!document.includes('<ListMultipartUploadsResult')) throw notGcs();
    return uploadsIn(document, request, response.headers.date, (key) => key);
  }

  async putPart({ session, partNumber, body }: PutPartRequest, signal: AbortSignal): Promise<PartReceipt> {
    const { headers, body: answer } = await this.#rest.send({
      ...at(session, { partNumber: String(partNumber) }),
      method: 'PUT',
      headers: hashOfBody(body),
      body,
      signal,
    });
    await answer.text(maxAnswerBytes);
    const tag = headers.etag;
    if (tag === undefined) throw notGcs();
    return { partNumber, sizeBytes: body.sizeBytes, tag, digests: acknowledged(headers, body) };
  }

  async listParts(session: UploadSession, signal: AbortSignal): Promise<PartReceipt[]> {
    const parts: PartReceipt[] = [];
    let marker: string | undefined;
    do {
      const query: Record<string, string | undefined> = {
        'max-parts': String(maxListedParts),
        'part-number-marker': marker,
      };
      const document: string = await this.#document({ ...at(session, query), method: 'GET', signal });
      if (!document.includes('<ListPartsResult')) throw notGcs();
      for (const block of blocks(document, 'Part')) {
        parts.push({
          partNumber: Number(element(block, 'PartNumber')),
          sizeBytes: listedSize(element(block, 'Size')),
          tag: unescapeXml(element(block, 'ETag') ?? ''),
          digests: {},
        });
      }
      const next = element(document, 'NextPartNumberMarker');
      const isMore: boolean = /<IsTruncated>true<\/IsTruncated>/.test(document) && next !== marker;
      marker = isMore ? next : undefined;
    } while (marker !== undefined);
    return parts.sort((a, b) => a.partNumber - b.partNumber);
  }

  /**
   * The service computes the CRC32C of the whole from those of the parts; one that is not what the caller says is found
   * in the answer, and the object deleted again. Completing twice is a success where the object that is there has that
   * CRC32C.
   */
  async complete(request: CompleteUploadRequest, signal: AbortSignal): Promise<WriteResult> {
    const { session, parts } = request;
    const expected = expectedCrc32c(request);
    const list = parts.map(({ partNumber, tag }) => {
      return `<Part><PartNumber>${partNumber}</PartNumber><ETag>${escapeXml(tag)}</ETag></Part>`;
    });
    let result: WriteResult;
    try {
      const response = await this.#rest.send({
        ...at(session, {}),
        method: 'POST',
        headers: { 'content-type': 'application/xml' },
        body: Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`),
        headersTimeoutMs: completeTimeoutMs,
        signal,
      });
      const document = await response.body.text(maxAnswerBytes);
      requireWholeXml(document);
      if (!document.includes('<CompleteMultipartUploadResult')) throw notGcs();
      const digests = hashHeader(response.headers);
      const generation = response.headers['x-goog-generation'];
      result =
        generation === undefined || digests.crc32c === undefined
          ? await this.#stat(session, signal)
          : { version: versionOf(generation), digests };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'UPLOAD_EXPIRED' || expected === undefined) throw error;
      const info = await this.#stat(session, signal).catch(() => null);
      if (info === null || info.sizeBytes !== session.sizeBytes || info.digests.crc32c !== expected) throw error;
      result = info;
    }
    const { version, digests } = result;
    if (expected !== undefined && digests.crc32c !== expected) {
      const mismatch = new AppError(
        'CHECKSUM_MISMATCH',
        'The parts that arrived do not make the object that was sent.',
      );
      return takeBack(this.#rest, session, version, mismatch, signal);
    }
    return { version, digests };
  }

  async abort(session: UploadSession, signal: AbortSignal): Promise<void> {
    try {
      await this.#document({ ...at(session, {}), method: 'DELETE', signal });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'UPLOAD_EXPIRED') throw error;
    }
  }

  async #document(request: GcsRequest): Promise<string> {
    const response = await this.#rest.send(request);
    const document = await response.body.text(maxAnswerBytes);
    requireWholeXml(document);
    return document;
  }
}

function at({ container, key, id }: UploadSession, query: Record<string, string | undefined>) {
  return { path: xmlPath(container, key), query: { ...query, uploadId: id } };
}

/** What the caller says, else what the acknowledged parts make; undefined when neither is known. */
function expectedCrc32c({ digests, parts }: CompleteUploadRequest): string | undefined {
  if (digests.crc32c !== undefined) return digests.crc32c;
  let whole: string | undefined = '00000000';
  for (const { digests: own, sizeBytes } of parts) {
    if (own.crc32c === undefined) return undefined;
    whole = combineCrc32c(whole, own.crc32c, sizeBytes);
  }
  return whole;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
