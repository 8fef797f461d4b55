import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockDataDirectory } from './lock.ts';
import { freePort, startProcess, untilReady } from './processes.ts';
import { localSecrets } from './secrets.ts';
import { Supervisor } from './supervisor.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skyferry-scripts-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** A process of this test; its script is JavaScript. */
const node = (script: string, name = 'child') =>
  startProcess({ name, command: process.execPath, args: ['-e', script], logFile: join(directory, `${name}.log`) });

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Polls until `check` holds; the test's own time-out is the deadline. */
async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('secrets', () => {
  test('are made once and kept in a file that only its owner reads', () => {
    const first = localSecrets(directory);
    expect(localSecrets(directory)).toEqual(first);
    expect(statSync(join(directory, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(first.keyEncryptionKey).toMatch(/^demo-[0-9a-f]{8}:[A-Za-z0-9+/]{43}=$/);
  });

  test('a file that is not JSON is refused by name and left alone', async () => {
    await writeFile(join(directory, 'secrets.json'), '{');
    expect(() => localSecrets(directory)).toThrow('secrets.json cannot be read');
    expect(await readFile(join(directory, 'secrets.json'), 'utf8')).toBe('{');
  });
});

describe('lock of the data folder', () => {
  test('is refused while a living process has it, by its process id', async () => {
    const unlock = lockDataDirectory(directory);
    expect(() => lockDataDirectory(directory)).toThrow(`process ${process.pid}`);
    unlock();
    lockDataDirectory(directory)();
  });

  test('is taken over from a dead process, and from one whose id was reused', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    await writeFile(join(directory, 'lock'), `${dead.pid} 1`);
    lockDataDirectory(directory)();
    await writeFile(join(directory, 'lock'), `${process.pid} 1`);
    lockDataDirectory(directory)();
  });
});

describe('ports', () => {
  test('the preferred one is taken when it is free, else another', async () => {
    const port = await freePort();
    expect(await freePort(port)).toBe(port);
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    expect(await freePort(port)).not.toBe(port);
    server.close();
  });
});

describe('processes', () => {
  test('one that ends at its start is reported with the end of its output', async () => {
    const child = await node('console.error("no luck"); process.exit(3)');
    await expect(untilReady(child, async () => false)).rejects.toThrow(/child ended at its start:\nno luck/);
  });

  test('a program that does not exist is refused', async () => {
    const attempt = startProcess({ name: 'Nothing', command: '/nowhere', args: [], logFile: join(directory, 'a.log') });
    const outcome = await attempt.then(
      async (started) => ({ code: (await started.ended).code }),
      (error: Error) => ({ message: error.message }),
    );
    // Through setpriv it starts and ends with 127, without it the start itself fails.
    expect([{ code: 127 }, { message: expect.stringContaining('Nothing cannot be started') }]).toContainEqual(outcome);
  });

  test('one that ignores the orderly stop is killed', async () => {
    const child = await startProcess({
      name: 'stubborn',
      command: process.execPath,
      args: ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")'],
      logFile: join(directory, 'stubborn.log'),
      stopTimeoutMs: 100,
    });
    await untilReady(child, async () => (await child.tail()).includes('up'));
    await child.stop();
    expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('children end with their parent, even when that one is killed', async () => {
    const script = `
      const { startProcess } = await import(${JSON.stringify(join(import.meta.dirname, 'processes.ts'))});
      const child = await startProcess({ name: 'c', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'],
        logFile: ${JSON.stringify(join(directory, 'grandchild.log'))} });
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(parent.stdout, 'data');
    const grandchild = Number(String(line));
    expect(exists(grandchild)).toBe(true);
    parent.kill('SIGKILL');
    await until(() => !exists(grandchild));
  });
});

describe('supervisor', () => {
  const keepRunning = 'setInterval(() => {}, 1000)';

  test('starts again what ends by itself, and stops all in reverse order', async () => {
    const said: string[] = [];
    const supervisor = new Supervisor((line) => said.push(line));
    const ended: string[] = [];
    const pids: number[] = [];
    const launch = (name: string) => async () => {
      const child = await node(keepRunning, name);
      pids.push(child.pid);
      void child.ended.then(() => ended.push(name));
      return { process: child };
    };
    await supervisor.keep('one', launch('one'));
    const { process: two } = await supervisor.keep('two', launch('two'));
    process.kill(two.pid, 'SIGKILL');
    await until(() => pids.length === 3 && exists(pids[2] as number));
    expect(said).toEqual(['two was ended by SIGKILL; starting it again.']);
    await supervisor.stop();
    expect(ended).toEqual(['two', 'two', 'one']);
    expect(pids.some(exists)).toBe(false);
  });

  test('gives up on what ends again and again', async () => {
    const supervisor = new Supervisor(() => {});
    await supervisor.keep('one', async () => ({ process: await node('console.error("broken")', 'one') }));
    await expect(supervisor.failed).rejects.toThrow(/one ended with code 0 again and again:\nbroken/);
    await supervisor.stop();
  });

  test('starts nothing once it stops', async () => {
    const supervisor = new Supervisor(() => {});
    await supervisor.stop();
    await expect(supervisor.keep('one', async () => ({ process: await node(keepRunning) }))).rejects.toThrow('stopped');
  });
});
