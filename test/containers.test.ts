import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { configSchema } from '../core/config.ts';
import { createDb } from '../core/db.ts';
import { workerArguments } from '../scripts/local/worker-command.ts';
import { migrate } from '../scripts/migrate.ts';
import { readCompose, type Service } from './support/compose.ts';
import { createTestDatabase } from './support/databases.ts';
import { onServer } from './support/servers.ts';

const source = readFileSync('docker-compose.yml', 'utf8');
const compose = readCompose('docker-compose.yml');
const dockerfile = readFileSync('deploy/Dockerfile', 'utf8');
const service = (name: string): Service => compose.services[name] as Service;

describe('docker-compose.yml', () => {
  test('runs every part, two workers', () => {
    expect(Object.keys(compose.services).sort()).toEqual(['api', 'migrate', 'postgres', 'redis', 'worker']);
    expect(service('worker').deploy?.replicas).toBe(2);
  });

  test('starts workers as npm start and the README do', () => {
    expect(service('worker').command).toEqual(['node', ...workerArguments]);
    expect(readFileSync('README.md', 'utf8')).toContain(` --env-file=.env ${workerArguments.join(' ')}`);
  });

  test('asks for exactly the secrets that deploy/compose.env.example names', () => {
    const required = [...source.matchAll(/\$\{(\w+):\?[^}]*deploy\/compose\.env\.example\}/g)].map(([, name]) => name);
    const named = [...readFileSync('deploy/compose.env.example', 'utf8').matchAll(/^(\w+)=$/gm)].map(
      ([, name]) => name,
    );
    expect([...new Set(required)].sort()).toEqual(named.sort());
    expect(named).toHaveLength(3);
  });

  test('its database is reached whatever characters the password has', async () => {
    const database = await createTestDatabase();
    const role = `compose_${randomBytes(6).toString('hex')}`;
    const password = "p@ss:w/o%41#r d?&'";
    const url = new URL(database.url);
    try {
      await onServer(database.url, `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
      [url.username, url.password] = [role, ''];
      const { DATABASE_URL = '', PGPASSWORD } = service('api').environment ?? {};
      expect(new URL(DATABASE_URL).password).toBe('');
      expect(PGPASSWORD).toMatch(/^\$\{POSTGRES_PASSWORD:/);
      vi.stubEnv('PGPASSWORD', password);
      expect(await migrate(url.href)).toEqual([]);
      const db = createDb({ url: url.href, poolSize: 1 });
      expect(await db.$queryRaw`SELECT current_user::text AS name`).toEqual([{ name: role }]);
      await db.$disconnect();
    } finally {
      vi.unstubAllEnvs();
      await onServer(database.url, `DROP ROLE IF EXISTS ${role}`);
      await database.drop();
    }
  });

  test('starts API and workers once the migrations are through and Redis answers', () => {
    for (const name of ['api', 'worker']) {
      expect(service(name).depends_on).toEqual({
        migrate: { condition: 'service_completed_successfully' },
        redis: { condition: 'service_healthy' },
      });
      expect(service(name).healthcheck?.test.at(-1)).toContain('/readyz');
    }
    expect(service('migrate').depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
  });

  test('sets only variables that the product reads, and every one that it requires', () => {
    const environment = Object.keys(service('api').environment ?? {});
    // PGPASSWORD is read by the Postgres client.
    expect(environment.filter((name) => !(name in configSchema.shape))).toEqual(['PGPASSWORD']);
    const required = Object.entries(configSchema.shape).filter(([, schema]) => !schema.safeParse(undefined).success);
    expect(environment).toEqual(expect.arrayContaining(required.map(([name]) => name)));
  });

  test('runs files that exist', () => {
    const scripts = Object.values(compose.services).flatMap(({ command = [] }) =>
      command.filter((argument) => /\.(ts|js)$/.test(argument)),
    );
    expect(scripts).toHaveLength(3);
    expect(scripts.filter((path) => !existsSync(path))).toEqual([]);
  });
});

describe('Dockerfile', () => {
  test('copies only what exists, and every room that the servers import', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) =>
      sources.split(' '),
    );
    expect(copied.filter((path) => !existsSync(path))).toEqual([]);
    expect(copied).toEqual(expect.arrayContaining(['core', 'storage', 'queue', 'api', 'worker', 'prisma']));
  });

  test('never runs as root', () => {
    const stages = dockerfile.split(/^FROM /m).slice(1);
    const runnable = stages.filter((stage) => /AS (runtime|demo)$/m.test(stage));
    expect(runnable).toHaveLength(2);
    for (const stage of runnable) expect(stage).toMatch(/^USER node$/m);
    // What a build without a target makes.
    expect(stages.at(-1)).toMatch(/AS runtime$/m);
  });
});
