import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** Azurite's Blob service as a child process on a free port of 127.0.0.1. */
export interface AzuriteServer {
  /** Blob endpoint of the account, `http://127.0.0.1:<port>/<accountName>`. */
  endpoint: string;
  accountName: string;
  /** Base64. */
  accountKey: string;
  /** The child's process id. */
  pid: number;
  /** Makes a container; one that exists is a success. */
  createContainer(name: string): Promise<void>;
  /** Stops the child and resolves when it is gone. Idempotent. */
  close(): Promise<void>;
}

export interface AzuriteOptions {
  /** 3 to 24 lower-case letters and digits. */
  accountName?: string;
  /** Base64. */
  accountKey?: string;
  /** Containers to make. */
  containers?: readonly string[];
  /** Folder that keeps the data. Absent: in memory. */
  dataDirectory?: string;
  /** 0 or absent: a free one. */
  port?: number;
}

const startTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;

/** Arguments for Node and environment by which Azurite's Blob service runs, for those who keep processes themselves. */
export function azuriteCommand(options: AzuriteOptions & { accountName: string; accountKey: string }): {
  args: string[];
  env: NodeJS.ProcessEnv;
} {
  const { dataDirectory } = options;
  const inMemory = new URL('azurite-in-memory.ts', import.meta.url).href;
  return {
    args: [
      ...(dataDirectory === undefined ? ['--import', inMemory] : []),
      join(dirname(createRequire(import.meta.url).resolve('azurite/package.json')), 'dist/src/blob/main.js'),
      ...['--blobHost', '127.0.0.1', '--blobPort', String(options.port ?? 0)],
      ...['--silent', '--disableTelemetry', '--disableProductStyleUrl', '--skipApiVersionCheck'],
      ...(dataDirectory === undefined ? ['--inMemoryPersistence'] : ['--location', dataDirectory]),
    ],
    env: { AZURITE_ACCOUNTS: `${options.accountName}:${options.accountKey}` },
  };
}

export async function startAzurite(options: AzuriteOptions = {}): Promise<AzuriteServer> {
  const accountName = options.accountName ?? 'skyferry';
  const accountKey = options.accountKey ?? Buffer.from('a key for a local server, not a secret').toString('base64');
  const { args, env } = azuriteCommand({ ...options, accountName, accountKey });
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stopWithParent = () => child.kill('SIGKILL');
  process.once('exit', stopWithParent);

  async function close(): Promise<void> {
    process.removeListener('exit', stopWithParent);
    child.kill('SIGTERM');
    // It waits for keep-alive connections of its clients to close, however long these last.
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await exited;
    clearTimeout(timer);
  }

  try {
    const origin = await new Promise<string>((resolve, reject) => {
      let said = '';
      const timer = setTimeout(() => reject(new Error(`Azurite did not start in time.\n${said}`)), startTimeoutMs);
      createInterface(child.stdout).on('line', (line) => {
        said += `${line}\n`;
        const address = /successfully listens on (http:\S+)/.exec(line)?.[1];
        if (address === undefined) return;
        clearTimeout(timer);
        resolve(address);
      });
      createInterface(child.stderr).on('line', (line) => {
        said += `${line}\n`;
      });
      child.once('error', reject);
      child.once('exit', () => {
        clearTimeout(timer);
        reject(new Error(`Azurite ended before it listened.\n${said}`));
      });
    });
    const endpoint = `${origin}/${accountName}`;
    const createContainer = (name: string) => putContainer(endpoint, accountName, accountKey, name);
    for (const name of options.containers ?? []) await createContainer(name);
    return { endpoint, accountName, accountKey, pid: child.pid as number, createContainer, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Create Container, signed with the shared key as the Storage REST reference describes ("Authorize with Shared Key"). */
async function putContainer(endpoint: string, accountName: string, accountKey: string, name: string): Promise<void> {
  const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2021-12-02' };
  const canonicalHeaders = Object.entries(headers).map(([header, value]) => `${header}:${value}\n`);
  const resource = `/${accountName}${new URL(endpoint).pathname}/${name}\nrestype:container`;
  const toSign = `PUT${'\n'.repeat(12)}${canonicalHeaders.join('')}${resource}`;
  const signature = createHmac('sha256', Buffer.from(accountKey, 'base64')).update(toSign).digest('base64');
  const response = await fetch(`${endpoint}/${name}?restype=container`, {
    method: 'PUT',
    headers: { ...headers, authorization: `SharedKey ${accountName}:${signature}` },
  });
  const answer = await response.text();
  if (!response.ok && response.status !== 409) throw new Error(`Azurite did not make container ${name}: ${answer}`);
}
