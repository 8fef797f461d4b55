import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../test/support/databases.ts';
import { listenAlone } from './listen.ts';

const channel = 'skyferry_test';
let database: TestDatabase;
let session: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  session = new pg.Client({ connectionString: database.url });
  await session.connect();
});

afterAll(async () => {
  await session?.end();
  await database?.drop();
});

/** A process that asks for the channel; `heard` resolves at the next call. */
function asking() {
  let calls = 0;
  let wake = () => {};
  const listener = listenAlone(database.url, channel, () => {
    calls += 1;
    wake();
  });
  return {
    calls: () => calls,
    heard: () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      }),
    stop: listener.stop,
  };
}

/** Sessions that look for the lock or hold it, by what they asked last. */
const sessions = async () => {
  const { rows } = await session.query<{ query: string }>(
    "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle'",
  );
  return rows.map(({ query }) => query);
};

test('one of several hears a notification, and the next takes over when its session ends, however that comes', async () => {
  const first = asking();
  await first.heard();
  const second = asking();
  try {
    // It has asked for the lock, in vain.
    await expect
      .poll(sessions, { timeout: 10_000 })
      .toEqual(expect.arrayContaining([expect.stringContaining('pg_try_advisory_lock'), `LISTEN "${channel}"`]));
    const heard = first.heard();
    await session.query(`NOTIFY ${channel}`);
    await heard;
    expect(second.calls()).toBe(0);

    const takenOver = second.heard();
    await session.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    );
    await takenOver;
    const after = second.heard();
    await session.query(`NOTIFY ${channel}`);
    await after;

    const back = first.heard();
    await second.stop();
    await back;
  } finally {
    await Promise.all([first.stop(), second.stop()]);
  }
}, 30_000);
