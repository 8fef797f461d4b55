import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi } from '../test/support/api.ts';
import { createTestRedis, startPrivatePostgres } from '../test/support/databases.ts';
import { endWith } from '../test/support/ended-transfer.ts';
import { type Product, startProduct } from '../test/support/product.ts';
import { createTransfer } from '../test/support/transfers.ts';
import { encodeGlobalId } from './global-id.ts';
import { sendPieces } from './http/downloads.ts';

const MiB = 1024 * 1024;
const objects = 100_000;

let postgres: Awaited<ReturnType<typeof startPrivatePostgres>>;
let redisUrl: string;
let api: TestApi;
let token: string;
/** Ended, with so many objects. */
let transferId: string;

beforeAll(async () => {
  [postgres, { url: redisUrl }] = await Promise.all([startPrivatePostgres(), createTestRedis()]);
  api = await startTestApi({ DATABASE_URL: postgres.url, REDIS_URL: redisUrl });
  const user = await api.signUp();
  ({ token } = user);
  const { id: accountId } = await api.db.cloudAccount.create({
    data: { userId: user.userId, provider: 'S3', name: 'x', identity: 'x' },
  });
  transferId = await createTransfer(api.db, { userId: user.userId, accountId }, { batches: [] });
  await endWith(api.db, transferId, objects, { prefix: 'k'.repeat(400) });
});
afterAll(async () => {
  await api.close();
  await postgres.dispose();
});

/** The answer, of which nothing is read yet. */
async function download(base: string, name: string): Promise<IncomingMessage> {
  const url = `${base}/downloads/transfers/${encodeGlobalId('Transfer', transferId)}/${name}`;
  const asked = request(url, { headers: { authorization: `Bearer ${token}` }, agent: false });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return answer;
}

/** Reads to the end; the last part of the text. */
async function readAll(answer: IncomingMessage): Promise<{ bytes: number; lines: number; tail: string }> {
  let [bytes, lines, tail] = [0, 0, ''];
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines += 1;
    tail = (tail + chunk.toString('latin1')).slice(-1000);
  }
  return { bytes, lines, tail };
}

async function peakMemory(pid: number): Promise<number> {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

test('100,000 objects, read by one and left lying by another, take no more memory than a few', async () => {
  const { AUTH_SECRET, KEY_ENCRYPTION_KEY } = api.config;
  const product: Product = await startProduct({
    databaseUrl: postgres.url,
    redisUrl,
    workers: 0,
    // Garbage counts too: with so little room it goes early.
    env: { AUTH_SECRET, KEY_ENCRYPTION_KEY, NODE_OPTIONS: '--max-old-space-size=160' },
  });
  try {
    const warm = await download(product.url, 'report.jsonl');
    await once(warm, 'readable');
    warm.destroy();
    const before = await peakMemory(product.api.pid);
    const lying = await download(product.url, 'report.jsonl');
    const { bytes, lines, tail } = await readAll(await download(product.url, 'report.jsonl'));
    expect(bytes).toBeGreaterThan(100 * MiB);
    expect(lines).toBeGreaterThanOrEqual(objects + 2);
    expect(tail).toMatch(/"type":"end","objectsCompleted":100000,.*\}\n$/);
    expect((await peakMemory(product.api.pid)) - before).toBeLessThan(100 * MiB);
    expect(lying.complete).toBe(false);
    lying.destroy();
  } finally {
    await product.stop();
  }
});

test.each(['report.jsonl', 'report.csv'])(
  '%s breaks off, without its end, when Postgres dies meanwhile',
  async (name) => {
    const answer = await download(api.url, name);
    expect(answer.statusCode).toBe(200);
    await once(answer, 'readable');
    try {
      await postgres.kill();
      let text = '';
      const reading = (async () => {
        for await (const chunk of answer as AsyncIterable<Buffer>)
          text = (text + chunk.toString('latin1')).slice(-4000);
      })();
      await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' });
      expect(text).not.toMatch(/("type":"|\r\n)end/);
    } finally {
      await postgres.start();
    }
    await expect.poll(async () => (await fetch(`${api.url}/readyz`)).status).toBe(200);
  },
);

test('it breaks off when the transfer goes on meanwhile', async () => {
  const answer = await download(api.url, 'report.jsonl');
  await once(answer, 'readable');
  await api.db.transfer.update({ where: { id: transferId }, data: { sequence: { increment: 1 } } });
  await expect(readAll(answer)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('a caller that takes nothing is cut off, and nothing more is made for it', async () => {
  let made = 0;
  const over = Promise.withResolvers<void>();
  async function* endless() {
    try {
      for (;;) {
        await turn();
        made += 1;
        yield 'x'.repeat(MiB);
      }
    } finally {
      over.resolve();
    }
  }
  const failed = Promise.withResolvers<unknown>();
  const server = createServer((_request, response) => {
    sendPieces(response, endless, 200).then(() => failed.resolve(null), failed.resolve);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await over.promise;
  expect(await failed.promise).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  // What sockets hold, and no more.
  expect(made).toBeLessThan(64);
  socket.destroy();
  server.close();
});
