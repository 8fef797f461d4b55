import type { Readable } from 'node:stream';
import { AppError } from '../../core/errors.ts';
import type { Capabilities } from '../../storage/capabilities.ts';
import { statedBody, streamBody } from '../../storage/digest.ts';
import type { ObjectInfo, Precondition, ReadResult, UploadBody } from '../../storage/provider.ts';
import type { BatchRun } from './batch-run.ts';
import { commit, underPrecondition } from './commit.ts';
import { orDiscard } from './discard.ts';
import { HoldBack } from './hold-back.ts';
import type { Item, Statement } from './item.ts';
import { keptMetadata } from './kept.ts';
import { type BodyLease, buffered, enterBody, flowBytes, heldBytes, type Pair, passBoth, passSource } from './pair.ts';
import { isWhole } from './parts.ts';
import { beginParts, relayParts } from './relay-parts.ts';
import {
  agreement,
  type Evidence,
  evidenceOf,
  neededDigests,
  pieceDigestOf,
  sourceLeg,
  statementOf,
} from './verify.ts';

/**
 * Objects of which the source states only a hash that cannot be put together from parts' travel in one request up to
 * this size, where the destination checks that hash: to compute it here would cost more than all else about them. Not
 * where bodies have to be in memory first: there parts are hashed anyway, and give progress, a pause and a budget their
 * steps.
 */
const statedMaxBytes = 64 * 1024 * 1024;

/** Bodies up to this size that need no hash here go out in one piece with their head; larger ones flow at once. */
const onePieceBytes = 16 * 1024;

/**
 * Moves one object's bytes through this process: the source is read pinned to one version, hashed on its way and
 * written in one request or in parts. What does not hash to what the source says does not become visible at the
 * destination, or is removed at once where the destination's own word brings it to light. Acknowledged parts are
 * checkpointed; a further call goes on behind them.
 */
export async function relayObject(pair: Pair, item: Item, run: BatchRun): Promise<Evidence> {
  const { write } = pair.destination.provider.capabilities;
  if (item.sizeBytes > write.objectMaxBytes) {
    throw new AppError(
      'OBJECT_TOO_LARGE',
      `The destination takes objects of up to ${write.objectMaxBytes} bytes; this one has ${item.sizeBytes}.`,
    );
  }
  if (item.checkpoint !== null) return relayParts(pair, item, run, item.checkpoint);
  if (isWhole(item.sizeBytes, write)) return relayWhole(pair, item, run);
  await passSource(pair, run);
  const info = await pair.source.gate.watch(pair.source.provider.stat(item.source, run.signal));
  const mayBeWhole = write.digestTiming === 'after' && item.sizeBytes <= Math.min(statedMaxBytes, write.singleMaxBytes);
  const statement = statementOf(info, neededDigests(write, 'parts'));
  const isOfParts = statement === null || pieceDigestOf(statement.algorithm) !== null;
  if (mayBeWhole && !isOfParts && checkedStatement(info, write) !== undefined) return relayWhole(pair, item, run);
  return relayParts(pair, item, run, await beginParts(pair, item, run, info));
}

/** What the source vouches for and the destination checks. */
function checkedStatement({ digests }: ObjectInfo, { statedDigests }: Capabilities['write']): Statement | undefined {
  for (const algorithm of statedDigests) {
    const value = digests[algorithm];
    if (value !== undefined) return { algorithm, value, asserted: false };
  }
  return undefined;
}

function relayWhole(pair: Pair, item: Item, run: BatchRun): Promise<Evidence> {
  const { conditional } = pair.destination.provider.capabilities.write;
  return commit(pair, item, run, conditional, (precondition) => sendWhole(pair, item, run, precondition));
}

async function sendWhole(
  pair: Pair,
  item: Item,
  run: BatchRun,
  precondition: Precondition | undefined,
): Promise<Evidence> {
  const source = pair.source.provider;
  const destination = pair.destination.provider;
  const { write } = destination.capabilities;
  const { sizeBytes } = item;
  const isHeld = write.digestTiming === 'before' || sizeBytes <= heldBytes;
  await passBoth(pair, run);
  const lease = await enterBody(pair, run, isHeld ? sizeBytes : Math.min(sizeBytes, flowBytes));
  try {
    const read = await pair.source.gate.watch(
      source.read({ ...item.source, pin: item.version ?? undefined }, run.signal),
    );
    assertSize(read, sizeBytes);
    item.version ??= read.info.version;
    const checked = checkedStatement(read.info, write);
    const statement = checked ?? statementOf(read.info, neededDigests(write, 'whole'));
    const body = await bodyOf(read.stream, sizeBytes, write, isHeld, statement, checked, lease);
    const metadata = keptMetadata(pair, item, read.info);
    const written = await pair.destination.gate.watch(
      underPrecondition(
        precondition,
        destination.write({ ...item.destination, body, metadata, precondition }, run.signal),
      ),
    );
    return await orDiscard(destination, item, written.version, () => {
      const algorithms = checked ? [checked.algorithm] : neededDigests(write, 'whole');
      const sent = Object.fromEntries(algorithms.map((algorithm) => [algorithm, body.digest(algorithm)]));
      const agreed = agreement(sent, written.digests);
      run.acknowledge(item, sizeBytes - item.acknowledgedBytes);
      return evidenceOf(sourceLeg(statement, statement ? body.digest(statement.algorithm) : undefined), {
        kind: agreed === null ? 'size-only' : 'provider-hash',
        algorithm: agreed,
        value: agreed === null ? null : (sent[agreed] ?? null),
      });
    });
  } finally {
    lease.release();
  }
}

/** A pinned read tells OBJECT_CHANGED by itself; an unpinned one may give an object of another size. */
function assertSize(read: ReadResult, sizeBytes: number): void {
  if (read.info.sizeBytes === sizeBytes) return;
  read.stream.destroy();
  throw new AppError('OBJECT_CHANGED', 'The source object changed after it was listed.');
}

/**
 * The body as the destination takes it: with what the source states when that is `checked` over there; else hashed here
 * and held against the source's statement before it is complete at the destination.
 */
async function bodyOf(
  stream: Readable,
  sizeBytes: number,
  write: Capabilities['write'],
  isHeld: boolean,
  statement: Statement | null,
  checked: Statement | undefined,
  lease: BodyLease,
): Promise<UploadBody> {
  if (checked !== undefined) {
    const body =
      sizeBytes <= onePieceBytes
        ? await buffered(stream, sizeBytes, [], lease)
        : streamBody(stream, sizeBytes, [], lease.forward);
    return statedBody(body, { [checked.algorithm]: checked.value });
  }
  const needed = neededDigests(write, 'whole');
  const algorithms = statement ? [...needed, statement.algorithm] : needed;
  const check = (body: UploadBody) => sourceLeg(statement, statement ? body.digest(statement.algorithm) : undefined);
  if (isHeld) {
    const body = await buffered(stream, sizeBytes, algorithms, lease);
    check(body);
    return body;
  }
  const body = streamBody(stream, sizeBytes, algorithms, lease.forward);
  if (statement === null) return body;
  const source = new HoldBack(body.source, () => check(body));
  return { sizeBytes, source, digest: (algorithm) => body.digest(algorithm) };
}
