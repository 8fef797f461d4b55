import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { RunningProcess } from '../../scripts/local/processes.ts';
import { type PrivateRedis, startPrivatePostgres, startPrivateRedis } from '../support/databases.ts';
import { type Product, startProduct } from '../support/product.ts';
import { ApiClient } from './client.ts';
import { type ChaosCloud, type ChaosClouds, startChaosClouds } from './clouds.ts';
import { type Link, startLink } from './link.ts';

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
  /** Rows as Postgres has them, asked for past the wire; empty while it is away. */
  rows<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  stop(): Promise<void>;
}

const workerCount = 3;
const connectDocument = `mutation ($input: ConnectAccountInput!) {
  connectAccount(input: $input) { account { id } userErrors { code message } } }`;

export async function startStack(): Promise<Stack> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const stopOne of stops.splice(0).reverse()) await stopOne();
  };
  try {
    const [postgres, redis, clouds] = await Promise.all([
      startPrivatePostgres(),
      startPrivateRedis(),
      startChaosClouds(),
    ]);
    stops.push(clouds.close, redis.dispose, postgres.dispose);
    const wire = async (url: string) => {
      const target = new URL(url);
      const link = await startLink({ port: Number(target.port), host: target.hostname });
      stops.push(link.close);
      target.port = String(link.port);
      target.hostname = '127.0.0.1';
      return { link, url: target.href };
    };
    const [toPostgres, toRedis] = [await wire(postgres.url), await wire(redis.url)];
    const product = await startProduct({ databaseUrl: toPostgres.url, redisUrl: toRedis.url, workers: workerCount });
    stops.push(product.stop);
    const api = new ApiClient(product.url);
    const person = { email: 'chaos@example.com', password: randomBytes(12).toString('hex'), name: 'Chaos' };
    const { token } = await api.send(
      'mutation ($input: SignUpInput!) { signUp(input: $input) { token userErrors { code message } } }',
      person,
    );
    api.token = token;
    const connect = async ({ name, credentials }: ChaosCloud) => {
      const { account, userErrors } = await api.send(connectDocument, { name, credentials });
      if (!account) throw new Error(`${name} was not connected: ${JSON.stringify(userErrors)}`);
      return [name, account.id as string] as const;
    };
    const accounts = Object.fromEntries(await Promise.all([clouds.source, ...clouds.destinations].map(connect)));
    return {
      product,
      api,
      clouds,
      accounts,
      postgres,
      redis,
      links: { postgres: toPostgres.link, redis: toRedis.link },
      workers: [...product.workers],
      async rows(text, values = []) {
        const client = new pg.Client({ connectionString: postgres.url, connectionTimeoutMillis: 5_000 });
        client.on('error', () => {});
        try {
          await client.connect();
          return (await client.query(text, values)).rows;
        } catch {
          return [];
        } finally {
          await client.end().catch(() => {});
        }
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
