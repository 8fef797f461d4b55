import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';

export interface ProcessOptions {
  /** What people call it in messages. */
  name: string;
  command: string;
  args: readonly string[];
  /** Where its output goes. What a former run left there is moved to `<logFile>.previous`. */
  logFile: string;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Runs as this user; only root may ask for that. */
  user?: { uid: number; gid: number };
  /** Asks for an orderly stop. Default: SIGTERM. */
  stopSignal?: NodeJS.Signals;
  /** After this long an orderly stop becomes SIGKILL. Default: 15 s. */
  stopTimeoutMs?: number;
}

/** A process that this one started, and the only kind that it ever stops. */
export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended, however it did. Never rejects. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly running: boolean;
  /** Orderly stop, then SIGKILL after the time-out; resolves when the process has ended. Idempotent. */
  stop(): Promise<void>;
  /** SIGKILL to its whole process group; resolves when it has ended. */
  kill(): Promise<void>;
  /** The last lines of its output, for messages. */
  tail(lines?: number): Promise<string>;
}

/** Linux's way to have the kernel signal a child when its parent dies, even by SIGKILL. */
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find(existsSync);

/**
 * Starts a process in a session of its own, so that Ctrl-C in the terminal reaches only the one who stops them all in
 * order. Where the system can, it is stopped as well when this process is killed. Rejects when it cannot be started.
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const stopSignal = options.stopSignal ?? 'SIGTERM';
  await mkdir(dirname(options.logFile), { recursive: true });
  await rename(options.logFile, `${options.logFile}.previous`).catch(() => {});
  const log = await open(options.logFile, 'w', 0o600);
  const [command, args] = setpriv
    ? [setpriv, ['--pdeathsig', stopSignal.slice(3), options.command, ...options.args]]
    : [options.command, options.args];
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.user ?? {}),
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(new Error(`${options.name} cannot be started: ${cause.message}`, { cause })),
      );
    });
  } finally {
    await log.close();
  }
  const pid = child.pid as number;
  const stopWithParent = () => child.kill(stopSignal);
  process.once('exit', stopWithParent);
  void ended.then(() => process.removeListener('exit', stopWithParent));
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const kill = async () => {
    if (isRunning()) signalGroup(pid, 'SIGKILL');
    await ended;
  };
  const stop = async () => {
    if (isRunning()) child.kill(stopSignal);
    const timer = setTimeout(kill, options.stopTimeoutMs ?? 15_000);
    await ended;
    clearTimeout(timer);
  };
  return {
    name: options.name,
    pid,
    ended,
    get running() {
      return isRunning();
    },
    stop,
    kill,
    tail: async (lines = 15) =>
      (await readFile(options.logFile, 'utf8')).trimEnd().split('\n').slice(-lines).join('\n'),
  };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // It ended in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Polls `check` until it resolves to true. Rejects when `check` does, with the end of its log when the process ends, or when
 * `timeoutMs` pass.
 */
export async function untilReady(
  process: RunningProcess,
  check: () => Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (true) {
    if (!process.running) throw new Error(`${process.name} ended at its start:\n${await process.tail()}`);
    if (await check()) return;
    if (Date.now() > deadline) {
      throw new Error(`${process.name} did not become ready within ${timeoutMs / 1000} s:\n${await process.tail()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A TCP port of `host` that is free now: `preferred` if it is, else one that the system picks. */
export async function freePort(preferred = 0, host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (preferred !== 0 && error.code === 'EADDRINUSE') resolve(freePort(0, host));
      else reject(new Error(`No port can be taken on ${host}: ${error.message}`, { cause: error }));
    });
    server.listen({ host, port: preferred }, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
