import { AppError, type ErrorCode, toAppError } from '../../core/errors.ts';
import { createDigest, streamBody } from '../../storage/digest.ts';
import type { DigestAlgorithm, Digests } from '../../storage/digest-algorithm.ts';
import { eachPiece } from '../../storage/pieces.ts';
import type { ObjectInfo, PartReceipt } from '../../storage/provider.ts';
import { Tries } from '../errors.ts';
import type { BatchRun } from './batch-run.ts';
import { beginUpload } from './begin-upload.ts';
import { commit } from './commit.ts';
import { orDiscard } from './discard.ts';
import { pause } from './gate.ts';
import type { Checkpoint, Item } from './item.ts';
import { keptMetadata } from './kept.ts';
import { Limiter } from './limiter.ts';
import { buffered, enterBody, flowBytes, isSameVersion, type Pair, passBoth, passSource } from './pair.ts';
import { type PartRange, partSizeFor, partsOf } from './parts.ts';
import { Rise } from './rise.ts';
import { hasSpareTime } from './spare-time.ts';
import {
  agreement,
  assertReadAgain,
  combineParts,
  type Evidence,
  evidenceOf,
  type Leg,
  neededDigests,
  pieceDigestOf,
  sourceLeg,
  statementOf,
} from './verify.ts';

/** Parts of one object under way at a time in the beginning. */
const firstParts = 4;
/** The same where more of them at once move more: over a long way each connection has its own limit. */
const mostParts = 16;
/** What a part fails with by itself, while the parts beside it go on. */
const passing: readonly ErrorCode[] = ['PROVIDER_UNAVAILABLE', 'ENDPOINT_UNREACHABLE', 'THROTTLED'];

/**
 * Where a source states nothing but a hash that needs the bytes in order (MD5, SHA-256), objects up to this size are
 * read part after part so that it can be checked. Larger ones are read in parallel, and their source leg is
 * `size-only`: pace matters more there, and the destination's leg still covers the way.
 */
export const sequentialMaxBytes = 256 * 1024 * 1024;

/** Moves an object in parts, from where its checkpoint says. */
export async function relayParts(pair: Pair, item: Item, run: BatchRun, checkpoint: Checkpoint): Promise<Evidence> {
  if (checkpoint.parts.length > 0) await reconcile(pair, item, run, checkpoint);
  return new PartsJob(pair, item, run, checkpoint).run();
}

/**
 * Keeps what the cloud still has of the parts that it once acknowledged; all of them where it does not tell. An upload
 * that is gone with all its parts there may have been completed and the answer lost: completing it again tells.
 */
async function reconcile(pair: Pair, item: Item, run: BatchRun, checkpoint: Checkpoint): Promise<void> {
  if (!pair.destination.provider.capabilities.write.listsParts) return;
  const sizeBytes = checkpoint.parts.reduce((sum, { receipt }) => sum + receipt.sizeBytes, 0);
  const listed = await pair.destination.provider.listParts(checkpoint.session, run.signal).catch((error: unknown) => {
    if (sizeBytes === item.sizeBytes && toAppError(error).code === 'UPLOAD_EXPIRED') return null;
    throw error;
  });
  if (listed === null) return;
  const nameOf = ({ partNumber, tag }: PartReceipt) => `${partNumber} ${tag}`;
  const there = new Set(listed.map(nameOf));
  checkpoint.parts = checkpoint.parts.filter(({ receipt }) => there.has(nameOf(receipt)));
  item.acknowledgedBytes = checkpoint.parts.reduce((sum, { receipt }) => sum + receipt.sizeBytes, 0);
  run.touch(item);
}

/** Begins an upload of the source as it is described. OBJECT_CHANGED when that is not what was listed. */
export async function beginParts(pair: Pair, item: Item, run: BatchRun, info: ObjectInfo): Promise<Checkpoint> {
  const { write } = pair.destination.provider.capabilities;
  if (info.sizeBytes !== item.sizeBytes || !isSameVersion(item.version ?? {}, info.version)) {
    throw new AppError('OBJECT_CHANGED', 'The source object changed after it was listed.');
  }
  const metadata = keptMetadata(pair, item, info);
  const session = await beginUpload(pair, run, { ...item.destination, sizeBytes: item.sizeBytes, metadata });
  item.checkpoint = {
    session,
    version: info.version,
    partSizeBytes: partSizeFor(item.sizeBytes, write, pair.budget.capacityBytes),
    statement: statementOf(info, neededDigests(write, 'parts')),
    parts: [],
  };
  run.touch(item);
  // Not awaited: parts flow meanwhile. At once, because an upload that nobody knows of is never aborted.
  const written = run.flush().then(() => (run.isLost ? pair.abandoned.drop(session) : undefined));
  // Of a process that ends without Postgres.
  written.catch(() => {});
  run.signal.throwIfAborted();
  return item.checkpoint;
}

class PartsJob {
  readonly #pair: Pair;
  readonly #item: Item;
  readonly #run: BatchRun;
  readonly #checkpoint: Checkpoint;
  /** Hashes of the whole that are put together from pieces. */
  readonly #wholeAlgorithms: DigestAlgorithm[];
  /** Hashes of each part. */
  readonly #algorithms: DigestAlgorithm[];
  /** Hash of the whole that needs the bytes in order; null: none is made. */
  readonly #inOrder: DigestAlgorithm | null;

  constructor(pair: Pair, item: Item, run: BatchRun, checkpoint: Checkpoint) {
    this.#pair = pair;
    this.#item = item;
    this.#run = run;
    this.#checkpoint = checkpoint;
    const { statement } = checkpoint;
    const needed = neededDigests(pair.destination.provider.capabilities.write, 'parts');
    const wanted = statement ? [...needed, statement.algorithm] : needed;
    this.#wholeAlgorithms = [...new Set(wanted)].filter((algorithm) => pieceDigestOf(algorithm) !== null);
    const ofPieces = this.#wholeAlgorithms.flatMap((algorithm) => pieceDigestOf(algorithm) ?? []);
    const { partDigest } = pair.destination.provider.capabilities.write;
    this.#inOrder =
      statement !== null && pieceDigestOf(statement.algorithm) === null && item.sizeBytes <= sequentialMaxBytes
        ? statement.algorithm
        : null;
    const ofParts = new Set([...(partDigest === null ? [] : [partDigest]), ...ofPieces]);
    // What is read again for the hash of the whole has to be what was sent, whether or not the destination hashes parts.
    if (this.#inOrder !== null && ofParts.size === 0) ofParts.add('crc32c');
    this.#algorithms = [...ofParts];
  }

  async run(): Promise<Evidence> {
    const { parts } = this.#checkpoint;
    const ordered = this.#inOrder === null ? undefined : await this.#sequentially(this.#inOrder);
    if (this.#inOrder === null) await this.#inParallel();
    parts.sort((a, b) => a.receipt.partNumber - b.receipt.partNumber);
    return this.#complete(ordered);
  }

  async #inParallel(): Promise<void> {
    const limiter = new Limiter(firstParts, mostParts, this.#mayGrow());
    const done = new Set(this.#checkpoint.parts.map(({ receipt }) => receipt.partNumber));
    const { maxTries } = this.#pair.order.options;
    let failure: unknown;
    let underWay = 0;
    const sendOne = async (part: PartRange) => {
      const tries = new Tries(0, maxTries);
      while (failure === undefined) {
        underWay += 1;
        const error = await this.#send(part).then(() => null, toAppError);
        underWay -= 1;
        if (error === null) return;
        // Those beside it may trickle for hours: as long as there are any, it does not wait for their end.
        const waitMs = underWay > 0 && passing.includes(error.code) ? tries.failed(error) : null;
        if (waitMs === null) failure ??= error;
        else await this.#waitAfter(error, waitMs).catch((reason: unknown) => (failure ??= reason));
      }
    };
    const waiting: Promise<void>[] = [];
    const { lastPartCloses } = this.#pair.destination.provider.capabilities.write;
    for (const part of partsOf(this.#item.sizeBytes, this.#checkpoint.partSizeBytes)) {
      if (lastPartCloses && part.end === this.#item.sizeBytes) await Promise.all(waiting);
      if (!done.has(part.partNumber)) waiting.push(limiter.run(() => sendOne(part)));
    }
    // Parts under way when one fails are not lost: they end and are checkpointed.
    await Promise.all(waiting);
    if (failure !== undefined) throw failure;
  }

  /** Whether one part more at once may bring anything, and takes nothing from other objects. */
  #mayGrow(): () => boolean {
    const { pace } = this.#run;
    const { budget } = this.#pair;
    const rise = new Rise(pace.bytes, performance.now());
    return () =>
      hasSpareTime() &&
      !pace.isLimited &&
      this.#run.throttledMs === 0 &&
      budget.usedBytes < budget.capacityBytes / 2 &&
      rise.isSeen(pace.bytes, performance.now());
  }

  /** Rejects when nothing more may begin. */
  async #waitAfter(error: AppError, waitMs: number): Promise<void> {
    this.#item.failedTry(error);
    this.#run.touch(this.#item);
    await pause(waitMs, this.#run.going);
  }

  /** Sends part after part and returns the hash of all bytes; parts that are there already are read again for it. */
  async #sequentially(algorithm: DigestAlgorithm): Promise<string> {
    const digest = createDigest([algorithm]);
    const update = (chunk: Uint8Array) => digest.update(chunk);
    const done = new Map(this.#checkpoint.parts.map(({ receipt, sent }) => [receipt.partNumber, sent]));
    for (const part of partsOf(this.#item.sizeBytes, this.#checkpoint.partSizeBytes)) {
      const sent = done.get(part.partNumber);
      if (sent) await this.#reread(part, sent, update);
      else await this.#send(part, update);
    }
    return digest.digest()[algorithm] as string;
  }

  async #reread({ start, end }: PartRange, sent: Digests, update: (chunk: Uint8Array) => void): Promise<void> {
    await passSource(this.#pair, this.#run);
    const lease = await enterBody(this.#pair, this.#run, Math.min(end - start, flowBytes));
    try {
      const algorithms = Object.keys(sent) as DigestAlgorithm[];
      const body = streamBody(await this.#read(start, end), end - start, algorithms, lease.admit);
      await eachPiece(body.source, update);
      assertReadAgain(sent, Object.fromEntries(algorithms.map((algorithm) => [algorithm, body.digest(algorithm)])));
    } finally {
      lease.release();
    }
  }

  async #read(start: number, end: number) {
    const { gate, provider } = this.#pair.source;
    const request = { ...this.#item.source, pin: this.#checkpoint.version, range: { start, end } };
    const { stream } = await gate.watch(provider.read(request, this.#run.signal));
    return stream;
  }

  async #send({ partNumber, start, end }: PartRange, update?: (chunk: Uint8Array) => void): Promise<void> {
    // Before anything is held, because both sides may take long.
    await passBoth(this.#pair, this.#run);
    const destination = this.#pair.destination.provider;
    const sizeBytes = end - start;
    const isBuffered = destination.capabilities.write.digestTiming === 'before';
    const lease = await enterBody(this.#pair, this.#run, isBuffered ? sizeBytes : Math.min(sizeBytes, flowBytes));
    try {
      const stream = await this.#read(start, end);
      if (update) stream.on('data', update).pause();
      const body = isBuffered
        ? await buffered(stream, sizeBytes, this.#algorithms, lease)
        : streamBody(stream, sizeBytes, this.#algorithms, lease.forward);
      const request = { session: this.#checkpoint.session, partNumber, offset: start, body };
      const receipt = await this.#pair.destination.gate.watch(destination.putPart(request, this.#run.signal));
      const sent = Object.fromEntries(this.#algorithms.map((algorithm) => [algorithm, body.digest(algorithm)]));
      agreement(sent, receipt.digests);
      this.#acknowledged(receipt, sent);
    } finally {
      lease.release();
    }
  }

  #acknowledged(receipt: PartReceipt, sent: Digests): void {
    this.#checkpoint.parts.push({ receipt, sent });
    this.#run.acknowledge(this.#item, receipt.sizeBytes);
  }

  /** Holds the whole against what the source says and only then lets the destination show it. */
  async #complete(ordered: string | undefined): Promise<Evidence> {
    const { session, statement, parts } = this.#checkpoint;
    const destination = this.#pair.destination.provider;
    const { conditionalUpload } = destination.capabilities.write;
    const pieces = parts.map(({ receipt, sent }) => ({ sizeBytes: receipt.sizeBytes, digests: sent }));
    const whole: Digests = {};
    for (const algorithm of this.#wholeAlgorithms) {
      const combined = combineParts(algorithm, pieces);
      if (combined !== undefined) whole[algorithm] = combined;
    }
    if (statement && ordered !== undefined) whole[statement.algorithm] = ordered;
    const source = sourceLeg(statement, statement ? whole[statement.algorithm] : undefined);
    const receipts = parts.map(({ receipt }) => receipt);
    // With all parts on record, whoever takes over and finds the upload gone learns by completing it again that it was
    // completed; with some of them he would send everything again.
    await this.#run.confirm();
    const result = await commit(this.#pair, this.#item, this.#run, conditionalUpload, (precondition) =>
      destination.completeUpload({ session, parts: receipts, digests: whole, precondition }, this.#run.signal),
    );
    const agreed = await orDiscard(destination, this.#item, result.version, () => agreement(whole, result.digests));
    return evidenceOf(source, agreed === null ? this.#partsLeg() : legOf(agreed, whole));
  }

  /** The destination's word part by part. */
  #partsLeg(): Leg {
    const { parts } = this.#checkpoint;
    const algorithms = parts.map(({ receipt, sent }) => agreement(sent, receipt.digests));
    const [first = null] = algorithms;
    if (first === null || algorithms.some((algorithm) => algorithm !== first)) {
      return { kind: 'size-only', algorithm: null, value: null };
    }
    return { kind: 'per-part-hash', algorithm: first, value: null };
  }
}

function legOf(algorithm: DigestAlgorithm, whole: Digests): Leg {
  return { kind: 'provider-hash', algorithm, value: whole[algorithm] ?? null };
}
