import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createClient } from 'graphql-ws';
import { answers, freePort, type RunningProcess, startProcess, untilReady } from '../../scripts/local/processes.ts';
import { prepareRedis, startRedis } from '../../scripts/local/redis.ts';
import { workerArguments } from '../../scripts/local/worker-command.ts';
import { startBenchPostgres } from './postgres.ts';
import { cpuMs } from './processes.ts';

/** A user who is signed in, and drives the product as a third party does. */
export interface SkyferryUser {
  graphql<Data>(query: string, variables: Record<string, unknown>): Promise<Data>;
  /** Settles when the transfer has ended, as its subscription tells. */
  completed(transferId: string): Promise<{ state: string; objectsCompleted: number }>;
}

/** The whole product on servers of its own, with one user. */
export interface Skyferry extends SkyferryUser {
  settings: string;
  databaseUrl: string;
  redisUrl: string;
  /** Process ids. */
  api: number;
  workers: readonly number[];
  databases: readonly number[];
  /** Signs up somebody else. */
  anotherUser(): Promise<SkyferryUser>;
  /** Of API and workers. */
  cpuMs(): number;
  close(): Promise<void>;
}

export interface SkyferryOptions {
  /** Default: 2. */
  workerCount?: number;
  /** File of an authority that its processes trust beside the usual ones. */
  authority?: string | undefined;
  /** Settings of API and workers that are not the defaults. */
  settings?: Readonly<Record<string, string>>;
}

/** Starts Postgres, Redis, the API and workers; a user is signed in. */
export async function startSkyferry(directory: string, options: SkyferryOptions = {}): Promise<Skyferry> {
  const { workerCount = 2, authority, settings = {} } = options;
  const stops: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const stop of stops.toReversed()) await stop();
  };
  try {
    const postgres = await startBenchPostgres(directory);
    stops.push(postgres.stop);
    const redis = await startRedis({
      program: await prepareRedis(process.env.DATA_DIRECTORY || '.data'),
      directory: join(directory, 'redis'),
      logFile: join(directory, 'redis.log'),
      password: randomBytes(16).toString('hex'),
    });
    stops.push(() => redis.stop());
    const port = await freePort();
    const env = {
      ...process.env,
      NODE_ENV: 'development',
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      PORT: String(port),
      KEY_ENCRYPTION_KEY: `bench:${randomBytes(32).toString('base64')}`,
      AUTH_SECRET: randomBytes(32).toString('hex'),
      ALLOWED_PRIVATE_ADDRESSES: '127.0.0.1/32',
      LOG_LEVEL: 'warn',
      ...(authority !== undefined && { NODE_EXTRA_CA_CERTS: authority }),
      ...settings,
    };
    const launch = async (name: string, args: readonly string[]) => {
      const started = await startProcess({
        name,
        command: process.execPath,
        args,
        env,
        logFile: join(directory, `${name}.log`),
      });
      stops.push(() => started.stop());
      return started;
    };
    const api = await launch('api', ['api/main.ts']);
    const workers: RunningProcess[] = [];
    for (let index = 0; index < workerCount; index++) workers.push(await launch(`worker-${index}`, workerArguments));
    const url = `http://127.0.0.1:${port}`;
    await untilReady(api, () => answers(`${url}/readyz`));
    const anotherUser = async () => {
      const user = await signUp(url);
      stops.push(async () => user.dispose());
      return user;
    };
    const { graphql, completed } = await anotherUser();
    const told = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    return {
      settings: `${workerCount} workers, ${told.length === 0 ? 'defaults' : told.join(' ')}`,
      databaseUrl: postgres.url,
      redisUrl: redis.url,
      api: api.pid,
      workers: workers.map(({ pid }) => pid),
      databases: [postgres.pid, redis.process.pid],
      graphql,
      completed,
      anotherUser,
      cpuMs: () => [api, ...workers].reduce((sum, { pid }) => sum + cpuMs(pid), 0),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function signUp(url: string): Promise<SkyferryUser & { dispose(): void }> {
  let token = '';
  const graphql = async <Data>(query: string, variables: Record<string, unknown>): Promise<Data> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    });
    const answer = (await response.json()) as { data?: Data; errors?: unknown };
    if (answer.errors !== undefined || !answer.data) throw new Error(`GraphQL: ${JSON.stringify(answer.errors)}`);
    return answer.data;
  };
  const { signUp } = await graphql<{ signUp: { token: string } }>(
    'mutation ($input: SignUpInput!) { signUp(input: $input) { token userErrors { message } } }',
    { input: { email: `${randomUUID()}@example.org`, name: 'Bench', password: randomBytes(16).toString('hex') } },
  );
  token = signUp.token;
  const socket = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    lazy: false,
    connectionParams: { authorization: `Bearer ${token}` },
  });
  const completed = async (transferId: string) => {
    const events = socket.iterate<{ transferProgress: { progress: { state: string; objectsCompleted: number } } }>({
      query: 'subscription ($id: ID!) { transferProgress(id: $id) { progress { state objectsCompleted } } }',
      variables: { id: transferId },
    });
    let last: { state: string; objectsCompleted: number } | undefined;
    for await (const { data, errors } of events) {
      if (errors) throw new Error(JSON.stringify(errors));
      last = data?.transferProgress.progress ?? last;
    }
    if (last === undefined) throw new Error('the subscription ended before any event');
    return last;
  };
  return { graphql, completed, dispose: () => void socket.dispose() };
}
