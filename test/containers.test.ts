import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../core/config.ts';

interface Service {
  image: string;
  command?: string[];
  environment?: Record<string, string>;
  profiles?: string[];
  user?: string;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  deploy?: { replicas: number };
}

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const dockerfile = readFileSync('deploy/Dockerfile', 'utf8');
const service = (name: string): Service => compose.services[name] as Service;

describe('docker-compose.yml', () => {
  test('runs every part, the clouds only on request, two workers', () => {
    const always = Object.entries(compose.services).filter(([, { profiles }]) => profiles === undefined);
    expect(always.map(([name]) => name).sort()).toEqual(['api', 'migrate', 'postgres', 'redis', 'worker']);
    expect(service('demo-s3').profiles).toEqual(['demo']);
    expect(service('demo-azure').profiles).toEqual(['demo']);
    expect(service('worker').deploy?.replicas).toBe(2);
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
    expect(environment.filter((name) => !(name in configSchema.shape))).toEqual([]);
    const required = Object.entries(configSchema.shape).filter(([, schema]) => !schema.safeParse(undefined).success);
    expect(environment).toEqual(expect.arrayContaining(required.map(([name]) => name)));
  });

  test('runs files that exist', () => {
    const scripts = Object.values(compose.services).flatMap(({ command = [] }) =>
      command.filter((argument) => /\.(ts|js)$/.test(argument)),
    );
    expect(scripts.length).toBeGreaterThan(3);
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
    const runnable = stages.filter((stage) => /AS (runtime|demo)/.test(stage));
    expect(runnable).toHaveLength(2);
    for (const stage of runnable) expect(stage).toMatch(/^USER node$/m);
    expect(stages.at(-1)?.trim()).toBe('runtime');
  });
});
