import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryDirectory } from './support/servers.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(async () => {
  for (const path of postgresFolders()) rmSync(path, { recursive: true });
  await directory.remove();
});

/** As root, embedded Postgres lives outside of the data folder. */
function postgresFolders(): string[] {
  return readdirSync('/var/lib')
    .filter((name) => name.startsWith('skyferry-'))
    .map((name) => join('/var/lib', name))
    .filter((path) => readFileSync(join(path, 'OWNER'), 'utf8').includes(directory.path));
}

/** Processes that work in, or were given, anything of this test's data folder. */
function processes(): string[] {
  const places = [directory.path, ...postgresFolders()];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        const about = `${readlinkSync(`/proc/${pid}/cwd`)} ${command} ${environment}`;
        return places.some((place) => about.includes(place)) ? [command] : [];
      } catch {
        return [];
      }
    });
}

function start(...args: string[]) {
  const child = spawn('npm', ['start', '--', ...args], {
    env: { ...process.env, NODE_ENV: 'development', DATA_DIRECTORY: join(directory.path, 'data'), PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const closed = once(child, 'close').then(([code]) => code as number);
  /** Resolves when the output has `text`; rejects when it ends without. */
  const until = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => output.includes(text) && resolve();
      child.stdout.on('data', look);
      void closed.then(() => reject(new Error(`ended without "${text}":\n${output}`)));
      look();
    });
  return { child, closed, until, output: () => output };
}

test('npm start moves the sample, finds it again, and leaves nothing running', { timeout: 300_000 }, async () => {
  const first = start('--once');
  expect(await first.closed, first.output()).toBe(0);
  expect(first.output()).toContain('200 of 200 intact');
  expect(first.output()).toContain('equal on both sides for every object');
  expect(processes()).toEqual([]);

  const second = start();
  await second.until('Stays up until Ctrl-C.');
  expect(second.output()).toContain('The sample files arrived at an earlier start');
  const app = /App +(\S+)/.exec(second.output())?.[1] ?? '';
  expect((await fetch(`${app}/readyz`)).status).toBe(200);
  expect(processes().length).toBeGreaterThan(5);
  // Npm alone, as a process manager does it; a terminal signals everything at once.
  second.child.kill('SIGINT');
  expect(await second.closed).toBe(0);
  expect(processes()).toEqual([]);
});
