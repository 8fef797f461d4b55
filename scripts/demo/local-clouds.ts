import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { azuriteCommand } from '../../emulators/azure.ts';
import { answers, freePort, type RunningProcess, startReady } from '../local/processes.ts';
import type { Supervisor } from '../local/supervisor.ts';
import { rememberedPorts, type Settings } from '../settings.ts';
import { azureAccountName, type Clouds, openClouds, sourceBucket } from './clouds.ts';
import { fillSource } from './demo.ts';

/** Starts the two clouds on this machine, with their data in the data folder, keeps them running, and fills the first. */
export async function startClouds(
  settings: Settings,
  supervisor: Supervisor,
  say: (line: string) => void,
): Promise<Clouds> {
  const [s3Port, azurePort] = await supervisor.all([startS3(settings, supervisor), startAzure(settings, supervisor)]);
  const clouds = await openClouds(settings, {
    s3Endpoint: `http://127.0.0.1:${s3Port}`,
    azureEndpoint: `http://127.0.0.1:${azurePort}/${azureAccountName}`,
  });
  await fillSource(clouds, say, supervisor.signal);
  return clouds;
}

function startS3(settings: Settings, supervisor: Supervisor): Promise<number> {
  return startCloud(settings, supervisor, 's3', 'The local S3', (port, directory) => ({
    args: ['emulators/s3/main.ts', '--port', String(port), '--data', directory, '--bucket', sourceBucket],
    env: {
      S3_ACCESS_KEY_ID: settings.secrets.s3AccessKeyId,
      S3_SECRET_ACCESS_KEY: settings.secrets.s3SecretAccessKey,
    },
  }));
}

function startAzure(settings: Settings, supervisor: Supervisor): Promise<number> {
  return startCloud(settings, supervisor, 'azure', 'The local Azure', (port, dataDirectory) =>
    azuriteCommand({
      accountName: azureAccountName,
      accountKey: settings.secrets.azureAccountKey,
      port,
      dataDirectory,
    }),
  );
}

async function startCloud(
  settings: Settings,
  supervisor: Supervisor,
  id: 's3' | 'azure',
  name: string,
  command: (port: number, directory: string) => { args: string[]; env: NodeJS.ProcessEnv },
): Promise<number> {
  const ports = rememberedPorts(settings.dataDirectory);
  const directory = join(settings.dataDirectory, 'clouds', id);
  await mkdir(directory, { recursive: true });
  const port = await freePort(ports.preferred(id));
  ports.remember(id, port);
  await supervisor.keep('clouds', async (): Promise<{ process: RunningProcess }> => {
    const { args, env } = command(port, directory);
    const child = await startReady(
      {
        name,
        command: process.execPath,
        args,
        // None of the product's settings are theirs.
        env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
        logFile: join(settings.dataDirectory, 'logs', `${id}.log`),
        // Both write what they acknowledge at once; Azurite waits for idle connections however long these last.
        stopTimeoutMs: 3_000,
        signal: supervisor.signal,
      },
      // Any answer, a refusal included, comes from a server that listens.
      () => answers(`http://127.0.0.1:${port}/`, true),
    );
    return { process: child };
  });
  return port;
}
