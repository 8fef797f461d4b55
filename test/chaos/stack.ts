import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { RunningProcess } from '../../scripts/local/processes.ts';
import { type PrivateRedis, startPrivatePostgres, startPrivateRedis } from '../support/databases.ts';
import { type Product, startProduct } from '../support/product.ts';
import { ApiClient } from './client.ts';
import { type ChaosCloud, type ChaosClouds, startChaosClouds } from './clouds.ts';
import { type Link, startLink } from './link.ts';
import { Outages } from './outages.ts';
import type { Voyage } from './prepare.ts';
import { Writes } from './writes.ts';

/** Everything that runs, with a wire before each server that the product talks to. */
export interface Stack {
  product: Product;
  api: ApiClient;
  clouds: ChaosClouds;
  /** Global ids, by the names of the clouds. */
  accounts: Record<string, string>;
  postgres: Awaited<ReturnType<typeof startPrivatePostgres>>;
  redis: PrivateRedis;
  links: { postgres: Link; redis: Link };
  /** Worker processes that are meant to run. */
  workers: RunningProcess[];
  /** Of Postgres. */
  outages: Outages;
  /** What the clouds were brought. */
  writes: Writes;
  /** Voyages that were ordered and have not arrived. */
  underWay: Set<Voyage>;
  /** Aborted: everything is to end, and nothing is judged any more. */
  signal: AbortSignal;
  /** Rows as Postgres has them, asked for past the wire; empty while it is away. */
  rows<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  stop(): Promise<void>;
}

const workerCount = 3;

export async function startStack(signal: AbortSignal): Promise<Stack> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const stopOne of stops.splice(0).reverse()) await stopOne();
  };
  try {
    const started = await Promise.allSettled([
      startPrivatePostgres(),
      startPrivateRedis(),
      startChaosClouds(),
    ] as const);
    const [postgres, redis, clouds] = started.map((one) => (one.status === 'fulfilled' ? one.value : null)) as [
      Stack['postgres'] | null,
      PrivateRedis | null,
      ChaosClouds | null,
    ];
    if (clouds) stops.push(clouds.close);
    if (redis) stops.push(redis.dispose);
    if (postgres) stops.push(postgres.dispose);
    if (!(postgres && redis && clouds)) {
      throw new AggregateError(started.flatMap((one) => (one.status === 'rejected' ? [one.reason] : [])));
    }
    const wire = async (url: string) => {
      const target = new URL(url);
      const link = await startLink({ port: Number(target.port), host: target.hostname });
      stops.push(link.close);
      target.port = String(link.port);
      target.hostname = '127.0.0.1';
      return { link, url: target.href };
    };
    const [toPostgres, toRedis] = [await wire(postgres.url), await wire(redis.url)];
    const { env } = clouds.dropbox;
    const product = await startProduct({
      databaseUrl: toPostgres.url,
      redisUrl: toRedis.url,
      workers: workerCount,
      env,
    });
    stops.push(product.stop);
    const api = new ApiClient(product.url, signal);
    const person = { email: 'chaos@example.com', password: randomBytes(12).toString('hex'), name: 'Chaos' };
    const { token } = await api.send(
      'mutation ($input: SignUpInput!) { signUp(input: $input) { token userErrors { code message } } }',
      person,
    );
    api.token = token;
    const accounts: Record<string, string> = {};
    for (const cloud of clouds.all) accounts[cloud.name] = await connect(api, cloud);
    const writes = new Writes();
    for (const { name, watch } of clouds.all) watch?.(writes.listen(name));
    // Few, so that there is seldom one to be taken away and never one too many.
    const pool = new pg.Pool({ connectionString: postgres.url, connectionTimeoutMillis: 5_000, max: 4 });
    pool.on('error', () => {});
    stops.push(() => pool.end());
    return {
      product,
      api,
      clouds,
      accounts,
      postgres,
      redis,
      links: { postgres: toPostgres.link, redis: toRedis.link },
      workers: [...product.workers],
      outages: new Outages(),
      writes,
      underWay: new Set(),
      signal,
      rows: (text, values = []) =>
        pool.query(text, values).then(
          ({ rows }) => rows,
          () => [],
        ),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const account = 'account { id } userErrors { code message }';
const connectDocument = `mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { ${account} } }`;
const startDocument = `mutation ($input: StartOAuthInput!) {
  startOAuth(input: $input) { authorizationUrl userErrors { code message } } }`;
const completeDocument = `mutation ($input: CompleteOAuthInput!) { completeOAuth(input: $input) { ${account} } }`;

/** Connects a cloud by its credentials, or as a person does who signs in there. Returns the account's id. */
async function connect(api: ApiClient, { name, credentials }: ChaosCloud): Promise<string> {
  const { account, userErrors } =
    credentials === null ? await signIn(api, name) : await api.send(connectDocument, { name, credentials });
  if (!account) throw new Error(`${name} was not connected: ${JSON.stringify(userErrors)}`);
  return account.id;
}

async function signIn(api: ApiClient, name: string) {
  const { authorizationUrl } = await api.send(startDocument, { provider: 'DROPBOX' });
  const consent = await fetch(authorizationUrl, { redirect: 'manual' });
  const { searchParams } = new URL(consent.headers.get('location') as string);
  const [state, code] = [searchParams.get('state'), searchParams.get('code')];
  return api.send(completeDocument, { state, code, name, idempotencyKey: name });
}
