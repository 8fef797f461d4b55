import type { ServerResponse } from 'node:http';
import type { Db } from '../../core/db.ts';
import type { Redis } from '../../core/redis.ts';

const checkTimeoutMs = 3_000;

/** Whether Postgres and Redis answer within 3 s. */
export async function checkDependencies(db: Db, redis: Redis): Promise<{ postgres: boolean; redis: boolean }> {
  const [postgresUp, redisUp] = await Promise.all([answers(db.$queryRaw`SELECT 1`), answers(redis.ping())]);
  return { postgres: postgresUp, redis: redisUp };
}

async function answers(work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), checkTimeoutMs);
  });
  const answered = work.then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** JSON that nobody caches. */
export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
