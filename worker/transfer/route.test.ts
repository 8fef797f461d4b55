import { afterAll, expect, test } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { routes } from '../../queue/transfer-options.ts';
import { createAddressPolicy } from '../../storage/address-policy.ts';
import type { Credentials } from '../../storage/credentials.ts';
import type { StorageProvider } from '../../storage/provider.ts';
import { openProvider } from '../../storage/registry.ts';
import { Item } from './item.ts';
import type { Pair } from './pair.ts';
import { chooseRoute, RefusedRoutes, type Route, refusalOf } from './route.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const opened: StorageProvider[] = [];

/** None of them is asked anything. */
function open(credentials: Credentials): StorageProvider {
  const provider = openProvider(credentials, { addressPolicy: createAddressPolicy([]) });
  opened.push(provider);
  return provider;
}
const aws = (region: string) =>
  open({ provider: 's3', region, addressing: 'virtual', accessKeyId: 'AK', secretAccessKey: 'SK' });
const azureAt = (endpoint?: string) => {
  const credentials = { provider: 'azure', accountName: 'account', accountKey: 'a2V5' } as const;
  return open(endpoint === undefined ? credentials : { ...credentials, endpoint });
};
const dropbox = () => open({ provider: 'dropbox', appKey: 'app', refreshToken: 'grant' });

afterAll(() => Promise.all(opened.map((provider) => provider.close())));

const pairOf = (source: StorageProvider, destination: StorageProvider) =>
  ({
    source: { provider: source },
    destination: { provider: destination },
    refusedRoutes: new RefusedRoutes(),
  }) as Pair;

function itemOf(sizeBytes: number, more: { checkpoint?: unknown; container?: string } = {}): Item {
  return new Item({
    ordinal: 0,
    sourceContainer: more.container ?? 'from',
    sourceKey: 'a',
    destinationContainer: 'to',
    destinationKey: 'a',
    sizeBytes,
    sourceVersion: null,
    attempts: 0,
    acknowledgedBytes: 0,
    checkpoint: more.checkpoint ?? null,
    fallback: null,
    droppedTags: [],
    route: null,
    state: 'PENDING',
    action: 'WRITE',
    destinationVersion: null,
    sourceRemoval: null,
    evidence: null,
  });
}

const choose = (pair: Pair, item: Item, allowed: readonly Route[] = routes) =>
  chooseRoute(pair, item, new Map(), { routes: allowed, keep: { modifiedAt: false } });

test.each([
  ['a copy within a partition of AWS', aws('us-east-1'), aws('eu-central-1'), 100, 'SERVER_SIDE_COPY'],
  ['no copy into another partition', aws('us-east-1'), aws('cn-north-1'), 100, 'RELAY'],
  ['a copy between accounts of one cloud', azureAt(), azureAt(), 100, 'SERVER_SIDE_COPY'],
  ['a fetch between two stores of a kind', azureAt('http://192.0.2.1/account'), azureAt(), GiB, 'INGEST_FROM_URL'],
  ['a fetch of what is large', aws('us-east-1'), azureAt(), 8 * MiB, 'INGEST_FROM_URL'],
  ['a relay of what is small', aws('us-east-1'), azureAt(), 8 * MiB - 1, 'RELAY'],
  ['a relay of what is too large to be fetched', aws('us-east-1'), dropbox(), 5 * GiB + 1, 'RELAY'],
  ['a relay between clouds without a hash in common', aws('us-east-1'), dropbox(), 8 * MiB, 'RELAY'],
  ['a relay to what fetches nothing', azureAt(), aws('us-east-1'), GiB, 'RELAY'],
] as const)('%s', (_, source, destination, sizeBytes, route) => {
  expect(choose(pairOf(source, destination), itemOf(sizeBytes))).toEqual({ route, fallback: null });
});

test('only allowed routes are taken, and a relay always is', () => {
  const pair = pairOf(azureAt(), azureAt());
  expect(choose(pair, itemOf(GiB), ['RELAY'])).toEqual({ route: 'RELAY', fallback: null });
  expect(choose(pair, itemOf(GiB), [])).toEqual({ route: 'RELAY', fallback: null });
  expect(choose(pair, itemOf(GiB), ['INGEST_FROM_URL'])).toEqual({ route: 'INGEST_FROM_URL', fallback: null });
});

test('a fetch between clouds without a hash in common is made where the order leaves out the relay', () => {
  const pair = pairOf(aws('us-east-1'), dropbox());
  expect(choose(pair, itemOf(8 * MiB), ['INGEST_FROM_URL']).route).toBe('INGEST_FROM_URL');
});

test('a fetch that leaves the modification time behind is none where it has to be kept', () => {
  const kept = { routes: ['INGEST_FROM_URL'] as const, keep: { modifiedAt: true } };
  const chosen = (destination: StorageProvider) =>
    chooseRoute(pairOf(aws('us-east-1'), destination), itemOf(8 * MiB), new Map(), kept);
  expect(chosen(dropbox())).toEqual({ route: 'RELAY', fallback: 'NOT_SUPPORTED' });
  expect(chosen(azureAt())).toEqual({ route: 'INGEST_FROM_URL', fallback: null });
});

test('what was refused for all is believed of these containers alone; the first refusal is the reason', () => {
  const pair = pairOf(azureAt(), azureAt());
  const item = itemOf(GiB);
  pair.refusedRoutes.note(pair, item, 'SERVER_SIDE_COPY', 'PERMISSION_DENIED');
  expect(choose(pair, item)).toEqual({ route: 'INGEST_FROM_URL', fallback: 'PERMISSION_DENIED' });
  pair.refusedRoutes.note(pair, item, 'INGEST_FROM_URL', 'ENDPOINT_UNREACHABLE');
  expect(choose(pair, item)).toEqual({ route: 'RELAY', fallback: 'PERMISSION_DENIED' });
  expect(choose(pair, itemOf(GiB, { container: 'other' })).route).toBe('SERVER_SIDE_COPY');
  expect(choose({ ...pair, source: { ...pair.source, provider: azureAt() } }, item).route).toBe('SERVER_SIDE_COPY');
});

test('an upload that a relay began goes on; one of a copy does not hold the copy up', () => {
  const pair = pairOf(azureAt(), azureAt());
  const session = { container: 'to', key: 'a', id: 'u', sizeBytes: GiB, metadata: { user: {} } };
  const checkpoint = { session, version: {}, partSizeBytes: 8 * MiB, statement: null, parts: [] };
  expect(choose(pair, itemOf(GiB, { checkpoint })).route).toBe('RELAY');
  expect(choose(pair, itemOf(GiB, { checkpoint: { ...checkpoint, isByCloud: true } })).route).toBe('SERVER_SIDE_COPY');
});

test.each([
  ['SERVER_SIDE_COPY', 'PERMISSION_DENIED', 'all', 'all'],
  ['SERVER_SIDE_COPY', 'CHECKSUM_MISMATCH', 'one', 'one'],
  ['SERVER_SIDE_COPY', 'PROVIDER_UNAVAILABLE', null, 'one'],
  ['SERVER_SIDE_COPY', 'ENDPOINT_UNREACHABLE', null, null],
  ['INGEST_FROM_URL', 'ENDPOINT_UNREACHABLE', 'all', 'all'],
  ['SERVER_SIDE_COPY', 'OBJECT_CHANGED', null, 'one'],
  ['SERVER_SIDE_COPY', 'THROTTLED', null, null],
  ['RELAY', 'PERMISSION_DENIED', null, null],
] as const)('%s, %s: speaks against the route for %s, in the end for %s', (route, code, first, last) => {
  const error = new AppError(code, 'said so');
  expect([refusalOf(route, error, false), refusalOf(route, error, true)]).toEqual([first, last]);
});
