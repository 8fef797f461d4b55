import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { boundToParent, signalGroup } from './program.ts';

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

/**
 * Starts a process in a session of its own, so that Ctrl-C in the terminal reaches only the one who stops them all in
 * order. Where the system can, it is stopped as well when this process is killed. Rejects when it cannot be started.
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const stopSignal = options.stopSignal ?? 'SIGTERM';
  await mkdir(dirname(options.logFile), { recursive: true });
  await rename(options.logFile, `${options.logFile}.previous`).catch(() => {});
  const log = await open(options.logFile, 'w', 0o600);
  const { command, args } = boundToParent(options.command, options.args, stopSignal);
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

/**
 * Polls `check` until it resolves to true while the process runs. Rejects when `check` does, with the end of its log when
 * the process ends, when `timeoutMs` pass, or when `signal` is aborted, even while `check` hangs.
 */
export async function untilReady(
  process: RunningProcess,
  check: () => Promise<boolean>,
  timeoutMs = 30_000,
  signal?: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const reasons = AbortSignal.any([over.signal, AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
  void process.ended.then(() => over.abort());
  const cut = new Promise<never>((_, reject) => reasons.addEventListener('abort', () => reject(reasons.reason)));
  const polling = async () => {
    while (!reasons.aborted && !(await check())) await sleep(100);
  };
  try {
    reasons.throwIfAborted();
    await Promise.race([polling(), cut]);
    // An answer that was not this process's own does not make it ready.
    if (process.running) return;
  } catch (error) {
    signal?.throwIfAborted();
    if (!reasons.aborted) throw error;
  }
  const how = process.running ? `did not become ready within ${timeoutMs / 1000} s` : await endingOf(process);
  throw new Error(`${process.name} ${how}:\n${(await process.tail()) || '(it said nothing)'}`);
}

async function endingOf({ ended }: RunningProcess): Promise<string> {
  const { code, signal } = await ended;
  return signal ? `was ended by ${signal} at its start` : `ended at its start with code ${code}`;
}

/** Starts a process and waits until it is ready, as `untilReady` does. One that does not become ready is ended. */
export async function startReady(
  options: ProcessOptions & { signal?: AbortSignal | undefined },
  check: () => Promise<boolean>,
  timeoutMs?: number,
): Promise<RunningProcess> {
  const { signal } = options;
  signal?.throwIfAborted();
  const child = await startProcess(options);
  try {
    await untilReady(child, check, timeoutMs, signal);
    return child;
  } catch (error) {
    await (signal?.aborted ? child.stop() : child.kill());
    throw error;
  }
}

const answerTimeoutMs = 5_000;

/** Whether a server answers at `url` within 5 s: with success, or with anything at all when `anything`. */
export async function answers(url: string, anything = false): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(answerTimeoutMs) }).then(
    (response) => anything || response.ok,
    () => false,
  );
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
