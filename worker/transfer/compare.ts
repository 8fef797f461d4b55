import { AppError, toAppError } from '../../core/errors.ts';
import { createDigest } from '../../storage/digest.ts';
import type { DigestAlgorithm } from '../../storage/digest-algorithm.ts';
import { eachPiece } from '../../storage/pieces.ts';
import type { ObjectInfo, Version } from '../../storage/provider.ts';
import type { OpenAccount } from './accounts.ts';
import type { BatchRun } from './batch-run.ts';
import { orDiscard } from './discard.ts';
import type { Item } from './item.ts';
import { acquireMemory, flowBytes, isSameVersion, type Pair, passDestination, passSource } from './pair.ts';
import { type Evidence, evidenceOf, type Leg } from './verify.ts';

/** What both objects are hashed with where they are read: no cloud's statement is needed then. */
const readAlgorithm = 'sha256';

/**
 * Holds what is at the destination against the source: by the clouds' own hashes where they have one in common, else,
 * and with `verification: REREAD`, by reading both. Throws DESTINATION_DIFFERS, OBJECT_CHANGED when the source is no longer
 * what was listed.
 */
export async function compareObject(pair: Pair, item: Item, run: BatchRun): Promise<Evidence> {
  const [source, destination] = await Promise.all([sourceInfo(pair, item, run), destinationInfo(pair, item, run)]);
  if (source.sizeBytes !== destination.sizeBytes) {
    throw differs(`The destination has ${destination.sizeBytes} bytes, the source ${source.sizeBytes}.`);
  }
  const legs = pair.order.options.verification === 'REREAD' ? null : statedLegs(source, destination);
  return legs ?? readBoth(pair, item, run, source.version, destination.version);
}

/**
 * The destination's leg for what was just written, from its bytes. What does not hash to what was sent, or whose source
 * changed before it could be read again, is removed. Throws CHECKSUM_MISMATCH, OBJECT_CHANGED.
 */
export async function rereadDestination(pair: Pair, item: Item, run: BatchRun, evidence: Evidence): Promise<Evidence> {
  const version = item.written ?? {};
  const found = await reread(pair, item, run, version, evidence.source).catch((cause: unknown) => {
    const error = toAppError(cause);
    // Anything else says nothing about the object.
    if (error.code !== 'CHECKSUM_MISMATCH' && error.code !== 'OBJECT_CHANGED') throw cause;
    return error;
  });
  return orDiscard(pair.destination.provider, item, version, () => {
    if (found instanceof AppError) throw found;
    return found;
  });
}

async function reread(pair: Pair, item: Item, run: BatchRun, version: Version, source: Leg): Promise<Evidence> {
  const { algorithm, value } = source;
  if (algorithm === null || value === null || algorithm === 'crc64nvme') {
    return readBoth(pair, item, run, item.version, version).catch((error: unknown) => {
      throw toAppError(error).code === 'DESTINATION_DIFFERS' ? mismatch(error) : error;
    });
  }
  const read = await hash(pair, pair.destination, { ...item.destination, pin: version }, algorithm, run);
  if (read !== value) throw mismatch();
  return evidenceOf(source, { kind: 'reread', algorithm, value });
}

/** null: the clouds state no hash of one kind. */
function statedLegs(source: ObjectInfo, destination: ObjectInfo): Evidence | null {
  const statementsOf = ({ digests, assertedDigests }: ObjectInfo) => ({ ...assertedDigests, ...digests });
  const [left, right] = [statementsOf(source), statementsOf(destination)];
  const common = (Object.keys(left) as DigestAlgorithm[]).filter((algorithm) => right[algorithm] !== undefined);
  if (common.some((algorithm) => left[algorithm] !== right[algorithm]))
    throw differs('The hashes of both sides differ.');
  const isVouched = (algorithm: DigestAlgorithm) =>
    Number(source.digests[algorithm] !== undefined) + Number(destination.digests[algorithm] !== undefined);
  const [best] = common.toSorted((a, b) => isVouched(b) - isVouched(a));
  if (best === undefined) return null;
  const legOf = ({ digests }: ObjectInfo): Leg => ({
    kind: digests[best] === undefined ? 'asserted' : 'provider-hash',
    algorithm: best,
    value: left[best] ?? null,
  });
  return evidenceOf(legOf(source), legOf(destination));
}

async function readBoth(
  pair: Pair,
  item: Item,
  run: BatchRun,
  sourceVersion: Version | null,
  destinationVersion: Version,
): Promise<Evidence> {
  const [from, to] = await Promise.all([
    hash(pair, pair.source, { ...item.source, pin: sourceVersion ?? undefined }, readAlgorithm, run),
    hash(pair, pair.destination, { ...item.destination, pin: destinationVersion }, readAlgorithm, run),
  ]);
  if (from !== to) throw differs('The bytes of both sides differ.');
  const leg: Leg = { kind: 'reread', algorithm: readAlgorithm, value: to };
  return evidenceOf(leg, leg);
}

async function hash(
  pair: Pair,
  { gate, provider }: OpenAccount,
  request: { container: string; key: string; pin?: Version | undefined },
  algorithm: DigestAlgorithm,
  run: BatchRun,
): Promise<string> {
  await gate.pass(run.going, (waitMs) => run.throttled(waitMs));
  const lease = await acquireMemory(pair, run, flowBytes);
  try {
    const { stream } = await gate.watch(provider.read(request, run.signal));
    const digest = createDigest([algorithm]);
    await eachPiece(stream, (piece) => digest.update(piece));
    return digest.digest()[algorithm] as string;
  } finally {
    lease.release();
  }
}

async function sourceInfo(pair: Pair, item: Item, run: BatchRun): Promise<ObjectInfo> {
  await passSource(pair, run);
  const { gate, provider } = pair.source;
  const info = await gate.watch(provider.stat(item.source, run.signal));
  if (!isSameVersion(item.version ?? {}, info.version)) {
    throw new AppError('OBJECT_CHANGED', 'The source object changed after it was listed.');
  }
  return info;
}

async function destinationInfo(pair: Pair, item: Item, run: BatchRun): Promise<ObjectInfo> {
  await passDestination(pair, run);
  const { gate, provider } = pair.destination;
  try {
    return await gate.watch(provider.stat(item.destination, run.signal));
  } catch (error) {
    if (toAppError(error).code !== 'OBJECT_NOT_FOUND') throw error;
    throw new AppError('DESTINATION_DIFFERS', 'It is not at the destination.', { cause: error });
  }
}

function differs(message: string): AppError {
  return new AppError('DESTINATION_DIFFERS', message);
}

function mismatch(cause?: unknown): AppError {
  return new AppError('CHECKSUM_MISMATCH', 'What the destination gives back is not what was sent.', { cause });
}
