import { parseArgs } from 'node:util';
import { buildClient } from './client-build.ts';
import { addressLines, runDemo } from './demo/demo.ts';
import { startClouds } from './demo/local-clouds.ts';
import { runMain, runUntilStopped, say, untilStopped } from './lifecycle.ts';
import type { Supervisor } from './local/supervisor.ts';
import { migrate } from './migrate.ts';
import { type Databases, localOrigin, productEnvironment, startApi, startDatabases, startWorkers } from './services.ts';
import { apiPort, readSettings, requireDisks, requireMetricsPorts, type Settings } from './settings.ts';

/** Starts everything; resolves to the exit code when `once`, else stays up. */
async function start(settings: Settings, once: boolean, supervisor: Supervisor): Promise<number> {
  const { signal } = supervisor;
  const startedAt = performance.now();
  requireDisks(settings);
  const port = await apiPort(settings, say);
  await requireMetricsPorts(settings, port);
  const publicUrl = settings.publicUrl ?? `http://localhost:${port}`;
  say('Starting Postgres, Redis and the local clouds …');
  const [clouds, databases] = await supervisor.all([
    settings.production ? undefined : startClouds(settings, supervisor, say),
    startProduct(settings, { port, publicUrl }, supervisor),
  ]);
  say(`Skyferry is up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
  signal.throwIfAborted();

  const endpoint = `${localOrigin(settings.host, port)}/graphql`;
  const intact = clouds === undefined || (await runDemo({ settings, clouds, endpoint, say, signal, verify: once }));
  if (once) return intact ? 0 : 1;
  say('');
  for (const line of addressLines(publicUrl, clouds && settings)) say(line);
  say(`  Data, logs  ${settings.dataDirectory}`);
  for (const line of databases.notes) say(`  ${line}`);
  say('');
  say('Stays up until Ctrl-C.');
  return untilStopped(signal);
}

/** Databases, migrations and the client first: the API and the workers need them. */
async function startProduct(
  settings: Settings,
  address: { port: number; publicUrl: string },
  supervisor: Supervisor,
): Promise<Databases> {
  const { signal } = supervisor;
  const [databases] = await supervisor.all([
    startDatabases(settings, supervisor),
    settings.buildsClient ? buildClient(say, signal) : undefined,
  ]);
  signal.throwIfAborted();
  const applied = await migrate(databases.directDatabaseUrl);
  if (applied.length > 0) say(`Migrated the database: ${applied.join(', ')}.`);
  signal.throwIfAborted();
  const env = productEnvironment(settings, databases, address);
  await supervisor.all([startApi(settings, supervisor, env), startWorkers(settings, supervisor, env)]);
  return databases;
}

await runMain(async () => {
  const { values } = parseArgs({ options: { once: { type: 'boolean' } } });
  const settings = readSettings(process.env);
  const once = values.once ?? false;
  if (once && settings.production) throw new Error('--once runs the demo, which NODE_ENV=production leaves out.');
  return runUntilStopped(settings, once ? 130 : 0, (supervisor) => start(settings, once, supervisor));
});
