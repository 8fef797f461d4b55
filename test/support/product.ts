import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { freePort, type RunningProcess, startProcess, untilReady } from '../../scripts/local/processes.ts';
import { workerArguments } from '../../scripts/local/worker-command.ts';
import { temporaryDirectory } from './servers.ts';

/** The product's processes as an operator runs them, on databases that the test brings. */
export interface Product {
  /** Where app, API and playground answer. */
  url: string;
  /** The environment that its processes run with. */
  env: Record<string, string>;
  api: RunningProcess;
  workers: RunningProcess[];
  /** One more worker process. */
  startWorker(): Promise<RunningProcess>;
  /** The API once more, at the same address, after it was killed; resolves when it is ready. */
  restartApi(): Promise<void>;
  /** Stops every process and removes its folder. Idempotent. */
  stop(): Promise<void>;
}

export interface ProductOptions {
  databaseUrl: string;
  redisUrl: string;
  /** Worker processes. Default: 1. */
  workers?: number;
  /** Settings beside those that a test product needs; two products with the same ones share keys and sessions. */
  env?: Record<string, string>;
}

/** For an API that never becomes ready. A busy machine must not fail a test. */
const readyTimeoutMs = 120_000;

/** Starts the API and its workers as processes of their own and waits until the API is ready. */
export async function startProduct(options: ProductOptions): Promise<Product> {
  const directory = await temporaryDirectory();
  const port = await freePort();
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    NODE_ENV: 'test',
    DATABASE_URL: options.databaseUrl,
    REDIS_URL: options.redisUrl,
    PORT: String(port),
    KEY_ENCRYPTION_KEY: `test:${randomBytes(32).toString('base64')}`,
    AUTH_SECRET: randomBytes(32).toString('hex'),
    ALLOWED_PRIVATE_ADDRESSES: '127.0.0.1/32',
    LOG_LEVEL: 'info',
    ...options.env,
  };
  const started: RunningProcess[] = [];
  const launch = async (name: string, args: readonly string[]) => {
    const running = await startProcess({
      name,
      command: process.execPath,
      args,
      env,
      logFile: join(directory.path, `${name}.log`),
    });
    started.push(running);
    return running;
  };
  const stop = async () => {
    await Promise.all(started.map((running) => running.stop()));
    await directory.remove();
  };
  try {
    const url = `http://127.0.0.1:${env.PORT}`;
    const startApi = () => launch('api', ['api/main.ts']);
    const untilApiReady = (api: RunningProcess) =>
      untilReady(
        api,
        () =>
          fetch(`${url}/readyz`).then(
            (response) => response.ok,
            () => false,
          ),
        readyTimeoutMs,
      );
    const api = await startApi();
    const workers: RunningProcess[] = [];
    const startWorker = async () => {
      const worker = await launch(`worker-${workers.length}`, workerArguments);
      workers.push(worker);
      return worker;
    };
    for (let index = 0; index < (options.workers ?? 1); index++) await startWorker();
    await untilApiReady(api);
    const product: Product = {
      url,
      env,
      api,
      workers,
      startWorker,
      restartApi: async () => {
        product.api = await startApi();
        await untilApiReady(product.api);
      },
      stop,
    };
    return product;
  } catch (error) {
    await stop();
    throw error;
  }
}
