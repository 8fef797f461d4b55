import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { startAzurite } from '../../emulators/azure.ts';
import { buildClient } from '../../scripts/client-build.ts';
import { ensureTool } from '../../scripts/local/tools.ts';
import { createTestDatabase, createTestRedis, oneAtATime, type TestDatabase } from './databases.ts';
import { startStore } from './engine.ts';
import { type Product, startProduct } from './product.ts';

const buildMs = 120_000;

/** The whole product as people meet it: app, API and workers as processes, two clouds, and a browser. */
export interface Scene {
  product: Product;
  s3: Awaited<ReturnType<typeof startStore>>;
  azure: Awaited<ReturnType<typeof startAzurite>>;
  /** A page of a visitor of its own, whose errors on the console are kept. */
  visit(options?: BrowserContextOptions): Promise<Visit>;
  close(): Promise<void>;
}

export interface Visit {
  page: Page;
  /** What the browser complained about. */
  complaints: string[];
}

export interface SceneOptions {
  /** Made in the S3 store and in Azurite. */
  bucket: string;
  container: string;
  /** The caller's own database instead of one of the run's. */
  databaseUrl?: string;
  /** Further settings of the product. */
  env?: Record<string, string>;
}

export async function startScene(options: SceneOptions): Promise<Scene> {
  const { databaseUrl, env = {} } = options;
  // Unless it is built: files that run at the same time build it once.
  await oneAtATime(() => buildClient(() => {}, AbortSignal.timeout(buildMs)));
  const database: TestDatabase =
    databaseUrl === undefined ? await createTestDatabase() : { url: databaseUrl, drop: async () => {} };
  const redis = await createTestRedis();
  const [s3, azure, product, browser] = await Promise.all([
    startStore(options.bucket),
    startAzurite({ containers: [options.container] }),
    startProduct({ databaseUrl: database.url, redisUrl: redis.url, env }),
    startBrowser(),
  ]);
  return {
    product,
    s3,
    azure,
    async visit(options = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      context.setDefaultTimeout(15_000);
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      return { page, complaints };
    },
    async close() {
      await browser.close();
      await product.stop();
      await Promise.all([s3.close(), azure.close()]);
      await database.drop();
    },
  };
}

/** Debian's Chromium, fetched first where there is none. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: await ensureTool('chromium', process.env.DATA_DIRECTORY || '.data', () => {}),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
