import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { AppError } from '../../../core/errors.ts';
import { bufferedBody, streamBody } from '../../digest.ts';
import type { UploadBody, Version } from '../../provider.ts';
import { inParallel } from '../parallel.ts';
import { type CopySource, sendCopy } from './copy-requests.ts';
import type { S3Rest } from './rest.ts';
import { callSdk } from './sdk.ts';

/** Objects that are removed at a time. */
const maxAtOnce = 8;
/** What is left of the second within which a cancelled call settles: enough to send what removes the objects. */
const partingMs = 800;
/** What each of them holds, unless something else is said. */
export const content = Buffer.from('Skyferry found out what this store can do. This object may be deleted.\n');

/** The tiny objects that a probe writes below a name of its own, all of which go in the end. */
export class ProbeObjects {
  readonly prefix = `.skyferry-probe-${randomUUID()}/`;
  readonly #rest: S3Rest;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #encryption: Record<string, string>;
  readonly #signal: AbortSignal;
  readonly #written: { key: string; versionId: string | undefined }[] = [];
  /** Whether an upload may have begun whose id never arrived. */
  #losesUpload = false;
  /** For what goes when the caller has left. */
  #parting: AbortSignal | undefined;

  /** @param encryption Headers by which the account has its objects encrypted. */
  constructor(rest: S3Rest, client: S3Client, bucket: string, encryption: Record<string, string>, signal: AbortSignal) {
    this.#rest = rest;
    this.#client = client;
    this.#bucket = bucket;
    this.#encryption = encryption;
    this.#signal = signal;
  }

  /** Writes one. Returns the headers of the answer. */
  async put(
    name: string,
    options: { body?: UploadBody; digest?: 'crc32c' | 'md5'; headers?: Record<string, string> } = {},
  ): Promise<Record<string, string>> {
    const key = this.prefix + name;
    const { body = bufferedBody([content], []), headers, ...rest } = options;
    const response = await this.#making(
      key,
      () =>
        this.#rest.send({
          method: 'PUT',
          bucket: this.#bucket,
          key,
          body,
          headers: { ...this.#encryption, ...headers },
          signal: this.#signal,
          ...rest,
        }),
      (answer) => answer.headers['x-amz-version-id'],
    );
    await response.body.text(1024);
    return response.headers;
  }

  /** One of them as what is copied. */
  source(name: string, version: Version = {}): CopySource {
    return { container: this.#bucket, key: this.prefix + name, version };
  }

  /** Copies one, under new metadata. */
  async copy(from: string, to: string, version: Version = {}, headers: Record<string, string> = {}): Promise<void> {
    const key = this.prefix + to;
    const replaced = { 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-probe': 'copied', ...headers };
    const target = { container: this.#bucket, key, headers: replaced };
    await this.#making(
      key,
      () => sendCopy(this.#rest, this.source(from, version), target, this.#signal),
      (made) => made.version.versionId,
    );
  }

  /** What the store tells of one. */
  async head(name: string): Promise<Record<string, string>> {
    const request = { bucket: this.#bucket, key: this.prefix + name, signal: this.#signal };
    const response = await this.#rest.send({ method: 'HEAD', ...request });
    await response.body.text(0);
    return response.headers;
  }

  /** One part; `send` sends it, by default a body with whatever checksum the upload was begun with. */
  async upload(
    key: string,
    begin: object,
    complete: object,
    send: (key: string, query: Record<string, string>) => Promise<object> = (...where) =>
      this.#sendPart(...where, 'ChecksumAlgorithm' in begin),
  ): Promise<void> {
    const target = { Bucket: this.#bucket, Key: key };
    const options = { abortSignal: this.#signal };
    const { UploadId } = await callSdk(this.#signal, () =>
      this.#client.send(new CreateMultipartUploadCommand({ ...target, ...begin }), options),
    ).catch((error) => {
      this.#losesUpload ||= isUnknown(error);
      throw error;
    });
    try {
      const part = { PartNumber: 1, ...(await send(key, { partNumber: '1', uploadId: UploadId as string })) };
      const command = { ...target, UploadId, MultipartUpload: { Parts: [part] }, ...complete };
      await this.#making(
        key,
        () => callSdk(this.#signal, () => this.#client.send(new CompleteMultipartUploadCommand(command), options)),
        (done) => done.VersionId,
      );
    } finally {
      await this.#abortUpload(key, UploadId, this.#lastSignal()).catch(() => {});
    }
  }

  /** Removes what the probe wrote, versions included; a failure to do so is no reason to refuse the account. */
  async cleanUp(): Promise<void> {
    const signal = this.#lastSignal();
    // Without the caller there is time for one round.
    const atOnce = this.#signal.aborted ? this.#written.length : maxAtOnce;
    await Promise.all([
      inParallel(this.#written, atOnce, signal, ({ key, versionId }) =>
        this.#delete(key, versionId, signal).catch(() => {}),
      ),
      this.#losesUpload ? this.#abortUploads(signal).catch(() => {}) : undefined,
    ]);
  }

  async #delete(key: string, versionId: string | undefined, signal: AbortSignal): Promise<void> {
    const query: Record<string, string> = versionId === undefined ? {} : { versionId };
    const response = await this.#rest.send({ method: 'DELETE', bucket: this.#bucket, key, query, signal });
    await response.body.text(1024);
  }

  /** Those below the prefix, which only a listing tells. */
  async #abortUploads(signal: AbortSignal): Promise<void> {
    const where = { Bucket: this.#bucket, Prefix: this.prefix };
    const listing = new ListMultipartUploadsCommand(where);
    const { Uploads = [] } = await callSdk(signal, () => this.#client.send(listing, { abortSignal: signal }));
    await Promise.allSettled(Uploads.map(({ Key, UploadId }) => this.#abortUpload(Key, UploadId, signal)));
  }

  async #abortUpload(Key: string | undefined, UploadId: string | undefined, signal: AbortSignal): Promise<void> {
    const command = new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId });
    await callSdk(signal, () => this.#client.send(command, { abortSignal: signal }));
  }

  async #sendPart(key: string, query: Record<string, string>, hasChecksum: boolean): Promise<object> {
    const response = await this.#rest.send({
      method: 'PUT',
      bucket: this.#bucket,
      key,
      query,
      body: streamed(),
      digest: hasChecksum ? 'crc32c' : undefined,
      signal: this.#signal,
    });
    await response.body.text(1024);
    return {
      ETag: response.headers.etag,
      ...(hasChecksum ? { ChecksumCRC32C: response.headers['x-amz-checksum-crc32c'] } : {}),
    };
  }

  /** Runs what makes an object, and notes it for `cleanUp`; without an answer too, when it may have come about. */
  async #making<T>(key: string, make: () => Promise<T>, versionOf: (made: T) => string | undefined): Promise<T> {
    try {
      const made = await make();
      this.#written.push({ key, versionId: versionOf(made) });
      return made;
    } catch (error) {
      if (isUnknown(error)) this.#written.push({ key, versionId: undefined });
      throw error;
    }
  }

  /** Whoever has left is not waited for, and what was written goes all the same. */
  #lastSignal(): AbortSignal {
    if (!this.#signal.aborted) return this.#signal;
    this.#parting ??= AbortSignal.timeout(partingMs);
    return this.#parting;
  }
}

/** Whether what was asked for may have come about all the same. */
function isUnknown(error: unknown): boolean {
  return error instanceof AppError && /^(CANCELLED|PROVIDER_UNAVAILABLE)$/.test(error.code);
}

/** `content` as it flows, hashed on the way. */
export function streamed(): UploadBody {
  return streamBody(Readable.from([content]), content.length, ['crc32c']);
}
