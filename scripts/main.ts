import { parseArgs } from 'node:util';
import { buildClient } from './client-build.ts';
import { prepareDemo, runDemo } from './demo/demo.ts';
import { type Running, runMain, runUntilStopped, say } from './lifecycle.ts';
import { migrate } from './migrate.ts';
import { localOrigin, productEnvironment, startApi, startDatabases, startWorkers } from './services.ts';
import { apiPort, readSettings, requireDiskSpace, type Settings } from './settings.ts';
import { helpText } from './variables.ts';

/** Embedded database and sample files in both clouds. */
const diskBytes = 1024 ** 3;

/** Starts everything; resolves to the exit code when `once`, else stays up. */
async function start(settings: Settings, once: boolean, { supervisor, signal }: Running): Promise<number> {
  const startedAt = performance.now();
  await requireDiskSpace(settings.dataDirectory, diskBytes);
  const port = await apiPort(settings);
  const publicUrl = settings.publicUrl ?? `http://localhost:${port}`;
  say('Starting Postgres, Redis and the local clouds …');
  const [demo] = await Promise.all([
    settings.production ? undefined : prepareDemo(settings, supervisor, say, signal),
    startProduct(settings, { port, publicUrl }, { supervisor, signal }),
  ]);
  say(`Skyferry is up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
  signal.throwIfAborted();

  const endpoint = `${localOrigin(settings.host, port)}/graphql`;
  const intact = demo === undefined || (await runDemo({ settings, demo, endpoint, say, signal, verify: once }));
  if (once) return intact ? 0 : 1;
  say('');
  say(`  App         ${publicUrl}`);
  say(`  Playground  ${publicUrl}/graphql`);
  if (demo) say(`  Sign in     ${demo.account}`);
  say(`  Data, logs  ${settings.dataDirectory}`);
  say('');
  say('Stays up until Ctrl-C.');
  return new Promise<number>(() => {});
}

/** Databases, migrations and the client first: the API and the workers need them. */
async function startProduct(
  settings: Settings,
  address: { port: number; publicUrl: string },
  { supervisor, signal }: Running,
): Promise<void> {
  const [databases] = await Promise.all([
    startDatabases(settings, supervisor),
    settings.buildsClient ? buildClient(say, signal) : undefined,
  ]);
  signal.throwIfAborted();
  const applied = await migrate(databases.directDatabaseUrl);
  if (applied.length > 0) say(`Migrated the database: ${applied.join(', ')}.`);
  signal.throwIfAborted();
  const env = productEnvironment(settings, databases, address);
  await Promise.all([startApi(settings, supervisor, env), startWorkers(settings, supervisor, env)]);
}

await runMain(async () => {
  const { values } = parseArgs({ options: { once: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (values.help) {
    say(helpText());
    return 0;
  }
  const settings = readSettings(process.env);
  const once = values.once ?? false;
  if (once && settings.production) throw new Error('--once runs the demo, which NODE_ENV=production leaves out.');
  return runUntilStopped(settings, once ? 130 : 0, (running) => start(settings, once, running));
});
