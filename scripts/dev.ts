import { join } from 'node:path';
import { demoEmail, signIn } from './demo/first-transfer.ts';
import { startClouds } from './demo/local-clouds.ts';
import { runMain, runUntilStopped, say, untilStopped } from './lifecycle.ts';
import { answers, freePort, startReady } from './local/processes.ts';
import type { Supervisor } from './local/supervisor.ts';
import { migrate } from './migrate.ts';
import { localOrigin, productEnvironment, startApi, startDatabases, startWorkers } from './services.ts';
import { apiPort, readSettings, type Settings } from './settings.ts';

/** Everything as `npm start` has it, but each part is replaced as soon as its source changes. */
async function develop(settings: Settings, supervisor: Supervisor): Promise<number> {
  const port = await apiPort(settings, say);
  const clientPort = await freePort(5173);
  const publicUrl = settings.publicUrl ?? `http://localhost:${clientPort}`;
  const [databases, clouds] = await supervisor.all([
    startDatabases(settings, supervisor),
    startClouds(settings, supervisor, say),
  ]);
  await migrate(databases.directDatabaseUrl);
  const apiOrigin = `http://localhost:${port}`;
  const env = productEnvironment(settings, databases, { port, publicUrl });
  // The app comes from Vite, the playground from the API itself.
  env.ALLOWED_ORIGINS = [env.ALLOWED_ORIGINS, apiOrigin].filter(Boolean).join(',');
  await supervisor.all([
    startApi(settings, supervisor, env, ['--watch']),
    startWorkers(settings, supervisor, env, ['--watch']),
    startVite(settings, supervisor, env, clientPort),
  ]);
  await signIn(settings, `${localOrigin(settings.host, port)}/graphql`);
  say(`  App         ${publicUrl} (reloads by itself)`);
  say(`  Playground  ${apiOrigin}/graphql`);
  say(`  Sign in     ${demoEmail}, password ${settings.secrets.demoPassword}`);
  say(`  Local S3    ${clouds.s3Endpoint}, bucket sample`);
  say(`  Azurite     ${clouds.azureEndpoint}, container arrivals`);
  say(`  Data, logs  ${settings.dataDirectory}, keys of the local clouds in secrets.json`);
  for (const line of databases.notes) say(`  ${line}`);
  return untilStopped(supervisor.signal);
}

async function startVite(settings: Settings, supervisor: Supervisor, env: NodeJS.ProcessEnv, port: number) {
  await supervisor.keep('client', async () => {
    const vite = ['node_modules/vite/bin/vite.js', '--config', 'client/vite.config.ts'];
    const child = await startReady(
      {
        name: 'Vite',
        command: process.execPath,
        args: [...vite, '--port', String(port), '--strictPort'],
        env,
        logFile: join(settings.dataDirectory, 'logs', 'vite.log'),
        signal: supervisor.signal,
      },
      () => answers(`http://localhost:${port}/`),
    );
    return { process: child };
  });
}

await runMain(async () => {
  const settings = readSettings(process.env);
  if (settings.production) throw new Error('npm run dev is not for NODE_ENV=production; use npm start.');
  return runUntilStopped(settings, 0, (supervisor) => develop(settings, supervisor));
});
