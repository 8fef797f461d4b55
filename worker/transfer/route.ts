import { AppError, type ErrorCode } from '../../core/errors.ts';
import { routes, type TransferOptions } from '../../queue/transfer-options.ts';
import type { StorageProvider } from '../../storage/provider.ts';
import { TagsDenied } from '../../storage/tags.ts';
import type { Item } from './item.ts';
import type { Pair } from './pair.ts';

export type Route = (typeof routes)[number];

type Accounts = Pick<Pair, 'source' | 'destination' | 'refusedRoutes'>;
type Placed = Pick<Item, 'source' | 'destination' | 'sizeBytes'>;

/** Below this size a relay takes no more requests than a fetch from a URL does, and hands out no credential. */
const ingestMinBytes = 8 * 1024 * 1024;
/** A refusal that holds for all objects is believed for so long: rights and firewalls change. */
const refusalMs = 10 * 60_000;

/** Refused for a reason that lies in one object. */
export class UnsuitedObject extends AppError {}

/**
 * Decides by which route the object goes, and why by no better one. An upload that was begun here goes on.
 *
 * @param refusedHere Routes that were tried for this object in vain.
 * @param options Which routes may be used at all, a relay always, and whether the modification time has to be kept.
 */
export function chooseRoute(
  pair: Accounts,
  item: Placed & Pick<Item, 'checkpoint' | 'fallback'>,
  refusedHere: ReadonlyMap<Route, ErrorCode>,
  { routes: allowed, keep }: { routes: readonly Route[]; keep: Pick<TransferOptions['keep'], 'modifiedAt'> },
): { route: Route; fallback: ErrorCode | null } {
  if (item.checkpoint !== null && !item.checkpoint.isByCloud) return { route: 'RELAY', fallback: item.fallback };
  let fallback: ErrorCode | null = null;
  for (const route of routes) {
    if (route === 'RELAY' || !allowed.includes(route) || !isPossible(route, pair, item)) continue;
    if (route === 'INGEST_FROM_URL' && allowed.includes('RELAY') && !haveCommonDigest(pair)) continue;
    if (route === 'INGEST_FROM_URL' && keep.modifiedAt && !pair.destination.provider.capabilities.ingest?.metadata) {
      fallback ??= 'NOT_SUPPORTED';
      continue;
    }
    const refusal = refusedHere.get(route) ?? pair.refusedRoutes.reason(pair, item, route);
    if (refusal === undefined) return { route, fallback };
    fallback ??= refusal;
  }
  return { route: 'RELAY', fallback };
}

/** Whether both accounts are able to; whether they may is found out by trying. */
function isPossible(
  route: Exclude<Route, 'RELAY'>,
  { source, destination }: Accounts,
  { sizeBytes }: Pick<Item, 'sizeBytes'>,
): boolean {
  const [from, to] = [source.provider, destination.provider];
  const { copy, ingest } = to.capabilities;
  if (route === 'SERVER_SIDE_COPY') {
    if (copy === null || from.capabilities.copy?.scheme !== copy.scheme) return false;
    return from.store === to.store && sizeBytes <= copy.maxBytes;
  }
  if (ingest === null || from.capabilities.presign === null) return false;
  return sizeBytes >= ingestMinBytes && sizeBytes <= ingest.maxBytes;
}

/**
 * Whether the clouds state a hash of the same kind. Without one, nothing but the size tells whether a cloud fetched what was
 * there, while a relay computes whatever either side states: it goes before the fetch unless the order leaves it out.
 */
function haveCommonDigest({ source, destination }: Accounts): boolean {
  const stated = destination.provider.capabilities.read.digests;
  return source.provider.capabilities.read.digests.some((algorithm) => stated.includes(algorithm));
}

const holdForAll: readonly ErrorCode[] = [
  'NOT_SUPPORTED',
  'PERMISSION_DENIED',
  // Accounts of one store may each see buckets of their own.
  'CONTAINER_NOT_FOUND',
  'ADDRESS_NOT_ALLOWED',
  'ENDPOINT_INVALID',
];
const holdForOne: readonly ErrorCode[] = [
  'INVALID_INPUT',
  'REQUEST_REFUSED',
  'CONFLICT',
  'OBJECT_TOO_LARGE',
  'OBJECT_NOT_READABLE',
  'UPLOAD_EXPIRED',
  'CHECKSUM_MISMATCH',
];
/** Pass by themselves, or do not: also a source that looks changed only to whoever sees another one of its name. */
const holdInTheEnd: readonly ErrorCode[] = ['PROVIDER_UNAVAILABLE', 'INTERNAL', 'OBJECT_CHANGED'];

/**
 * Whether a failure speaks against the route: for all objects of these places, or for this one. null: another route would
 * fail as well, or the same one deserves a further try.
 */
export function refusalOf(route: Route, error: AppError, isLastTry: boolean): 'all' | 'one' | null {
  if (route === 'RELAY') return null;
  if (error instanceof UnsuitedObject || error instanceof TagsDenied || holdForOne.includes(error.code)) return 'one';
  if (holdForAll.includes(error.code)) return 'all';
  // Of a copy it is our own way to the cloud that is cut.
  if (error.code === 'ENDPOINT_UNREACHABLE' && route === 'INGEST_FROM_URL') return 'all';
  return isLastTry && holdInTheEnd.includes(error.code) ? 'one' : null;
}

interface Refusal {
  code: ErrorCode;
  /** By performance.now(). */
  until: number;
}
type Sides = Pick<Pair, 'source' | 'destination'>;
type Places = Pick<Item, 'source' | 'destination'>;

/** What this process has learnt of routes between two accounts, for as long as it is connected to both. */
export class RefusedRoutes {
  readonly #bySource = new WeakMap<StorageProvider, WeakMap<StorageProvider, Map<string, Refusal>>>();

  /** Why the route is not tried at present; undefined: nothing speaks against it. */
  reason({ source, destination }: Sides, places: Places, route: Route): ErrorCode | undefined {
    const refusal = this.#bySource.get(source.provider)?.get(destination.provider)?.get(keyOf(places, route));
    return refusal && refusal.until > performance.now() ? refusal.code : undefined;
  }

  note({ source, destination }: Sides, places: Places, route: Route, code: ErrorCode): void {
    const byDestination = this.#bySource.get(source.provider) ?? new WeakMap();
    this.#bySource.set(source.provider, byDestination);
    const refusals = byDestination.get(destination.provider) ?? new Map<string, Refusal>();
    byDestination.set(destination.provider, refusals);
    refusals.set(keyOf(places, route), { code, until: performance.now() + refusalMs });
  }
}

/** Rights are given by container. */
function keyOf({ source, destination }: Places, route: Route): string {
  return JSON.stringify([route, source.container, destination.container]);
}
