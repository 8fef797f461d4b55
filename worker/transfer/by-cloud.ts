import { AppError } from '../../core/errors.ts';
import { orAborted } from '../../storage/http.ts';
import type { ObjectInfo, OnUpload, StorageProvider, Version, WriteResult } from '../../storage/provider.ts';
import type { BatchRun } from './batch-run.ts';
import { commit, underPrecondition } from './commit.ts';
import { orDiscard } from './discard.ts';
import type { Item } from './item.ts';
import { isPartlyKept, keptMetadata } from './kept.ts';
import { isSameVersion, type Pair, passDestination, passSource } from './pair.ts';
import { UnsuitedObject } from './route.ts';
import { type Evidence, evidenceOf, statedAgreement, unknownLeg } from './verify.ts';

/** A URL lives so long, and longer for what takes long at this pace. */
const leastUrlMs = 15 * 60_000;
const leastBytesPerMs = 8 * 1024;

/** What a source says of the object that its cloud, or another one, is to take over. */
type SourceFacts = Pick<ObjectInfo, 'sizeBytes' | 'version' | 'digests' | 'assertedDigests' | 'metadata'>;

/**
 * Has the cloud of both accounts copy one object by itself. The copy is pinned to the version that was offered, so that
 * where a store takes no preconditions for copies, a late one of a worker that lost its lease brings nothing but what the
 * source still is.
 */
export async function copyObject(pair: Pair, item: Item, run: BatchRun): Promise<Evidence> {
  const [source, destination] = [pair.source, pair.destination];
  await passSource(pair, run);
  const request = { ...item.source, pin: item.version ?? undefined };
  const offer = await source.gate.watch(source.provider.offerCopy(request, run.signal));
  adopt(item, offer);
  const { copy: ability } = destination.provider.capabilities;
  if (!ability?.metadata && isPartlyKept(offer.metadata, pair.order.options)) {
    throw new UnsuitedObject(
      'NOT_SUPPORTED',
      'What the cloud copies by itself would keep metadata that is to stay behind.',
    );
  }
  const metadata = keptMetadata(pair, item, offer);
  const onUpload = recording(pair, item, run, offer.version);
  const isConditional = ability?.conditional ?? false;
  const result = await commit(pair, item, run, isConditional, async (precondition) => {
    await passDestination(pair, run);
    const copy = { ...item.destination, offer, metadata, precondition, onUpload };
    return atCloud(item, () =>
      destination.gate.watch(underPrecondition(precondition, destination.provider.copy(copy, run.signal))),
    );
  });
  return proved(pair, item, run, offer, result, true);
}

/**
 * Has the destination's cloud fetch one object from where it is. The URL is a credential for that object: it is made for
 * this one request, never leaves this call, and leads to no private address that the operator does not allow.
 */
export async function ingestObject(pair: Pair, item: Item, run: BatchRun): Promise<Evidence> {
  const [source, destination] = [pair.source, pair.destination];
  const { ingest } = destination.provider.capabilities;
  await passSource(pair, run);
  const expiresInMs = urlLifeMs(item.sizeBytes, source.provider.capabilities.presign);
  const request = { ...item.source, pin: item.version ?? undefined, expiresInMs };
  const url = await source.gate.watch(source.provider.presign(request, run.signal));
  await orAborted(pair.urlReach.assert(url), run.signal);
  await passSource(pair, run);
  const info = await source.gate.watch(source.provider.stat(item.source, run.signal));
  adopt(item, info);
  if (pair.order.options.routes.includes('RELAY') && !isToldBy(info, destination.provider)) {
    throw new UnsuitedObject(
      'NOT_SUPPORTED',
      'Nothing but the size would tell whether the cloud fetched what was there.',
    );
  }
  const metadata = keptMetadata(pair, item, info);
  const { digests, sizeBytes } = info;
  const onUpload = recording(pair, item, run, info.version);
  const result = await commit(pair, item, run, ingest?.conditional ?? false, async (precondition) => {
    await passDestination(pair, run);
    const fetching = { ...item.destination, url, sizeBytes, metadata, digests, precondition, onUpload };
    return atCloud(item, () =>
      destination.gate.watch(underPrecondition(precondition, destination.provider.ingest(fetching, run.signal))),
    );
  });
  return proved(pair, item, run, info, result, false);
}

/**
 * Whether the source states a hash of this very object that the destination states too: some objects have none of the kind
 * that their cloud states of others, such as those of parts. A relay computes what either side states.
 */
function isToldBy({ digests, assertedDigests, sizeBytes }: SourceFacts, destination: StorageProvider): boolean {
  const stated = { ...assertedDigests, ...digests };
  return sizeBytes === 0 || destination.capabilities.read.digests.some((algorithm) => stated[algorithm] !== undefined);
}

/**
 * Keeps on record what the object is made by, before there is anything: what nobody knows of is never dropped. What an earlier
 * request was to make it by is dropped first, unless it is known to be gone: its record is replaced.
 */
function recording({ abandoned }: Pair, item: Item, run: BatchRun, version: Version): OnUpload {
  return async (session) => {
    if (session !== null && item.checkpoint !== null) await abandoned.drop(item.checkpoint.session);
    const rest = { version, partSizeBytes: Math.max(item.sizeBytes, 1), statement: null, parts: [] };
    item.checkpoint = session === null ? null : { session, ...rest, isByCloud: true };
    run.touch(item);
    if (session !== null) await run.confirm();
  };
}

async function atCloud<T>(item: Item, request: () => Promise<T>): Promise<T> {
  item.isAtCloud = true;
  const result = await request();
  item.isAtCloud = false;
  item.checkpoint = null;
  return result;
}

/** Throws OBJECT_CHANGED for an object that is not the one that was listed. */
function adopt(item: Item, { sizeBytes, version }: SourceFacts): void {
  if (sizeBytes !== item.sizeBytes || !isSameVersion(item.version ?? {}, version)) {
    throw new AppError('OBJECT_CHANGED', 'The source object changed after it was listed.');
  }
  item.version ??= version;
}

/**
 * What both sides say of the object that has arrived. Where the answer says nothing that the source says too, the
 * destination is asked; a copy's own statements count though its cloud only keeps them, those that came with a fetch are
 * the source's own words. An object that is not what it should be is removed.
 */
async function proved(
  pair: Pair,
  item: Item,
  run: BatchRun,
  said: SourceFacts,
  result: WriteResult,
  isCopy: boolean,
): Promise<Evidence> {
  const destination = pair.destination.provider;
  const check = <T>(test: () => T) => orDiscard(destination, item, result.version, test);
  let evidence = await check(() => statedAgreement(said, { digests: result.digests, assertedDigests: {} }));
  if (evidence === null) {
    await passDestination(pair, run);
    const there = await pair.destination.gate.watch(destination.stat(item.destination, run.signal));
    const assertedDigests = isCopy ? there.assertedDigests : {};
    evidence = await check(() => {
      if (there.sizeBytes !== item.sizeBytes) {
        throw new AppError('CHECKSUM_MISMATCH', `The destination holds ${there.sizeBytes} bytes of ${item.sizeBytes}.`);
      }
      return statedAgreement(said, { digests: there.digests, assertedDigests });
    });
  }
  if (evidence === null && !isCopy) await stillSame(pair, item, run, said.version, check);
  run.acknowledge(item, item.sizeBytes - item.acknowledgedBytes);
  return evidence ?? evidenceOf(unknownLeg, unknownLeg);
}

/** Few URLs are pinned: without a hash to compare, what was fetched counts only if the source did not change meanwhile. */
async function stillSame(
  pair: Pair,
  item: Item,
  run: BatchRun,
  version: Version,
  check: (test: () => void) => Promise<void>,
): Promise<void> {
  await passSource(pair, run);
  const now = await pair.source.gate.watch(pair.source.provider.stat(item.source, run.signal));
  await check(() => {
    if (isSameVersion(now.version, version)) return;
    throw new AppError('OBJECT_CHANGED', 'The source object changed while it was fetched.');
  });
}

function urlLifeMs(sizeBytes: number, presign: { minExpiresMs: number; maxExpiresMs: number } | null): number {
  const wanted = leastUrlMs + sizeBytes / leastBytesPerMs;
  return Math.min(Math.max(wanted, presign?.minExpiresMs ?? 0), presign?.maxExpiresMs ?? wanted);
}
