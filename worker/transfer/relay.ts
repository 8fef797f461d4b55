import type { Readable } from 'node:stream';
import { AppError } from '../../core/errors.ts';
import { streamBody } from '../../storage/digest.ts';
import type { DigestAlgorithm, Precondition, ReadResult, UploadBody } from '../../storage/provider.ts';
import type { OpenAccount } from './accounts.ts';
import type { BatchRun } from './batch-run.ts';
import { commit, underPrecondition } from './commit.ts';
import { orDiscard } from './discard.ts';
import { HoldBack } from './hold-back.ts';
import type { Item, Statement } from './item.ts';
import { isWhole } from './parts.ts';
import { beginParts, relayParts } from './relay-parts.ts';
import { buffered, chunkBytes, passBoth, passSource, type Route } from './route.ts';
import { agreement, type Evidence, evidenceOf, type Leg, neededDigests, sourceLeg, statementOf } from './verify.ts';

/**
 * Where a source states nothing but an MD5 and the destination answers with the MD5 of what it stored, the two clouds'
 * words are compared and none is computed here, which would cost more than everything else about the object. Such
 * objects travel in one request up to this size. Only where nothing is at the destination, because what turns out
 * damaged is found when it has taken its place.
 */
const chainedMaxBytes = 64 * 1024 * 1024;

/**
 * Moves one object's bytes through this process: the source is read pinned to one version, hashed on its way and
 * written in one request or in parts. What does not hash to what the source says does not become visible at the
 * destination, or is removed at once where the destination's own word brings it to light. Acknowledged parts are
 * checkpointed; a further call goes on behind them.
 */
export async function relayObject(route: Route, item: Item, run: BatchRun): Promise<Evidence> {
  const { write } = route.destination.provider.capabilities;
  if (item.sizeBytes > write.objectMaxBytes) {
    throw new AppError(
      'OBJECT_TOO_LARGE',
      `The destination takes objects of up to ${write.objectMaxBytes} bytes; this one has ${item.sizeBytes}.`,
    );
  }
  if (item.checkpoint !== null) return relayParts(route, item, run, item.checkpoint);
  if (isWhole(item.sizeBytes, write)) return relayWhole(route, item, run);
  await passSource(route, run);
  const info = await route.source.gate.watch(route.source.provider.stat(item.source, run.signal));
  const { container } = item.destination;
  const isSmall = item.sizeBytes <= Math.min(chainedMaxBytes, write.singleMaxBytes);
  const isAbsent = write.conditional && !run.findings.occupied;
  if (
    isSmall &&
    isAbsent &&
    isChained(statementOf(info, neededDigests(write, 'parts')), route.destination, container)
  ) {
    return relayWhole(route, item, run);
  }
  return relayParts(route, item, run, await beginParts(route, item, run, info));
}

/** Whether the two clouds' MD5 can be held against one another. */
function isChained(statement: Statement | null, { provider, statesMd5 }: OpenAccount, container: string): boolean {
  return (
    statement?.algorithm === 'md5' &&
    provider.capabilities.write.digestTiming === 'after' &&
    provider.capabilities.write.singleDigest !== 'md5' &&
    statesMd5.has(container)
  );
}

function relayWhole(route: Route, item: Item, run: BatchRun): Promise<Evidence> {
  const { conditional } = route.destination.provider.capabilities.write;
  return commit(route, item, run, conditional, (precondition) => sendWhole(route, item, run, precondition));
}

async function sendWhole(
  route: Route,
  item: Item,
  run: BatchRun,
  precondition: Precondition | undefined,
): Promise<Evidence> {
  const source = route.source.provider;
  const destination = route.destination.provider;
  const { container } = item.destination;
  const { sizeBytes } = item;
  const isBuffered = destination.capabilities.write.digestTiming === 'before' || sizeBytes <= chunkBytes;
  await passBoth(route, run);
  const lease = await route.budget.acquire(isBuffered ? sizeBytes : chunkBytes, run.going);
  try {
    const read = await route.source.gate.watch(
      source.read({ ...item.source, pin: item.version ?? undefined }, run.signal),
    );
    assertSize(read, sizeBytes);
    item.version ??= read.info.version;
    const needed = neededDigests(destination.capabilities.write, 'whole');
    const statement = statementOf(read.info, needed);
    const chained =
      precondition?.ifAbsent === true && !isBuffered && isChained(statement, route.destination, container);
    const own = chained ? null : statement;
    const algorithms = own ? [...needed, own.algorithm] : needed;
    const check = (body: UploadBody) => sourceLeg(own, own ? body.digest(own.algorithm) : undefined);
    let body: UploadBody;
    if (isBuffered) {
      body = await buffered(read.stream, sizeBytes, algorithms);
      check(body);
    } else {
      body = streamed(read.stream, sizeBytes, algorithms, own === null ? undefined : check);
    }
    const { metadata } = read.info;
    const written = await route.destination.gate.watch(
      underPrecondition(
        precondition,
        destination.write({ ...item.destination, body, metadata, precondition }, run.signal),
      ),
    );
    if (written.digests.md5 === undefined) route.destination.statesMd5.delete(container);
    else route.destination.statesMd5.add(container);
    const sent = Object.fromEntries(algorithms.map((algorithm) => [algorithm, body.digest(algorithm)]));
    return await orDiscard(destination, item, written.version, () => {
      const leg = chained ? chainedLeg(statement, written.digests.md5) : check(body);
      const agreed = agreement(sent, written.digests);
      run.acknowledge(item, sizeBytes - item.acknowledgedBytes);
      return evidenceOf(leg, {
        kind: agreed === null ? 'size-only' : 'provider-hash',
        algorithm: agreed,
        value: agreed === null ? null : (sent[agreed] ?? null),
      });
    });
  } finally {
    lease.release();
  }
}

/** The source leg by the destination's word. Without that word the object is sent again and hashed here. */
function chainedLeg(statement: Statement | null, stated: string | undefined): Leg {
  if (stated !== undefined) return sourceLeg(statement, stated);
  throw new AppError('CHECKSUM_MISMATCH', 'The destination did not state the MD5 that it states of other objects.');
}

/** A pinned read tells OBJECT_CHANGED by itself; an unpinned one may give an object of another size. */
function assertSize(read: ReadResult, sizeBytes: number): void {
  if (read.info.sizeBytes === sizeBytes) return;
  read.stream.destroy();
  throw new AppError('OBJECT_CHANGED', 'The source object changed after it was listed.');
}

/** A body that flows, hashed on its way; with `check`, its end is held back until that did not throw. */
function streamed(
  stream: Readable,
  sizeBytes: number,
  algorithms: readonly DigestAlgorithm[],
  check?: (body: UploadBody) => unknown,
): UploadBody {
  const body = streamBody(stream, sizeBytes, algorithms);
  if (check === undefined) return body;
  const source = new HoldBack(body.source, () => check(body));
  return { sizeBytes, source, digest: (algorithm) => body.digest(algorithm) };
}
