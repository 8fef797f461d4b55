import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { v7 as uuidv7 } from 'uuid';
import { createDb, type Db, type Prisma, type Provider, type Transfer } from '../../core/db.ts';
import { createKeyring, seal } from '../../core/secrets.ts';
import { type S3Server, type S3ServerOptions, startS3Server } from '../../emulators/s3/server.ts';
import { type SubmitTransfer, submitTransfer } from '../../queue/transfer.ts';
import { type RunningProcess, startProcess } from '../../scripts/local/processes.ts';
import { workerArguments } from '../../scripts/local/worker-command.ts';
import { createAddressPolicy } from '../../storage/address-policy.ts';
import type { Credentials } from '../../storage/credentials.ts';
import { openProvider } from '../../storage/registry.ts';
import { createTestDatabase, createTestRedis } from './databases.ts';
import { temporaryDirectory } from './servers.ts';

const keyEncryptionKey = `test:${Buffer.alloc(32, 7).toString('base64')}`;
const loopback = '127.0.0.1/32';

/** The engine as it runs in earnest: worker processes on databases that the test brings. */
export interface TestEngine {
  db: Db;
  /** Id of a user. */
  userId: string;
  startWorker(env?: Record<string, string>): Promise<RunningProcess>;
  /** An account of the user, connected as the API does it. Returns its id. */
  connect(credentials: Credentials, userId?: string): Promise<string>;
  /** An account of the user at a store that was never checked. Returns its id. */
  connectUnchecked(credentials: Credentials): Promise<string>;
  submit(request: Omit<SubmitTransfer, 'userId'> & { userId?: string }): Promise<Transfer>;
  /** The transfer's row once `condition` holds. Rejects with the row and the workers' output when it never does. */
  until(transferId: string, condition: (row: Transfer) => boolean, timeoutMs?: number): Promise<Transfer>;
  /** The row at the transfer's end. */
  ended(transferId: string, timeoutMs?: number): Promise<Transfer>;
  stop(): Promise<void>;
}

export async function startEngine(urls: { databaseUrl: string; redisUrl: string }): Promise<TestEngine> {
  const directory = await temporaryDirectory();
  const db = createDb({ url: urls.databaseUrl, poolSize: 4 });
  const workers: RunningProcess[] = [];
  const addUser = async () => {
    const { id } = await db.user.create({
      data: { email: `${randomBytes(6).toString('hex')}@example.org`, name: 'A' },
    });
    return id;
  };
  const userId = await addUser();
  const addAccount = async (
    credentials: Credentials,
    owner: string,
    identity: string,
    capabilities: Prisma.InputJsonObject,
  ) => {
    const id = uuidv7();
    const sealed = seal(createKeyring(keyEncryptionKey), id, credentials);
    await db.cloudAccount.create({
      data: {
        id,
        userId: owner,
        provider: credentials.provider.toUpperCase() as Provider,
        name: credentials.provider,
        identity,
        sealedCredentials: sealed.bytes,
        keyId: sealed.keyId,
        settings: credentials.endpoint === undefined ? {} : { endpoint: credentials.endpoint },
        capabilities,
      },
    });
    return id;
  };
  const until: TestEngine['until'] = async (transferId, condition, timeoutMs = 60_000) => {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const row = await db.transfer.findUniqueOrThrow({ where: { id: transferId } }).catch(() => null);
      if (row && condition(row)) return row;
      if (Date.now() > deadline) {
        const tails = await Promise.all(workers.map((worker) => worker.tail(40)));
        const left = await db.transferItem.findMany({
          where: { transferId, state: { in: ['PENDING', 'RUNNING'] } },
          take: 3,
        });
        const batches = await db.transferBatch.findMany({ where: { transferId }, take: 3 });
        const shown = JSON.stringify({ row, left, batches }, (_, value) =>
          typeof value === 'bigint' ? Number(value) : value,
        );
        throw new Error(`The condition did not come true: ${shown}\n${tails.join('\n---\n')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return {
    db,
    userId,
    async startWorker(env = {}) {
      const name = `worker-${workers.length}`;
      const worker = await startProcess({
        name,
        command: process.execPath,
        args: workerArguments,
        logFile: join(directory.path, `${name}.log`),
        env: {
          PATH: process.env.PATH ?? '',
          NODE_ENV: 'test',
          DATABASE_URL: urls.databaseUrl,
          REDIS_URL: urls.redisUrl,
          KEY_ENCRYPTION_KEY: keyEncryptionKey,
          AUTH_SECRET: 'x'.repeat(32),
          ALLOWED_PRIVATE_ADDRESSES: loopback,
          ...env,
        },
      });
      workers.push(worker);
      return worker;
    },
    async connect(credentials, owner = userId) {
      const provider = openProvider(credentials, { addressPolicy: createAddressPolicy([loopback]) });
      const { identity, capabilities } = await provider.check(AbortSignal.timeout(10_000));
      await provider.close();
      return addAccount(credentials, owner, identity, capabilities as unknown as Prisma.InputJsonObject);
    },
    connectUnchecked: (credentials) => addAccount(credentials, userId, 'unknown', {}),
    submit: (request) => db.$transaction((tx) => submitTransfer(tx, { userId, ...request })),
    until,
    ended: (transferId, timeoutMs) =>
      until(
        transferId,
        ({ state }) =>
          state === 'COMPLETED' || state === 'COMPLETED_WITH_ERRORS' || state === 'FAILED' || state === 'CANCELLED',
        timeoutMs,
      ),
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await db.$disconnect();
      await directory.remove();
    },
  };
}

/** A local S3 with one bucket, and an independent client of it. */
export interface TestStore {
  server: S3Server;
  credentials: Credentials;
  /** Those of the credentials. */
  keys: { accessKeyId: string; secretAccessKey: string };
  client: S3Client;
  bucket: string;
  /** Writes an object of so many pseudo-random bytes; returns their SHA-256. */
  put(key: string, size: number, extra?: Partial<ConstructorParameters<typeof PutObjectCommand>[0]>): Promise<string>;
  /** Size and SHA-256 of every object below a prefix, as read back by the plain client, by key without the prefix. */
  hashes(prefix?: string): Promise<Record<string, string>>;
  close(): Promise<void>;
}

const accessKeyId = 'skyferry-test';
const secretAccessKey = 'a secret of the tests';

type StoreOptions = Pick<S3ServerOptions, 'flexibleChecksums' | 'tls'>;

export async function startStore(bucket: string, options: StoreOptions = {}): Promise<TestStore> {
  const server = await startS3Server({
    credentials: [{ accessKeyId, secretAccessKey }],
    buckets: [bucket],
    ...options,
  });
  const client = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    ...(options.flexibleChecksums === false && { requestChecksumCalculation: 'WHEN_REQUIRED' }),
  });
  return {
    server,
    client,
    bucket,
    keys: { accessKeyId, secretAccessKey },
    credentials: {
      provider: 's3',
      endpoint: server.endpoint,
      region: server.region,
      addressing: 'path',
      accessKeyId,
      secretAccessKey,
    },
    async put(key, size, extra = {}) {
      const body = randomBytes(size);
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...extra }));
      return createHash('sha256').update(body).digest('hex');
    },
    async hashes(prefix = '') {
      const found: Record<string, string> = {};
      let token: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }),
        );
        for (const { Key = '' } of page.Contents ?? []) {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
          const hash = createHash('sha256');
          for await (const chunk of Body as AsyncIterable<Uint8Array>) hash.update(chunk);
          found[Key.slice(prefix.length)] = hash.digest('hex');
        }
        token = page.NextContinuationToken;
      } while (token !== undefined);
      return found;
    },
    async close() {
      client.destroy();
      await server.close();
    },
  };
}

/** An engine on databases of its own, whose end is theirs. */
export async function startOwnEngine(): Promise<TestEngine & { redisUrl: string }> {
  const [database, redis] = [await createTestDatabase(), await createTestRedis()];
  const engine = await startEngine({ databaseUrl: database.url, redisUrl: redis.url });
  return {
    ...engine,
    redisUrl: redis.url,
    async stop() {
      await engine.stop();
      await database.drop();
    },
  };
}

/** An engine of its own between two local stores, both connected: from the bucket `source` to the bucket `target`. */
export interface Crossing {
  engine: Awaited<ReturnType<typeof startOwnEngine>>;
  from: TestStore;
  to: TestStore;
  workers: Awaited<ReturnType<TestEngine['startWorker']>>[];
  accounts: { sourceAccountId: string; destinationAccountId: string };
  stop(): Promise<void>;
}

/** `tls`: what the stores show; `env`: what else the workers' environment has. */
export async function startCrossing({
  workers = 1,
  env = {},
  ...options
}: { workers?: number; env?: Record<string, string> } & StoreOptions = {}): Promise<Crossing> {
  const start = (bucket: string) => startStore(bucket, options);
  const [engine, from, to] = await Promise.all([startOwnEngine(), start('source'), start('target')]);
  const started = await Promise.all(Array.from({ length: workers }, () => engine.startWorker(env)));
  const accounts = {
    sourceAccountId: await engine.connect(from.credentials),
    destinationAccountId: await engine.connect(to.credentials),
  };
  return {
    ...{ engine, from, to, accounts, workers: started },
    async stop() {
      await engine.stop();
      await Promise.all([from.close(), to.close()]);
    },
  };
}
