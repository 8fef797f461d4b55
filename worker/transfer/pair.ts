import type { Readable } from 'node:stream';
import { AppError } from '../../core/errors.ts';
import { bufferedBody } from '../../storage/digest.ts';
import type { DigestAlgorithm } from '../../storage/digest-algorithm.ts';
import type { UploadBody, Version } from '../../storage/provider.ts';
import type { OpenAccount } from './accounts.ts';
import type { BatchRun } from './batch-run.ts';
import type { Budget, Lease } from './budget.ts';
import type { Deletions } from './deletions.ts';
import type { RefusedRoutes } from './route.ts';
import type { TransferOrder } from './take-batch.ts';
import type { AbandonedUploads } from './uploads.ts';
import type { UrlReach } from './url-reach.ts';

/** Bodies up to this size are held whole, and hold as much of the memory budget. */
export const heldBytes = 256 * 1024;
/** What one that flows holds of it: what was read ahead, and what waits to be written. */
export const flowBytes = 256 * 1024;

/** The accounts that an object comes from and goes to, and what may be used for it. */
export interface Pair {
  source: OpenAccount;
  destination: OpenAccount;
  budget: Budget;
  order: TransferOrder;
  refusedRoutes: RefusedRoutes;
  urlReach: UrlReach;
  /** Uploads to the destination that nobody goes on with. */
  abandoned: AbandonedUploads;
  /** Of the batch. */
  deletions: Deletions;
}

/** One body that is under way. */
export interface BodyLease extends Lease {
  /** So many bytes of it have come: they pass at once (undefined), or once what is returned resolves. */
  admit: BatchRun['admit'];
  /** The same for bytes that go on to the destination as they pass. */
  forward: BatchRun['admit'];
  /** So many bytes of it go to the destination: in flight until the lease is released. */
  sent(bytes: number): void;
}

/**
 * So much of the process's memory. Of an express run, one body at a time may take it from what others leave free: the rest
 * waits as everybody does, so that it serves many such runs.
 */
export async function acquireMemory({ budget }: Pair, run: BatchRun, bytes: number): Promise<Lease> {
  run.bodies += 1;
  try {
    const lease = await budget.acquire(bytes, run.going, run.isExpress && run.bodies === 1);
    let isHeld = true;
    return {
      release() {
        if (isHeld) run.bodies -= 1;
        isHeld = false;
        lease.release();
      },
    };
  } catch (error) {
    run.bodies -= 1;
    throw error;
  }
}

/** Room for one more body that holds so many bytes, within the transfer's bandwidth and the process's memory. */
export async function enterBody(pair: Pair, run: BatchRun, bytes: number): Promise<BodyLease> {
  const { pace, going } = run;
  await pace.enter(going);
  try {
    const lease = await acquireMemory(pair, run, bytes);
    let inFlight = 0;
    const sent = (count: number) => {
      inFlight += count;
      run.bytesInFlight += count;
    };
    return {
      admit: run.admit,
      forward(count) {
        const admitted = run.admit(count);
        if (admitted) return admitted.then(() => sent(count));
        sent(count);
        return undefined;
      },
      sent,
      release() {
        run.bytesInFlight -= inFlight;
        inFlight = 0;
        lease.release();
        pace.leave();
      },
    };
  } catch (error) {
    pace.leave();
    throw error;
  }
}

/** The whole body in memory, hashed, to be sent at once; as fast as its lease lets its chunks pass. */
export async function buffered(
  stream: Readable,
  sizeBytes: number,
  algorithms: readonly DigestAlgorithm[],
  lease: BodyLease,
): Promise<UploadBody> {
  const chunks = await allOf(stream, sizeBytes, lease.admit);
  lease.sent(sizeBytes);
  return bufferedBody(chunks, algorithms);
}

/**
 * The chunks of a body of that size; otherwise OBJECT_CHANGED. By events, because an iterator costs as much as all else
 * about a small object's reading.
 */
function allOf(stream: Readable, sizeBytes: number, admit: BodyLease['admit']): Promise<Uint8Array[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array[]>();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let held: Promise<void> | undefined;
  const fail = (error: unknown) => {
    reject(error);
    stream.destroy();
  };
  const failBySize = () =>
    fail(new AppError('OBJECT_CHANGED', `The source gave other than the ${sizeBytes} bytes it was listed with.`));
  const failByClose = () =>
    reject(stream.errored ?? new AppError('PROVIDER_UNAVAILABLE', 'The body was closed before its end.'));
  stream.on('data', (chunk: Uint8Array) => {
    length += chunk.byteLength;
    if (length > sizeBytes) return failBySize();
    chunks.push(chunk);
    const admitted = admit(chunk.byteLength);
    if (!admitted) return;
    stream.pause();
    held = admitted.then(() => void stream.resume(), fail);
  });
  const finish = () => (length === sizeBytes ? resolve(chunks) : failBySize());
  // A body that was there as a whole ends right behind its only chunk, paused or not.
  stream.on('end', () => (held === undefined ? finish() : void held.then(finish)));
  stream.on('error', reject);
  stream.on('close', () => {
    if (!stream.readableEnded) failByClose();
  });
  if (stream.destroyed) failByClose();
  else stream.resume();
  return promise;
}

/** Whether two descriptions can be of the same state of an object: no field that both have differs. */
export function isSameVersion(a: Version, b: Version): boolean {
  const differs = (field: keyof Version) => a[field] !== undefined && b[field] !== undefined && a[field] !== b[field];
  return !differs('etag') && !differs('versionId');
}

/** Waits until the source takes one more request; shown with the transfer where its cloud has asked for patience. */
export function passSource({ source }: Pair, run: BatchRun): Promise<void> {
  return source.gate.pass(run.going, (waitMs) => run.throttled(waitMs));
}

/** The same for the destination. */
export function passDestination({ destination }: Pair, run: BatchRun): Promise<void> {
  return destination.gate.pass(run.going, (waitMs) => run.throttled(waitMs));
}

/** The same for a request to each, which depend on one another. */
export async function passBoth(pair: Pair, run: BatchRun): Promise<void> {
  await passSource(pair, run);
  await passDestination(pair, run);
}
