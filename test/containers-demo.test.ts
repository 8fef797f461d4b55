import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseConfig } from '../core/config.ts';
import { buildClient } from '../scripts/client-build.ts';
import { sampleTree } from '../scripts/demo/sample-tree.ts';
import { freePort, type RunningProcess, startProcess, untilReady } from '../scripts/local/processes.ts';
import { type Compose, interpolate, mergeCompose, readCompose, readEnvFile, type Service } from './support/compose.ts';
import { createTestDatabase, startPrivateRedis } from './support/databases.ts';
import { layOutImage, readStages, stageEnvironment } from './support/image.ts';
import { onServer, temporaryDirectory } from './support/servers.ts';

const variables = readEnvFile('deploy/compose.demo.env');
const stages = readStages('deploy/Dockerfile');
const files = (variables.COMPOSE_FILE ?? '').split(variables.COMPOSE_PATH_SEPARATOR as string);
const raw = files.map(readCompose).reduce(mergeCompose);
const compose = interpolate<Compose>(raw, variables);

describe('the demo with Docker', () => {
  test('keeps apart from the product: a project, volumes and a network of its own', () => {
    expect(files).toEqual(['docker-compose.yml', 'deploy/compose.demo.yml']);
    expect(compose.name).not.toBe(readCompose('docker-compose.yml').name);
    const subnet = compose.networks?.default?.ipam.config[0]?.subnet;
    expect(subnet).toBe(variables.DEMO_SUBNET);
    for (const name of ['api', 'worker']) {
      expect(compose.services[name]?.environment?.ALLOWED_PRIVATE_ADDRESSES).toBe(subnet);
    }
    const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes);
    expect(mounted.map((volume) => volume.split(':')[0]).sort()).toEqual(Object.keys(compose.volumes).sort());
  });

  test('production refuses its key', () => {
    const environment = compose.services.api?.environment;
    expect(() => parseConfig({ ...environment })).not.toThrow();
    expect(() => parseConfig({ ...environment, NODE_ENV: 'production' })).toThrow('KEY_ENCRYPTION_KEY: must not be');
  });

  test('its containers hold as few rights as those of the product', () => {
    for (const name of ['s3', 'azure', 'demo']) {
      expect(compose.services[name]).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    }
  });
});

/**
 * Without Docker: every service of the two files as a process, with its very command and environment, in a folder that
 * holds what its image would. Names and ports of the containers' network become ports of this machine.
 */
describe('a rehearsal of the demo', () => {
  const containerPorts: Record<string, number> = { api: 4000, worker: 9464, s3: 9000, azure: 10_000 };
  const ports = new Map<string, number>();
  const started = new Map<string, Promise<RunningProcess[]>>();
  const stops: (() => Promise<unknown>)[] = [];
  let root: string;
  let databaseUrl: URL;
  let redisUrl: string;

  beforeAll(async () => {
    const folder = await temporaryDirectory();
    root = folder.path;
    stops.push(() => folder.remove());
    await chmod(root, 0o755);
    const database = await createTestDatabase();
    stops.push(() => database.drop());
    await onServer(database.url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    databaseUrl = new URL(database.url);
    const redis = await startPrivateRedis();
    stops.push(() => redis.dispose());
    redisUrl = redis.url;
    for (const name of ['api', 's3', 'azure']) ports.set(name, await freePort());
    await buildClient(() => {}, AbortSignal.timeout(60_000));
    for (const stage of stages) {
      if (['runtime', 'demo'].includes(stage.name)) await layOutImage(stage, join(root, stage.name));
    }
  });

  afterAll(async () => {
    const processes = (await Promise.allSettled(started.values())).flatMap((result) =>
      result.status === 'fulfilled' ? result.value : [],
    );
    for (const running of processes.reverse()) await running.stop();
    for (const stop of stops.reverse()) await stop();
  });

  /** A text of a service as it reads on this machine. `own` is the port that stands for the service's own. */
  function here(name: string, own: number, text: string): string {
    const withoutPassword = new URL(databaseUrl);
    withoutPassword.password = '';
    let mapped = text
      .replace(/^postgresql:.*@postgres:5432\/.*$/, withoutPassword.href)
      .replace(/^redis:\/\/redis:6379$/, redisUrl)
      .replace('0.0.0.0', '127.0.0.1')
      .replace(variables.DEMO_SUBNET as string, '127.0.0.1/32')
      .replace(/(?<=^|=)\/data$/, join(root, 'volumes', name));
    for (const [host, port] of ports)
      mapped = mapped.replace(`//${host}:${containerPorts[host]}`, `//127.0.0.1:${port}`);
    const container = containerPorts[name];
    return container === undefined ? mapped : mapped.replace(new RegExp(`(?<=^|[=:])${container}\\b`), String(own));
  }

  async function launch(name: string, service: Service, index: number): Promise<RunningProcess> {
    const stage = stages.find((one) => one.name === (service.build?.target ?? 'runtime'));
    if (stage === undefined) throw new Error(`${name} has no stage of the Dockerfile`);
    const own = ports.get(name) ?? (await freePort());
    const [program, ...args] = (service.command ?? []).map((argument) => here(name, own, argument));
    expect(program).toBe('node');
    const env = Object.fromEntries(
      Object.entries({ ...stageEnvironment(stage), ...service.environment }).map(([key, value]) => [
        key,
        key === 'PGPASSWORD' ? databaseUrl.password : here(name, own, value),
      ]),
    );
    for (const volume of service.volumes ?? []) {
      await mkdir(join(root, 'volumes', volume.split(':')[0] as string), { recursive: true });
    }
    const running = await startProcess({
      name,
      command: process.execPath,
      args,
      env: { PATH: process.env.PATH, ...env },
      cwd: join(root, stage.name),
      logFile: join(root, 'logs', `${name}-${index}.log`),
    });
    const check = service.healthcheck?.test.slice(2).map((argument) => here(name, own, argument));
    if (check) {
      const passes = () =>
        new Promise<boolean>((resolve) => execFile(process.execPath, check, (error) => resolve(error === null)));
      await untilReady(running, passes, 60_000);
    }
    return running;
  }

  /** Starts what the service depends on as the conditions say, then the service. */
  function up(name: string): Promise<RunningProcess[]> {
    const known = started.get(name);
    if (known) return known;
    const service = compose.services[name] as Service;
    const bringUp = async () => {
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        // Those the test brought itself.
        if (other === 'postgres' || other === 'redis') continue;
        const running = await up(other);
        if (condition !== 'service_completed_successfully') continue;
        for (const one of running) if ((await one.ended).code !== 0) throw new Error(await one.tail());
      }
      return Promise.all(
        Array.from({ length: service.deploy?.replicas ?? 1 }, (_, index) => launch(name, service, index)),
      );
    };
    const running = bringUp();
    started.set(name, running);
    return running;
  }

  async function runDemo(): Promise<{ code: number | null; said: string }> {
    started.delete('demo');
    const [demo] = await up('demo');
    const { code } = (await demo?.ended) ?? { code: null };
    return { code, said: await readFile(join(root, 'logs', 'demo-0.log'), 'utf8') };
  }

  test('moves the sample files, proves it, and finds everything in its place when it is started again', async () => {
    const count = sampleTree().length;
    const first = await runDemo();
    expect(first.said).toContain(`Made ${count} of ${count} sample files`);
    expect(first.said).toContain('The transfer ended as COMPLETED');
    expect(first.said).toContain(`Objects  ${count} of ${count} intact`);
    expect(first.said).toContain('SHA-256  equal on both sides for every object');
    expect(first.said).toContain(`Sign in     demo@skyferry.example, password ${variables.DEMO_PASSWORD}`);
    expect(first.code).toBe(0);
    expect([...started.keys()].sort()).toEqual(['api', 'azure', 'demo', 'migrate', 's3', 'worker']);

    const again = await runDemo();
    expect(again.said).toMatch(/^The sample files arrived at an earlier start\./);
    expect(again.said).toContain(`Objects  ${count} of ${count} intact`);
    expect(again.code).toBe(0);
  });

  test('writes to volumes alone, for the containers are read-only', async () => {
    for (const stage of stages.filter(({ name }) => ['runtime', 'demo'].includes(name))) {
      const fresh = join(root, 'fresh', stage.name);
      await layOutImage(stage, fresh);
      const list = async (path: string) => (await readdir(path, { recursive: true })).sort();
      expect(await list(join(root, stage.name))).toEqual(await list(fresh));
    }
  });
});
