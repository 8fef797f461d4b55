import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '../test/support/servers.ts';
import { readDatabaseUrl, readKeyring } from './installation.ts';
import { localSecrets } from './local/secrets.ts';

const fresh = `fresh:${Buffer.alloc(32, 1).toString('base64')}`;

async function dataFolder() {
  const { path, remove } = await temporaryDirectory();
  onTestFinished(remove);
  await writeFile(join(path, 'ports.json'), JSON.stringify({ postgres: 54321 }));
  return { path, secrets: localSecrets(path) };
}

test('commands find the database and the key of npm start, unless they are given others', async () => {
  const { path: DATA_DIRECTORY, secrets } = await dataFolder();
  const [ownId] = secrets.keyEncryptionKey.split(':');
  const own = `postgresql://skyferry:${secrets.postgresPassword}@127.0.0.1:54321/skyferry`;
  expect(readDatabaseUrl({ DATA_DIRECTORY })).toBe(own);
  expect(readKeyring({ DATA_DIRECTORY }).current.id).toBe(ownId);
  const other = 'postgresql://ferry@db.example.com/ferry';
  expect(readDatabaseUrl({ DATA_DIRECTORY, DATABASE_URL: other })).toBe(other);
  const keyring = readKeyring({ DATA_DIRECTORY, KEY_ENCRYPTION_KEY: fresh });
  expect([keyring.current.id, [...keyring.byId.keys()]]).toEqual(['fresh', [ownId, 'fresh']]);
});

test('production has nothing that npm start made for itself', async () => {
  const { path: DATA_DIRECTORY } = await dataFolder();
  const env = { DATA_DIRECTORY, NODE_ENV: 'production' };
  expect(() => readDatabaseUrl(env)).toThrow(/^DATABASE_URL: is required/);
  expect(() => readKeyring(env)).toThrow(/^KEY_ENCRYPTION_KEY: is required/);
  expect([...readKeyring({ ...env, KEY_ENCRYPTION_KEY: fresh }).byId.keys()]).toEqual(['fresh']);
});
