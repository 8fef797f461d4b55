import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect } from 'vitest';
import type { ErrorCode } from '../../core/errors.ts';
import { type AccessTokens, localAccessTokens } from '../access-tokens.ts';
import { createAddressPolicy } from '../address-policy.ts';
import type { Capabilities } from '../capabilities.ts';
import type { Credentials } from '../credentials.ts';
import { bufferedBody, streamBody } from '../digest.ts';
import type { DigestAlgorithm } from '../digest-algorithm.ts';
import type { ObjectMetadata, StorageProvider, UploadBody, UploadSession, Version } from '../provider.ts';
import { type OpenOptions, type OperatorAccess, openProvider } from '../registry.ts';
import { patient } from './patient.ts';
import { rooted } from './rooted.ts';

/** What a provider's test file gives to the suite. */
export interface Fixture {
  /** Stands in the names of the tests. */
  name: string;
  /** Two containers of the store, the first one by byte order first. Default: `conformance` and `conformance-other`. */
  containers?: readonly [string, string];
  /** Starts a store with these containers and nothing in them. */
  start(containers: readonly [string, string]): Promise<{ endpoint: string; close(): Promise<void> }>;
  credentials(endpoint: string): Credentials;
  /** The same with a secret that is well formed and wrong. */
  wrongCredentials(endpoint: string): Credentials;
  /** Other ones, which the store knows and which may do nothing in the containers. */
  deniedCredentials(endpoint: string): Credentials;
  /** Others, which may do everything but with tags, where the store has tags. */
  untaggedCredentials?(endpoint: string): Credentials;
  /** What the operator brings along for accounts at the endpoint, once the store runs. Default: nothing. */
  operator?(endpoint: string): OperatorAccess;
  /** Other credentials, or those of another account, that may write to the containers and read what is offered. */
  otherCredentials?(endpoint: string): Credentials;
  /** How many objects the largest listing has, where the store cannot write the usual 10,000 in seconds. */
  manyKeys?: number;
  /** Fewer than 1,500, for a store that takes long over each. */
  deletedKeys?: number;
  /** A proxy of plain HTTP before the store, which spoils single exchanges. */
  startProxy(endpoint: string): Promise<Proxy>;
}

/** What there is to test a store by that runs elsewhere and holds other things too: a person's account at a cloud. */
export interface RemoteFixture extends Pick<Fixture, 'name' | 'manyKeys'> {
  /** Both may be the same one. */
  containers: readonly [string, string];
  credentials(): Credentials;
  open: Pick<OpenOptions, 'addressPolicy' | 'operator'>;
  /** Everything is written below it. Ends in a slash. */
  root: string;
  /** Told of each upload in parts before it goes on, by the session that `openProvider`'s providers know. */
  onUpload(session: UploadSession): void;
  /** Told of each group of tests that needs a store on this machine and is left out. */
  onLeftOut(group: string): void;
  /** How many times longer than beside a local store everything may take. */
  patience: number;
}

export interface Proxy {
  endpoint: string;
  spoilNext(
    fault:
      | { kind: 'stall' }
      | { kind: 'answer'; response: string }
      | { kind: 'cut'; afterBytes: number; how: 'reset' | 'end' }
      | { kind: 'corrupt' | 'corruptAnswer'; atByte: number }
      | { kind: 'slow'; bytesPerSecond: number }
      | { kind: 'loseAnswer' },
  ): Promise<void>;
  connections(): number;
  close(): Promise<void>;
}

/** Containers of the store that is being tested. */
export let container = 'conformance';
export let otherContainer = 'conformance-other';

/** A running store, and providers that talk to it. */
export interface Session {
  /** Open, with its capabilities as probed. */
  provider: StorageProvider;
  capabilities: Capabilities;
  /** Of another account, or by another way in, where the fixture has one. */
  otherProvider?: StorageProvider;
  /** How many objects the largest listing has. */
  manyKeys: number;
  /** How many of them are deleted together, more than one request takes. */
  deletedKeys: number;
  /** Whether the store holds nothing but what the suite made. */
  isOwn: boolean;
  /** Opens another one. Closed with the session. */
  open(options?: { capabilities?: Capabilities }): StorageProvider;
  close(): Promise<void>;
}

/** A store on this machine, which lies behind a proxy too. */
export interface LocalSession extends Session {
  fixture: Fixture;
  /** Of the store itself, past the proxy. */
  endpoint: string;
  proxy: Proxy;
  /** Opens another one: straight to the store, or through the proxy. Closed with the session. */
  open(options?: { proxied?: boolean; credentials?: Credentials; capabilities?: Capabilities }): StorageProvider;
}

/** How a test gets at the session: tests are declared before it starts. */
export type Current = () => Session;
export type CurrentLocal = () => LocalSession;
/** Declares what only a local store can be tested by, under its name; elsewhere it is told to be left out. */
export type Locally = (group: string, declare: (current: CurrentLocal) => void) => void;

/** The longest that the largest listing gets by default. */
const usualKeys = 10_000;
/** More than one request of any cloud deletes. */
const usualDeletions = 1_500;

export async function startLocalSession(fixture: Fixture): Promise<LocalSession> {
  const containers = fixture.containers ?? (['conformance', 'conformance-other'] as const);
  [container, otherContainer] = containers;
  const addressPolicy = createAddressPolicy(['127.0.0.0/8']);
  const store = await fixture.start(containers);
  const proxy = await fixture.startProxy(store.endpoint);
  const opened: StorageProvider[] = [];
  // Shared as those of one account are: exchanges that tests spoil are none that fetch a token.
  const shared = localAccessTokens();
  const open = (credentials: Credentials, capabilities?: Capabilities, tokens?: AccessTokens) => {
    const operator = fixture.operator?.(credentials.endpoint ?? '');
    const provider = openProvider(credentials, { addressPolicy, capabilities, tokens, operator });
    opened.push(provider);
    return provider;
  };
  const { capabilities } = await open(fixture.credentials(store.endpoint), undefined, shared).check(never());
  const otherCredentials = fixture.otherCredentials?.(store.endpoint);
  return {
    fixture,
    endpoint: store.endpoint,
    proxy,
    capabilities,
    provider: open(fixture.credentials(store.endpoint), capabilities, shared),
    ...(otherCredentials === undefined ? {} : { otherProvider: open(otherCredentials, capabilities) }),
    manyKeys: fixture.manyKeys ?? usualKeys,
    deletedKeys: fixture.deletedKeys ?? usualDeletions,
    isOwn: true,
    open: (options = {}) =>
      open(
        options.credentials ?? fixture.credentials(options.proxied ? proxy.endpoint : store.endpoint),
        options.capabilities ?? capabilities,
        options.credentials === undefined ? shared : undefined,
      ),
    async close() {
      await Promise.all(opened.map((provider) => provider.close()));
      await proxy.close();
      await store.close();
    },
  };
}

export async function startRemoteSession(fixture: RemoteFixture): Promise<Session> {
  [container, otherContainer] = fixture.containers;
  const opened: StorageProvider[] = [];
  const tokens = localAccessTokens();
  const open = (capabilities?: Capabilities) => {
    const provider = patient(openProvider(fixture.credentials(), { ...fixture.open, tokens, capabilities }));
    opened.push(provider);
    return provider;
  };
  const found = (await open().check(never())).capabilities;
  const openRooted = (capabilities = found) =>
    // The provider counts whole keys, whatever is left of them below the root.
    rooted(open({ ...capabilities, maxKeyBytes: found.maxKeyBytes }), fixture.root, fixture.onUpload);
  const provider = openRooted();
  return {
    provider,
    capabilities: provider.capabilities,
    manyKeys: fixture.manyKeys ?? usualKeys,
    deletedKeys: usualDeletions,
    isOwn: false,
    open: ({ capabilities } = {}) => openRooted(capabilities),
    close: async () => {
      await Promise.all(opened.map((one) => one.close()));
    },
  };
}

/** A signal that nobody aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

let keys = 0;

/** Whether a version is still to be had after it was replaced. */
export function isKept({ capabilities }: Session, version: Version): boolean {
  return capabilities.read.versions && version.versionId !== undefined;
}

/** A key that no other test uses. */
export function freshKey(hint = 'object'): string {
  keys += 1;
  return `${hint}-${keys}`;
}

const pool = randomBytes(24 * 1024 * 1024);

/** Bytes that differ from those of other lengths. */
export function bytesOf(size: number): Buffer {
  return pool.subarray(pool.length - size);
}

export const noMetadata: ObjectMetadata = { user: {} };

/** What of the metadata the provider declares to keep. */
export function keptMetadata(metadata: ObjectMetadata, { write }: Capabilities): ObjectMetadata {
  const { user, modifiedAt, ...headers } = metadata;
  const precision = write.modifiedAtPrecisionMs;
  const ms = modifiedAt?.getTime() ?? 0;
  return {
    ...(write.contentHeaders ? headers : {}),
    user: write.userMetadata ? user : {},
    ...(modifiedAt === undefined || precision === null ? {} : { modifiedAt: new Date(ms - (ms % precision)) }),
  };
}

/** A body in the form that the provider asks for: a stream, or chunks whose digest is known at once. */
export function bodyOf(bytes: Uint8Array, capabilities: Capabilities): UploadBody {
  const { singleDigest, partDigest, digestTiming } = capabilities.write;
  const algorithms = [singleDigest, partDigest].filter((one) => one !== null);
  const chunks = [...chunksOf(bytes)];
  return digestTiming === 'before'
    ? bufferedBody(chunks, algorithms)
    : streamBody(Readable.from(chunks), bytes.length, algorithms);
}

function* chunksOf(bytes: Uint8Array, size = 100_000): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A body of which no digest may be asked. */
export function digestless(bytes: Uint8Array): UploadBody {
  const digest = (algorithm: DigestAlgorithm): never => {
    throw new Error(`The ${algorithm} of the body was asked for, which is not declared.`);
  };
  return { sizeBytes: bytes.length, source: [...chunksOf(bytes)], digest };
}

/** The same body with a digest that is not that of its bytes. */
export function lying(body: UploadBody): UploadBody {
  const lie = (algorithm: DigestAlgorithm) => body.digest(algorithm).replace(/./, (c) => (c === '0' ? '1' : '0'));
  return { sizeBytes: body.sizeBytes, source: body.source, digest: lie };
}

export function put(session: Session, key: string, bytes: Uint8Array, metadata = noMetadata) {
  const body = bodyOf(bytes, session.capabilities);
  return session.provider.write({ container, key, body, metadata }, never());
}

export async function get(session: Session, key: string): Promise<Buffer> {
  const { stream } = await session.provider.read({ container, key }, never());
  return buffer(stream);
}

/** Compares at once: element by element, as `toEqual` does, takes seconds for a few MiB. */
export function expectBytes(actual: Buffer, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  expect(actual.equals(expected)).toBe(true);
}

/** Longest time that a call may take to settle after its abort, in milliseconds. */
const abortLimitMs = 1000;

/** What an aborted call settled with, which does not reject; `late` when it took longer than it may. */
export function inTime<T>(settled: Promise<T>): Promise<T | 'late'> {
  const late = new Promise<'late'>((resolve) => setTimeout(resolve, abortLimitMs, 'late').unref());
  return Promise.race([settled, late]);
}

/** Passes when the promise rejects with an AppError of the code, or of one of some; resolves to the error. */
export async function expectCode(promise: Promise<unknown>, code: ErrorCode, ...others: ErrorCode[]) {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({
    name: 'AppError',
    code: others.length === 0 ? code : expect.toBeOneOf([code, ...others]),
  });
  return error as import('../../core/errors.ts').AppError;
}

/** What a copy is to have, whatever its source has. */
export const copiedMetadata: ObjectMetadata = {
  contentType: 'text/x-copy',
  cacheControl: 'max-age=7',
  user: { name: 'Zürich' },
  modifiedAt: new Date('2011-12-13T14:15:16.789Z'),
};

/** Passes when a call that is not declared is refused. */
export async function expectRefusal(promise: Promise<unknown>): Promise<void> {
  await expectCode(promise, 'NOT_SUPPORTED');
}
