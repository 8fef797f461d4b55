import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  ListPartsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { AppError, toAppError } from '../../../core/errors.ts';
import type { Capabilities } from '../../capabilities.ts';
import type { DigestAlgorithm, Digests } from '../../digest-algorithm.ts';
import type {
  BeginUploadRequest,
  CompleteUploadRequest,
  Location,
  ObjectInfo,
  PartReceipt,
  PutPartRequest,
  UploadBody,
  UploadSession,
  WriteResult,
} from '../../provider.ts';
import { requireEtag } from '../body.ts';
import { encodeHeaderValue } from '../metadata.ts';
import { hasTags, tagsHeader, withTags } from '../tags.ts';
import { checkBucketName } from './address.ts';
import { notS3 } from './errors.ts';
import { fromBase64, md5OfEtag, toBase64, toUserMetadata, versionOf } from './properties.ts';
import type { S3Rest } from './rest.ts';
import { callSdk } from './sdk.ts';
import { writeTagsRemedy } from './tags.ts';

/** Bodies of answers to parts are empty, or nearly. */
const maxAnswerBytes = 64 * 1024;

/** Multipart uploads: their parts go the short way, what frames them is XML and goes through the SDK. */
export class S3Uploads {
  readonly #rest: S3Rest;
  readonly #client: S3Client;
  readonly #stat: (location: Location, signal: AbortSignal) => Promise<ObjectInfo>;
  readonly #partDigest: DigestAlgorithm | null;
  readonly #joinsCrc32c: boolean;
  readonly #etagIsMd5: boolean;
  readonly #settings: Partial<CreateMultipartUploadCommandInput>;

  /** `settings`: what every object is written with. */
  constructor(
    rest: S3Rest,
    client: S3Client,
    capabilities: Capabilities,
    settings: Partial<CreateMultipartUploadCommandInput>,
    stat: (location: Location, signal: AbortSignal) => Promise<ObjectInfo>,
  ) {
    this.#rest = rest;
    this.#client = client;
    this.#stat = stat;
    this.#settings = settings;
    this.#partDigest = capabilities.write.partDigest;
    this.#joinsCrc32c = capabilities.write.completeDigest === 'crc32c';
    this.#etagIsMd5 = capabilities.read.digests.includes('md5');
  }

  async begin(request: BeginUploadRequest, signal: AbortSignal): Promise<UploadSession> {
    checkBucketName(request.container);
    const { container, key, sizeBytes, metadata } = request;
    const command = new CreateMultipartUploadCommand({
      Bucket: container,
      Key: key,
      ContentType: metadata.contentType ?? 'application/octet-stream',
      ContentEncoding: metadata.contentEncoding,
      ContentLanguage: metadata.contentLanguage,
      ContentDisposition:
        metadata.contentDisposition === undefined ? undefined : encodeHeaderValue(metadata.contentDisposition),
      CacheControl: metadata.cacheControl,
      Metadata: toUserMetadata(metadata),
      Tagging: hasTags(metadata) ? tagsHeader(metadata.tags) : undefined,
      ...this.#settings,
      ...(this.#joinsCrc32c ? { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT' } : {}),
    });
    const beginning = callSdk(signal, () => this.#client.send(command, { abortSignal: signal }));
    const answer = await withTags(metadata, writeTagsRemedy, beginning);
    if (answer.UploadId === undefined) throw notS3();
    return { container, key, sizeBytes, metadata, id: answer.UploadId };
  }

  async putPart(request: PutPartRequest, signal: AbortSignal): Promise<PartReceipt> {
    const { session, partNumber, body } = request;
    const sending = this.#rest.send({
      method: 'PUT',
      bucket: session.container,
      key: session.key,
      query: { partNumber: String(partNumber), uploadId: session.id },
      body,
      digest: this.#partDigest ?? undefined,
      signal,
    });
    const { headers, body: answer } = await sending.catch((error) => {
      throw uploadError(error);
    });
    await answer.text(maxAnswerBytes);
    const digests = acknowledged(headers, body, this.#partDigest);
    return { partNumber, sizeBytes: body.sizeBytes, tag: headers.etag ?? '', digests };
  }

  async listParts(session: UploadSession, signal: AbortSignal): Promise<PartReceipt[]> {
    const parts: PartReceipt[] = [];
    let marker: string | undefined;
    do {
      const command = new ListPartsCommand({ ...uploadOf(session), PartNumberMarker: marker });
      const answer = await callSdk(signal, () => this.#client.send(command, { abortSignal: signal })).catch((error) => {
        throw uploadError(error);
      });
      for (const { PartNumber = 0, Size = 0, ETag = '', ChecksumCRC32C } of answer.Parts ?? []) {
        const md5 = this.#etagIsMd5 && !this.#joinsCrc32c ? md5OfEtag({ etag: ETag }) : undefined;
        const crc32c = fromBase64(ChecksumCRC32C);
        parts.push({
          partNumber: PartNumber,
          sizeBytes: Size,
          tag: ETag,
          digests: { ...(crc32c === undefined ? {} : { crc32c }), ...(md5 === undefined ? {} : { md5 }) },
        });
      }
      marker = answer.IsTruncated ? answer.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
    return parts.sort((a, b) => a.partNumber - b.partNumber);
  }

  /** Completing twice is a success where the object that is there can be told to be this upload's. */
  async complete(request: CompleteUploadRequest, signal: AbortSignal): Promise<WriteResult> {
    const { session, parts, digests, precondition } = request;
    const crc32c = this.#joinsCrc32c ? digests.crc32c : undefined;
    const command = new CompleteMultipartUploadCommand({
      ...uploadOf(session),
      MultipartUpload: {
        Parts: parts.map(({ partNumber, tag, digests: own }) => ({
          PartNumber: partNumber,
          ETag: tag,
          ...(this.#joinsCrc32c && own.crc32c !== undefined ? { ChecksumCRC32C: toBase64(own.crc32c) } : {}),
        })),
      },
      ...(this.#joinsCrc32c ? { ChecksumType: 'FULL_OBJECT', MpuObjectSize: session.sizeBytes } : {}),
      ...(crc32c === undefined ? {} : { ChecksumCRC32C: toBase64(crc32c) }),
      ...(precondition?.ifAbsent ? { IfNoneMatch: '*' } : {}),
      ...(precondition?.ifMatch ? { IfMatch: requireEtag(precondition.ifMatch) } : {}),
    });
    try {
      const answer = await callSdk(signal, () => this.#client.send(command, { abortSignal: signal }));
      const stored = fromBase64(answer.ChecksumCRC32C);
      const version = versionOf(answer.ETag, answer.VersionId);
      return {
        // Some stores leave the ETag of what they joined empty.
        version: version.etag === undefined ? (await this.#stat(session, signal)).version : version,
        digests: stored === undefined ? {} : { crc32c: stored },
      };
    } catch (caught) {
      const error = uploadError(caught);
      const mayBeDone = error.code === 'UPLOAD_EXPIRED' || (await this.#isGoneAfter(error, session, signal));
      const info = mayBeDone ? await this.#find(session, signal) : null;
      if (info === null || !isResultOf(info, request)) throw error;
      return { version: info.version, digests: info.digests };
    }
  }

  /** What is at the upload's place; null: nothing. Not knowing is an error of its own: it asks for no new upload. */
  #find(session: UploadSession, signal: AbortSignal): Promise<ObjectInfo | null> {
    return this.#stat(session, signal).catch((error: unknown) => {
      if (toAppError(error).code === 'OBJECT_NOT_FOUND') return null;
      throw error;
    });
  }

  /** A condition that fails because the object is there already may fail because of our own earlier attempt. */
  async #isGoneAfter(error: AppError, session: UploadSession, signal: AbortSignal): Promise<boolean> {
    if (error.code !== 'PRECONDITION_FAILED') return false;
    const reason = await this.listParts(session, signal).catch((failure: AppError) => failure);
    return reason instanceof AppError && reason.code === 'UPLOAD_EXPIRED';
  }

  async abort(session: UploadSession, signal: AbortSignal): Promise<void> {
    const command = new AbortMultipartUploadCommand(uploadOf(session));
    try {
      await callSdk(signal, () => this.#client.send(command, { abortSignal: signal }));
    } catch (error) {
      if (uploadError(error).code !== 'UPLOAD_EXPIRED') throw error;
    }
  }
}

/** Compares what the store says that it stored with what was sent. Throws CHECKSUM_MISMATCH. */
export function acknowledged(
  headers: Record<string, string>,
  body: UploadBody,
  algorithm: DigestAlgorithm | null,
): Digests {
  if (algorithm === null) return {};
  const stored = algorithm === 'md5' ? md5OfEtag(headers) : fromBase64(headers[`x-amz-checksum-${algorithm}`]);
  if (stored === undefined) return {};
  if (stored !== body.digest(algorithm)) {
    throw new AppError('CHECKSUM_MISMATCH', 'The bytes that arrived are not those that were sent.');
  }
  return { [algorithm]: stored };
}

function uploadOf(session: UploadSession): { Bucket: string; Key: string; UploadId: string } {
  checkBucketName(session.container);
  return { Bucket: session.container, Key: session.key, UploadId: session.id };
}

/** Some stores say of an upload that is gone that its key is missing. */
function uploadError(error: unknown): AppError {
  const appError = toAppError(error);
  if (appError.code !== 'OBJECT_NOT_FOUND') return appError;
  return new AppError('UPLOAD_EXPIRED', 'The upload is gone from the store.', { cause: appError });
}

/** Whether an object is what the parts make: by the checksum of the whole, or by the ETag that S3 makes of the parts'. */
function isResultOf(info: ObjectInfo, { session, parts, digests }: CompleteUploadRequest): boolean {
  if (info.sizeBytes !== session.sizeBytes) return false;
  if (digests.crc32c !== undefined && info.digests.crc32c === digests.crc32c) return true;
  const md5s = parts.map(({ tag }) => md5OfEtag({ etag: tag }));
  if (md5s.includes(undefined)) return false;
  const whole = createHash('md5')
    .update(Buffer.from(md5s.join(''), 'hex'))
    .digest('hex');
  return info.version.etag === `"${whole}-${parts.length}"`;
}
