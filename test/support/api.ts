import { randomBytes } from 'node:crypto';
import { type ApiServer, startApi } from '../../api/server.ts';
import { type Config, parseConfig } from '../../core/config.ts';
import { createDb, type Db } from '../../core/db.ts';
import { createLogger } from '../../core/log.ts';
import { createTestDatabase, createTestRedis } from './databases.ts';
import type { TestStore } from './engine.ts';

/** What the API answered. */
export interface Answer<Data = Record<string, unknown>> {
  status: number;
  headers: Headers;
  data?: Data | null;
  errors?: { message: string; path?: (string | number)[]; extensions: Record<string, unknown> }[];
}

export interface TestApi extends ApiServer {
  config: Config;
  db: Db;
  /** Lines that the API has logged, parsed. */
  logLines: () => Record<string, unknown>[];
  /** One operation; `token` goes into the Authorization header. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  query<Data = any>(
    document: string,
    variables?: object,
    options?: { token?: string; headers?: object },
  ): Promise<Answer<Data>>;
  /** Connects a local store and returns the account's global id. */
  connect(token: string, store: TestStore, name?: string): Promise<string>;
  /** Signs somebody new up and returns the bearer token and the user's id. */
  signUp(name?: string): Promise<{ token: string; userId: string; email: string; password: string }>;
}

/** An API of the caller's own, in this process, on a database and a Redis of its own unless they are given. */
export async function startTestApi(settings: Record<string, string> = {}): Promise<TestApi> {
  const database = settings.DATABASE_URL === undefined ? await createTestDatabase() : undefined;
  const redis = settings.REDIS_URL === undefined ? await createTestRedis() : undefined;
  const config = parseConfig({
    NODE_ENV: 'test',
    PORT: '0',
    DATABASE_URL: database?.url,
    REDIS_URL: redis?.url,
    KEY_ENCRYPTION_KEY: `test:${randomBytes(32).toString('base64')}`,
    AUTH_SECRET: randomBytes(32).toString('hex'),
    ALLOWED_PRIVATE_ADDRESSES: '127.0.0.0/8',
    TRUSTED_PROXIES: '127.0.0.1',
    ...settings,
  });
  const lines: string[] = [];
  const log = createLogger('api', 'debug', { write: (line) => void lines.push(line) });
  const server = await startApi(config, log);
  const db = createDb({ url: config.DATABASE_URL, poolSize: 2 });
  let users = 0;

  const api: TestApi = {
    ...server,
    config,
    db,
    logLines: () => lines.map((line) => JSON.parse(line)),
    async query(document, variables, options = {}) {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
          ...options.headers,
        },
        body: JSON.stringify({ query: document, variables }),
      });
      const body = (await response.json()) as object;
      return { status: response.status, headers: response.headers, ...body };
    },
    async signUp(name = 'Ada') {
      const email = `user-${++users}-${randomBytes(4).toString('hex')}@example.com`;
      const password = 'correct horse battery';
      const { data, errors } = await api.query(
        'mutation ($input: SignUpInput!) { signUp(input: $input) { token userErrors { message } } }',
        { input: { email, password, name } },
        // As if each came from elsewhere: sign-ups from one address are limited.
        { headers: { 'x-forwarded-for': `198.51.100.${users % 256}` } },
      );
      if (!data?.signUp.token) throw new Error(`Sign-up failed: ${JSON.stringify({ data, errors })}`);
      const { id } = await db.user.findUniqueOrThrow({ where: { email } });
      return { token: data.signUp.token, userId: id, email, password };
    },
    async connect(token, store, name = 'Store') {
      const { data, errors } = await api.query(
        'mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { account { id } userErrors { message } } }',
        { input: { name, credentials: credentialsInput(store) } },
        { token },
      );
      if (!data?.connectAccount.account) throw new Error(`Not connected: ${JSON.stringify({ data, errors })}`);
      return data.connectAccount.account.id;
    },
    async close() {
      await server.close();
      await db.$disconnect();
      await database?.drop();
    },
  };
  await untilReady(server.url);
  return api;
}

/** A local store's credentials as the API takes them. */
export function credentialsInput({ credentials }: TestStore) {
  if (credentials.provider !== 's3') throw new Error('The local store speaks S3.');
  const { provider: _provider, ...fields } = credentials;
  return { s3: { ...fields, addressing: 'PATH' } };
}

/** Redis connects in the background; the first test must not meet it half-way. */
async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await fetch(`${url}/readyz`)).ok) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('The API does not become ready.');
}
