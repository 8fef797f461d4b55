import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { AppError, type ErrorCode } from '../../../core/errors.ts';
import { bufferedBody, statedBody, streamBody } from '../../digest.ts';
import type { UploadBody } from '../../provider.ts';
import { leastAbilities, type S3Abilities } from './capabilities.ts';
import { sendCopy } from './copy-requests.ts';
import { listObjects } from './listing.ts';
import { content, ProbeObjects, streamed } from './probe-objects.ts';
import { fromBase64, md5OfEtag, toVersion } from './properties.ts';
import type { S3Rest } from './rest.ts';
import { readTags } from './tags.ts';

/** Buckets that are tried until one lets us write. */
const maxBuckets = 3;
/** Their order differs between bytes (these), UTF-16 units (last two swapped) and any alphabet (first two swapped). */
const names = ['B', 'a', '\ufb00', '\u{1f600}'];
/** A bucket that is not ours to write to, or that nobody writes to: a store to read from answers 501 to PUT. */
const notWritable = /^(PERMISSION_DENIED|QUOTA_EXCEEDED|ENDPOINT_INVALID|NOT_SUPPORTED)$/;
/** Of no object. */
const strangeEtag = '"0123456789abcdef0123456789abcdef"';

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
    const objects = new ProbeObjects(rest, client, bucket, encryption, signal);
    try {
      return await new Probe(rest, bucket, objects, signal).run();
    } catch (error) {
      if (!(error instanceof AppError) || !notWritable.test(error.code)) throw error;
    } finally {
      await objects.cleanUp();
    }
  }
  return leastAbilities;
}

/** Asks one store, in one bucket. */
class Probe {
  readonly #rest: S3Rest;
  readonly #bucket: string;
  readonly #objects: ProbeObjects;
  readonly #signal: AbortSignal;

  constructor(rest: S3Rest, bucket: string, objects: ProbeObjects, signal: AbortSignal) {
    this.#rest = rest;
    this.#bucket = bucket;
    this.#objects = objects;
    this.#signal = signal;
  }

  async run(): Promise<S3Abilities> {
    const [first] = names as [string];
    const md5 = bufferedBody([content], ['md5']);
    const headers = await this.#objects.put(first, { body: md5 });
    const etagIsMd5 = md5OfEtag(headers) === md5.digest('md5');
    // Those that do not build on one another side by side, with at most eight requests under way, because to a far store each takes its while.
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

  async #checksMd5(): Promise<boolean> {
    const lie = statedBody(streamBody(Readable.from([content]), content.length, []), { md5: '0'.repeat(32) });
    return (await refusal(() => this.#objects.put('md5', { body: lie, digest: 'md5' }))) === 'CHECKSUM_MISMATCH';
  }

  /** A right checksum in a trailer is answered with itself; a wrong one, in trailer or header, is refused. */
  async #checksCrc32c(): Promise<boolean> {
    const right = await refusal(async () => {
      const body = streamed();
      const headers = await this.#objects.put('crc32c', { body, digest: 'crc32c' });
      if (fromBase64(headers['x-amz-checksum-crc32c']) !== body.digest('crc32c'))
        throw new AppError('NOT_SUPPORTED', '');
    });
    if (right !== null) return false;
    const wrong = await settled(
      [streamed(), bufferedBody([content], ['crc32c'])].map((body) =>
        refusal(() => this.#objects.put('crc32c', { body: lying(body), digest: 'crc32c' })),
      ),
    );
    return wrong.every((code) => code === 'CHECKSUM_MISMATCH');
  }

  /** The same for the whole of a multipart upload, and for a part of it. */
  async #checksWholeCrc32c(): Promise<boolean> {
    const key = `${this.#objects.prefix}multipart`;
    const code = await refusal(() =>
      this.#objects.upload(key, { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT' } as const, {
        ChecksumCRC32C: 'AAAAAA==',
        ChecksumType: 'FULL_OBJECT',
      }),
    );
    return code === 'CHECKSUM_MISMATCH';
  }

  async #honoursConditions(existing: string): Promise<boolean> {
    const absent = await refusal(() => this.#objects.put(existing, { headers: { 'if-none-match': '*' } }));
    const match = await refusal(() => this.#objects.put(existing, { headers: { 'if-match': strangeEtag } }));
    return absent === 'PRECONDITION_FAILED' && match === 'PRECONDITION_FAILED';
  }

  async #honoursConditionsOfUploads(existing: string): Promise<boolean> {
    const code = await refusal(() => this.#objects.upload(this.#objects.prefix + existing, {}, { IfNoneMatch: '*' }));
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
    const stale = await refusal(() => this.#objects.copy(existing, 'copy', { etag: strangeEtag }));
    if (stale !== 'PRECONDITION_FAILED') return 'none';
    const whole = await refusal(async () => {
      await this.#objects.copy(existing, 'copy');
      const headers = await this.#objects.head('copy');
      const isRight = headers['x-amz-meta-probe'] === 'copied' && headers['content-length'] === String(content.length);
      if (!isRight) throw new AppError('NOT_SUPPORTED', '');
    });
    if (whole !== null) return 'none';
    const parts = await refusal(async () => {
      const range = { start: 1, end: 9 };
      await this.#objects.upload(`${this.#objects.prefix}copy`, {}, {}, (key, query) =>
        sendCopy(
          this.#rest,
          this.#objects.source(existing),
          { container: this.#bucket, key, query, range },
          this.#signal,
        ).then(({ tag }) => ({ ETag: tag })),
      );
      if ((await this.#objects.head('copy'))['content-length'] !== '8') throw new AppError('NOT_SUPPORTED', '');
    });
    return parts === null ? 'parts' : 'whole';
  }

  async #honoursConditionsOfCopies(existing: string): Promise<boolean> {
    const absent = await refusal(() => this.#objects.copy(existing, 'copy', {}, { 'if-none-match': '*' }));
    const match = await refusal(() => this.#objects.copy(existing, 'copy', {}, { 'if-match': strangeEtag }));
    return absent === 'PRECONDITION_FAILED' && match === 'PRECONDITION_FAILED';
  }

  /** One after the other: side by side they would be one request too many. */
  async #deletesAndVersions(): Promise<Pick<S3Abilities, 'conditionalDeletes' | 'versions'>> {
    return { conditionalDeletes: await this.#honoursConditionsOfDeletes(), versions: await this.#keepsVersions() };
  }

  async #honoursConditionsOfDeletes(): Promise<boolean> {
    await this.#objects.put('deleted');
    const key = `${this.#objects.prefix}deleted`;
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
    const key = `${this.#objects.prefix}tags`;
    const expectTags = async (value: string) => {
      const { probe } = await readTags(this.#rest, { container: this.#bucket, key }, this.#signal);
      if (probe !== value) throw new AppError('NOT_SUPPORTED', '');
    };
    try {
      const code = await refusal(async () => {
        await this.#objects.put('tags', { headers: { 'x-amz-tagging': 'probe=written' } });
        await expectTags('written');
        if (!copies) return;
        const replaced = { 'x-amz-tagging-directive': 'REPLACE', 'x-amz-tagging': 'probe=copied' };
        await this.#objects.copy('tags', 'tags', {}, replaced);
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
    const { versionId } = toVersion(await this.#objects.put('versions'));
    if (versionId === undefined) return false;
    await this.#objects.put('versions', { body: bufferedBody([Buffer.from('newer')], []) });
    const key = `${this.#objects.prefix}versions`;
    const code = await refusal(async () => {
      const request = { method: 'GET', bucket: this.#bucket, key, query: { versionId }, signal: this.#signal } as const;
      const text = await (await this.#rest.send(request)).body.text(1024);
      if (text !== content.toString()) throw new AppError('NOT_SUPPORTED', '');
    });
    return code === null;
  }

  async #listsInOrder(): Promise<boolean> {
    for (const name of names.slice(1)) await this.#objects.put(name);
    const request = { container: this.#bucket, prefix: this.#objects.prefix };
    const { items } = await listObjects(this.#rest, request, 1000, this.#signal);
    const listed = items
      .map(({ key }) => key.slice(this.#objects.prefix.length))
      .filter((name) => names.includes(name));
    return listed.join() === names.join();
  }
}

/** What all resolve to, or the first failure once none is under way any more: what is still written is not cleaned up. */
async function settled<const T extends readonly unknown[]>(work: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(work);
  return Promise.all(work) as unknown as Promise<T>;
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
