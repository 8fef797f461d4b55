import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { AppError, type ErrorCode } from '../../../core/errors.ts';
import { bufferedBody, statedBody, streamBody } from '../../digest.ts';
import type { UploadBody, Version } from '../../provider.ts';
import { inParallel } from '../parallel.ts';
import { leastAbilities, type S3Abilities } from './capabilities.ts';
import { type CopySource, sendCopy } from './copy-requests.ts';
import { listObjects } from './listing.ts';
import { fromBase64, md5OfEtag, toVersion } from './properties.ts';
import type { S3Rest } from './rest.ts';
import { callSdk } from './sdk.ts';
import { readTags } from './tags.ts';

/** Buckets that are tried until one lets us write. */
const maxBuckets = 3;
/** Their order differs between bytes (these), UTF-16 units (last two swapped) and any alphabet (first two swapped). */
const names = ['B', 'a', '\ufb00', '\u{1f600}'];
/** A bucket that is not ours to write to, or that nobody writes to: a store to read from answers 501 to PUT. */
const notWritable = /^(PERMISSION_DENIED|QUOTA_EXCEEDED|ENDPOINT_INVALID|NOT_SUPPORTED)$/;
/** Most requests at a time: to a far store each takes its while. */
const maxAtOnce = 8;
/** What is left of the second within which a cancelled call settles: enough to send what removes the objects. */
const partingMs = 800;
/** Of no object. */
const strangeEtag = '"0123456789abcdef0123456789abcdef"';
const content = Buffer.from('Skyferry found out what this store can do. This object may be deleted.\n');

/**
 * Finds out what a compatible store does by asking it to: a few tiny objects are written below a name of their own,
 * and deleted again. A store of which we may write to no bucket gets what any store does; it is only read from then.
 * `encryption`: headers by which the account has its objects encrypted, on which it depends what ETags are.
 */
export async function probeAbilities(
  rest: S3Rest,
  client: S3Client,
  buckets: readonly string[],
  encryption: Record<string, string>,
  signal: AbortSignal,
): Promise<S3Abilities> {
  for (const bucket of buckets.slice(0, maxBuckets)) {
    const probe = new Probe(rest, client, bucket, encryption, signal);
    try {
      return await probe.run();
    } catch (error) {
      if (!(error instanceof AppError) || !notWritable.test(error.code)) throw error;
    } finally {
      await probe.cleanUp();
    }
  }
  return leastAbilities;
}

class Probe {
  readonly #rest: S3Rest;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #encryption: Record<string, string>;
  readonly #signal: AbortSignal;
  readonly #prefix = `.skyferry-probe-${randomUUID()}/`;
  readonly #written: { key: string; versionId: string | undefined }[] = [];
  /** Whether an upload may have begun whose id never arrived. */
  #losesUpload = false;
  /** For what goes when the caller has left. */
  #parting: AbortSignal | undefined;

  constructor(rest: S3Rest, client: S3Client, bucket: string, encryption: Record<string, string>, signal: AbortSignal) {
    this.#rest = rest;
    this.#client = client;
    this.#bucket = bucket;
    this.#encryption = encryption;
    this.#signal = signal;
  }

  async run(): Promise<S3Abilities> {
    const [first] = names as [string];
    const md5 = bufferedBody([content], ['md5']);
    const headers = await this.#put(first, { body: md5 });
    const etagIsMd5 = md5OfEtag(headers) === md5.digest('md5');
    // Those that do not build on one another side by side, with at most `maxAtOnce` requests under way.
    const [checksMd5, crc32c, conditional, ofCopies, ofDeletes, ordered] = await settled([
      this.#checksMd5(),
      this.#checksCrc32c().then((checks) => checks && this.#checksWholeCrc32c()),
      this.#honoursConditions(first).then((honours) => honours && this.#honoursConditionsOfUploads(first)),
      this.#copiesAndTags(first),
      this.#deletesAndVersions(),
      this.#listsInOrder(),
    ]);
    return { ordered, etagIsMd5, checksMd5, crc32c, conditional, ...ofCopies, ...ofDeletes };
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
    const where = { Bucket: this.#bucket, Prefix: this.#prefix };
    const listing = new ListMultipartUploadsCommand(where);
    const { Uploads = [] } = await callSdk(signal, () => this.#client.send(listing, { abortSignal: signal }));
    await Promise.allSettled(Uploads.map(({ Key, UploadId }) => this.#abortUpload(Key, UploadId, signal)));
  }

  async #abortUpload(Key: string | undefined, UploadId: string | undefined, signal: AbortSignal): Promise<void> {
    const command = new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId });
    await callSdk(signal, () => this.#client.send(command, { abortSignal: signal }));
  }

  /** Whoever has left is not waited for, and what was written goes all the same. */
  #lastSignal(): AbortSignal {
    if (!this.#signal.aborted) return this.#signal;
    this.#parting ??= AbortSignal.timeout(partingMs);
    return this.#parting;
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

  async #put(
    name: string,
    options: { body?: UploadBody; digest?: 'crc32c' | 'md5'; headers?: Record<string, string> } = {},
  ): Promise<Record<string, string>> {
    const key = this.#prefix + name;
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

  async #checksMd5(): Promise<boolean> {
    const lie = statedBody(streamBody(Readable.from([content]), content.length, []), { md5: '0'.repeat(32) });
    return (await refusal(() => this.#put('md5', { body: lie, digest: 'md5' }))) === 'CHECKSUM_MISMATCH';
  }

  /** A right checksum in a trailer is answered with itself; a wrong one, in trailer or header, is refused. */
  async #checksCrc32c(): Promise<boolean> {
    const right = await refusal(async () => {
      const body = streamed();
      const headers = await this.#put('crc32c', { body, digest: 'crc32c' });
      if (fromBase64(headers['x-amz-checksum-crc32c']) !== body.digest('crc32c'))
        throw new AppError('NOT_SUPPORTED', '');
    });
    if (right !== null) return false;
    const wrong = await settled(
      [streamed(), bufferedBody([content], ['crc32c'])].map((body) =>
        refusal(() => this.#put('crc32c', { body: lying(body), digest: 'crc32c' })),
      ),
    );
    return wrong.every((code) => code === 'CHECKSUM_MISMATCH');
  }

  /** The same for the whole of a multipart upload, and for a part of it. */
  async #checksWholeCrc32c(): Promise<boolean> {
    const key = `${this.#prefix}multipart`;
    const code = await refusal(() =>
      this.#upload(key, { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT' } as const, {
        ChecksumCRC32C: 'AAAAAA==',
        ChecksumType: 'FULL_OBJECT',
      }),
    );
    return code === 'CHECKSUM_MISMATCH';
  }

  async #honoursConditions(existing: string): Promise<boolean> {
    const absent = await refusal(() => this.#put(existing, { headers: { 'if-none-match': '*' } }));
    const match = await refusal(() => this.#put(existing, { headers: { 'if-match': strangeEtag } }));
    return absent === 'PRECONDITION_FAILED' && match === 'PRECONDITION_FAILED';
  }

  async #honoursConditionsOfUploads(existing: string): Promise<boolean> {
    const code = await refusal(() => this.#upload(this.#prefix + existing, {}, { IfNoneMatch: '*' }));
    return code === 'PRECONDITION_FAILED';
  }

  async #copiesAndTags(existing: string): Promise<Pick<S3Abilities, 'copies' | 'conditionalCopies' | 'tags'>> {
    const copies = await this.#copies(existing);
    const [conditionalCopies, tags] = await settled([
      copies === 'none' ? Promise.resolve(false) : this.#honoursConditionsOfCopies(existing),
      this.#keepsTags(copies !== 'none'),
    ]);
    return { copies, conditionalCopies, tags };
  }

  /** A copy is held to the source's ETag, and has the metadata that it was given; by parts, exactly the range too. */
  async #copies(existing: string): Promise<S3Abilities['copies']> {
    const stale = await refusal(() => this.#copy(existing, 'copy', { etag: strangeEtag }));
    if (stale !== 'PRECONDITION_FAILED') return 'none';
    const whole = await refusal(async () => {
      await this.#copy(existing, 'copy');
      const headers = await this.#head('copy');
      const isRight = headers['x-amz-meta-probe'] === 'copied' && headers['content-length'] === String(content.length);
      if (!isRight) throw new AppError('NOT_SUPPORTED', '');
    });
    if (whole !== null) return 'none';
    const parts = await refusal(async () => {
      const range = { start: 1, end: 9 };
      await this.#upload(`${this.#prefix}copy`, {}, {}, (key, query) =>
        sendCopy(this.#rest, this.#source(existing), { container: this.#bucket, key, query, range }, this.#signal).then(
          ({ tag }) => ({ ETag: tag }),
        ),
      );
      if ((await this.#head('copy'))['content-length'] !== '8') throw new AppError('NOT_SUPPORTED', '');
    });
    return parts === null ? 'parts' : 'whole';
  }

  async #honoursConditionsOfCopies(existing: string): Promise<boolean> {
    const absent = await refusal(() => this.#copy(existing, 'copy', {}, { 'if-none-match': '*' }));
    const match = await refusal(() => this.#copy(existing, 'copy', {}, { 'if-match': strangeEtag }));
    return absent === 'PRECONDITION_FAILED' && match === 'PRECONDITION_FAILED';
  }

  /** One after the other: side by side they would be one request too many. */
  async #deletesAndVersions(): Promise<Pick<S3Abilities, 'conditionalDeletes' | 'versions'>> {
    return { conditionalDeletes: await this.#honoursConditionsOfDeletes(), versions: await this.#keepsVersions() };
  }

  async #honoursConditionsOfDeletes(): Promise<boolean> {
    await this.#put('deleted');
    const key = `${this.#prefix}deleted`;
    const code = await refusal(async () => {
      const headers = { 'if-match': strangeEtag };
      const request = { method: 'DELETE', bucket: this.#bucket, key, headers, signal: this.#signal } as const;
      await (await this.#rest.send(request)).body.text(1024);
    });
    return code === 'PRECONDITION_FAILED';
  }

  /**
   * An object has the tags that it is written with, and a copy those that it is given. Credentials that may not do this are no
   * word about the store: each object tells of them.
   */
  async #keepsTags(copies: boolean): Promise<boolean> {
    const key = `${this.#prefix}tags`;
    const expectTags = async (value: string) => {
      const { probe } = await readTags(this.#rest, { container: this.#bucket, key }, this.#signal);
      if (probe !== value) throw new AppError('NOT_SUPPORTED', '');
    };
    try {
      const code = await refusal(async () => {
        await this.#put('tags', { headers: { 'x-amz-tagging': 'probe=written' } });
        await expectTags('written');
        if (!copies) return;
        const replaced = { 'x-amz-tagging-directive': 'REPLACE', 'x-amz-tagging': 'probe=copied' };
        await this.#copy('tags', 'tags', {}, replaced);
        await expectTags('copied');
      });
      return code === null;
    } catch (error) {
      if (error instanceof AppError && error.code === 'PERMISSION_DENIED') return true;
      throw error;
    }
  }

  /** What was replaced is read by the id that it was given. */
  async #keepsVersions(): Promise<boolean> {
    const { versionId } = toVersion(await this.#put('versions'));
    if (versionId === undefined) return false;
    await this.#put('versions', { body: bufferedBody([Buffer.from('newer')], []) });
    const key = `${this.#prefix}versions`;
    const code = await refusal(async () => {
      const request = { method: 'GET', bucket: this.#bucket, key, query: { versionId }, signal: this.#signal } as const;
      const text = await (await this.#rest.send(request)).body.text(1024);
      if (text !== content.toString()) throw new AppError('NOT_SUPPORTED', '');
    });
    return code === null;
  }

  #source(name: string, version: Version = {}): CopySource {
    return { container: this.#bucket, key: this.#prefix + name, version };
  }

  async #copy(from: string, to: string, version: Version = {}, headers: Record<string, string> = {}): Promise<void> {
    const key = this.#prefix + to;
    const replaced = { 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-probe': 'copied', ...headers };
    const target = { container: this.#bucket, key, headers: replaced };
    await this.#making(
      key,
      () => sendCopy(this.#rest, this.#source(from, version), target, this.#signal),
      (made) => made.version.versionId,
    );
  }

  async #head(name: string): Promise<Record<string, string>> {
    const request = { bucket: this.#bucket, key: this.#prefix + name, signal: this.#signal };
    const response = await this.#rest.send({ method: 'HEAD', ...request });
    await response.body.text(0);
    return response.headers;
  }

  /** One part; `send` sends it, by default a body with whatever checksum the upload was begun with. */
  async #upload(
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

  async #listsInOrder(): Promise<boolean> {
    for (const name of names.slice(1)) await this.#put(name);
    const request = { container: this.#bucket, prefix: this.#prefix };
    const { items } = await listObjects(this.#rest, request, 1000, this.#signal);
    const listed = items.map(({ key }) => key.slice(this.#prefix.length)).filter((name) => names.includes(name));
    return listed.join() === names.join();
  }
}

/** Whether what was asked for may have come about all the same. */
function isUnknown(error: unknown): boolean {
  return error instanceof AppError && /^(CANCELLED|PROVIDER_UNAVAILABLE)$/.test(error.code);
}

/** What all resolve to, or the first failure once none is under way any more: what is still written is not cleaned up. */
async function settled<const T extends readonly unknown[]>(work: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(work);
  return Promise.all(work) as unknown as Promise<T>;
}

function streamed(): UploadBody {
  return streamBody(Readable.from([content]), content.length, ['crc32c']);
}

function lying(body: UploadBody): UploadBody {
  return { ...body, digest: () => '00000000' };
}

/** Code of the refusal, or null when the call succeeded. Trouble that says nothing about abilities is thrown on. */
async function refusal(call: () => Promise<unknown>): Promise<ErrorCode | null> {
  try {
    await call();
    return null;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (/^(CANCELLED|THROTTLED|ENDPOINT_UNREACHABLE|PERMISSION_DENIED)$/.test(error.code)) throw error;
    return error.code;
  }
}
