import pg from 'pg';
import { expect, test } from 'vitest';
import { createTestDatabase, createTestRedis, startPrivatePostgres, startPrivateRedis } from './databases.ts';
import { onRedis } from './servers.ts';

async function query<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

test('test databases are migrated and do not see each other', async () => {
  const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  await query(one.url, `INSERT INTO outbox (job_name, job_id, payload) VALUES ('a', 'b', '{}')`);
  expect(await query(one.url, 'SELECT job_id FROM outbox')).toEqual([{ job_id: 'b' }]);
  expect(await query(other.url, 'SELECT job_id FROM outbox')).toEqual([]);
  await Promise.all([one.drop(), other.drop()]);
  await expect(query(one.url, 'SELECT 1')).rejects.toThrow('does not exist');
});

test('logical Redis databases do not see each other', async () => {
  const [one, other] = await Promise.all([createTestRedis(), createTestRedis()]);
  await onRedis(one.url, (redis) => redis.set('key', 'value'));
  expect(await onRedis(other.url, (redis) => redis.get('key'))).toBeNull();
  expect(await onRedis(one.url, (redis) => redis.get('key'))).toBe('value');
  await one.flush();
  expect(await onRedis(one.url, (redis) => redis.get('key'))).toBeNull();
});

test('a private Redis comes back at its address with its data', async () => {
  const redis = await startPrivateRedis();
  try {
    await onRedis(redis.url, (client) => client.set('key', 'value'));
    await redis.stop();
    await redis.start();
    expect(await onRedis(redis.url, (client) => client.get('key'))).toBe('value');
    await redis.flush();
    expect(await onRedis(redis.url, (client) => client.get('key'))).toBeNull();
  } finally {
    await redis.dispose();
  }
});

test('a private Postgres comes back from a crash at its address with its data', async () => {
  const postgres = await startPrivatePostgres();
  try {
    await query(postgres.url, `INSERT INTO outbox (job_name, job_id, payload) VALUES ('a', 'b', '{}')`);
    await query(postgres.url, 'CHECKPOINT');
    await postgres.kill();
    await expect(query(postgres.url, 'SELECT 1')).rejects.toThrow();
    await postgres.start();
    expect(await query(postgres.url, 'SELECT job_id FROM outbox')).toEqual([{ job_id: 'b' }]);
  } finally {
    await postgres.dispose();
  }
});
