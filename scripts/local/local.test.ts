import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fullestPlace, requireDiskSpace, tellFullDisk } from './disk.ts';
import { lockDataDirectory } from './lock.ts';
import { leftoverHomes, preparePostgres } from './postgres-home.ts';
import { freePort, startProcess, startReady, untilReady } from './processes.ts';
import { runProgram } from './program.ts';
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
    await expect(untilReady(child, async () => false)).rejects.toThrow(
      /child ended at its start with code \d+:\nno luck/,
    );
  });

  test('its end and the deadline are noticed while the check hangs', async () => {
    const hangs = () => new Promise<boolean>(() => {});
    const child = await node('setTimeout(() => { console.error("no port"); process.exit(1); }, 50)');
    await expect(untilReady(child, hangs)).rejects.toThrow(/child ended at its start with code \d+:\nno port/);
    const slow = await node('setInterval(() => {}, 1000)', 'slow');
    await expect(untilReady(slow, hangs, 100)).rejects.toThrow('slow did not become ready within 0.1 s:\n(it said');
    await slow.kill();
  });

  test("somebody else's answer does not make one ready that has ended", async () => {
    const child = await node('console.error("port taken"); process.exit(1)');
    const check = async () => {
      await child.ended;
      return true;
    };
    await expect(untilReady(child, check)).rejects.toThrow(/child ended at its start with code \d+:\nport taken/);
  });

  test('a start that is no longer wanted ends early, with the process', async () => {
    const wish = new AbortController();
    const starting = startReady(
      {
        name: 'unwanted',
        command: process.execPath,
        args: ['-e', 'setInterval(() => {}, 1000); console.log(process.pid)'],
        logFile: join(directory, 'unwanted.log'),
        signal: wish.signal,
      },
      async () => false,
    );
    const pid = async () => Number(await readFile(join(directory, 'unwanted.log'), 'utf8').catch(() => ''));
    await until(async () => (await pid()) > 0);
    wish.abort(new Error('changed my mind'));
    await expect(starting).rejects.toThrow('changed my mind');
    expect(exists(await pid())).toBe(false);
  });

  test('a program run to its end tells its output, its failure, and ends with what it started when cut off', async () => {
    expect(await runProgram('sh', ['-c', 'echo one; echo two >&2'])).toMatch(/one|two/);
    await expect(runProgram('sh', ['-c', 'echo oh no >&2; exit 3'])).rejects.toThrow(/^oh no$/);
    await expect(runProgram('/bin/false', [])).rejects.toThrow('/bin/false ended with code 1 and said nothing.');
    const wish = new AbortController();
    const file = join(directory, 'pids');
    const running = runProgram('sh', ['-c', `sleep 600 & echo $$ $! > ${file}; wait`], { signal: wish.signal });
    const pids = async () => (await readFile(file, 'utf8').catch(() => '')).split(' ').filter(Boolean).map(Number);
    await until(async () => (await pids()).length === 2);
    wish.abort(new Error('stop it'));
    await expect(running).rejects.toThrow('stop it');
    const left = await pids();
    // Whoever adopted the sleep may take a moment to collect it.
    await until(() => !left.some(exists));
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
    // It asks to end with its parent before it becomes what it is to run.
    await until(() => readFileSync(`/proc/${grandchild}/comm`, 'utf8').trim() !== 'setpriv');
    parent.kill('SIGKILL');
    await until(() => !exists(grandchild));
  });
});

describe('disks', () => {
  const place = () => ({ directory, remedy: 'Move the folder.' });

  test('too little space is refused with the place and what to do', () => {
    requireDiskSpace(place(), 1);
    expect(() => requireDiskSpace(place(), 2 ** 60)).toThrow(
      new RegExp(`^The disk of ${directory} has \\d+ MiB free; 1099511627776 MiB are needed. Move the folder.$`),
    );
  });

  test("a child's failure for want of space is told as a full disk, any other as it is", async () => {
    const failure = await runProgram('sh', ['-c', 'cat /proc/version > /dev/full']).catch((error: Error) => error);
    const told = tellFullDisk(new Error('Postgres failed', { cause: failure }), fullestPlace([place()])) as Error;
    expect(told.message).toMatch(
      new RegExp(`^The disk of ${directory} is full \\(\\d+ MiB free\\). Move the folder.\n`),
    );
    expect(told.message).toContain('Postgres failed\n');
    const other = new Error('other');
    expect(tellFullDisk(other, { ...place(), freeBytes: 2 ** 30 })).toBe(other);
    expect(String(tellFullDisk(other, { ...place(), freeBytes: 4096 }))).toContain('is full (0 MiB free)');
  });
});

describe('home of Postgres', () => {
  const homes: string[] = [];
  const prepare = async (name: string) => {
    const { directory: home } = await preparePostgres(join(directory, name));
    homes.push(home);
    return home;
  };
  afterEach(async () => {
    for (const home of homes.splice(0)) await rm(home, { recursive: true, force: true });
  });

  test('belongs to one data folder: kept when that moves, new for its copy and for its successor', async () => {
    const first = await prepare('a');
    expect(await prepare('a')).toBe(first);
    await writeFile(join(first, 'mine'), '');
    const isShared = process.getuid?.() === 0;

    await rename(join(directory, 'a'), join(directory, 'b'));
    const moved = await prepare('b');
    expect(await readFile(join(moved, 'mine'), 'utf8')).toBe('');
    if (!isShared) return;
    expect(moved).toBe(first);

    await cp(join(directory, 'b'), join(directory, 'copy'), { recursive: true });
    const copy = await prepare('copy');
    expect(copy).not.toBe(first);
    expect(await prepare('b')).toBe(first);

    await rm(join(directory, 'b'), { recursive: true });
    const successor = await prepare('b');
    expect([first, copy]).not.toContain(successor);
    const leftovers = async () =>
      (await leftoverHomes(join(directory, 'b'))).filter((line) => line.includes(directory));
    expect(await leftovers()).toEqual([expect.stringMatching(new RegExp(`^${first} is left of an earlier .*rm -r`))]);
    await rm(join(directory, 'copy'), { recursive: true });
    expect(await leftovers()).toHaveLength(2);
    expect(await leftovers()).toContainEqual(
      expect.stringMatching(new RegExp(`^${copy} is left of .*copy, which is gone`)),
    );
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

  test('starts again what did not become ready when it was started again', async () => {
    const said: string[] = [];
    const supervisor = new Supervisor((line) => said.push(line));
    let launches = 0;
    const { process: first } = await supervisor.keep('one', async () => {
      launches += 1;
      const child = await node(launches === 2 ? 'process.kill(process.pid, "SIGKILL")' : keepRunning, 'one');
      if (launches === 2) await untilReady(child, async () => false);
      return { process: child };
    });
    process.kill(first.pid, 'SIGKILL');
    await until(() => launches === 3);
    expect(said).toEqual([
      'one was ended by SIGKILL; starting it again.',
      'one was ended by SIGKILL at its start; starting it again.',
    ]);
    await supervisor.stop();
  });

  test('gives up on what ends again and again', async () => {
    const supervisor = new Supervisor(() => {});
    await supervisor.keep('one', async () => ({ process: await node('console.error("broken")', 'one') }));
    await expect(supervisor.failed).rejects.toThrow(
      /one ended with code 0 again and again, so everything is stopped:\nbroken/,
    );
    await supervisor.stop();
  });

  test('the first failure ends what else is starting, and is the one that is told', async () => {
    const supervisor = new Supervisor(() => {});
    const ended: string[] = [];
    const download = runProgram('sleep', ['600'], { signal: supervisor.signal }).finally(() => ended.push('download'));
    const failing = supervisor.all([Promise.reject(new Error('the cause')), download]);
    await expect(supervisor.all([failing, download])).rejects.toThrow('the cause');
    expect(ended).toEqual(['download']);
    await expect(supervisor.keep('one', async () => ({ process: await node(keepRunning) }))).rejects.toThrow(
      'the cause',
    );
  });

  test('starts nothing once it stops', async () => {
    const supervisor = new Supervisor(() => {});
    await supervisor.stop();
    await expect(supervisor.keep('one', async () => ({ process: await node(keepRunning) }))).rejects.toThrow('stopped');
  });
});
