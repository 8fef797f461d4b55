import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Linux's way to have the kernel signal a child when its parent dies, even by SIGKILL. */
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find(existsSync);

/** The command line under which a program gets `signal` when this process dies, where the system can do that. */
export function boundToParent(
  command: string,
  args: readonly string[],
  signal: NodeJS.Signals,
): { command: string; args: readonly string[] } {
  return setpriv
    ? { command: setpriv, args: ['--pdeathsig', signal.slice('SIG'.length), command, ...args] }
    : { command, args };
}

export interface ProgramOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Runs as this user; only root may ask for that. */
  user?: { uid: number; gid: number } | undefined;
  /** Ends the program early. */
  signal?: AbortSignal | undefined;
}

/** What is kept of a program's output. */
const outputLimit = 64 * 1024;
const linesTold = 15;
/** After this long an early end becomes SIGKILL. */
const patienceMs = 5_000;

/**
 * Runs a program to its end in a session of its own and resolves to the end of its output. Rejects with the last lines
 * of that when it fails; with the signal's reason when it is ended early, once it is gone.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const { signal, user, ...rest } = options;
  signal?.throwIfAborted();
  const bound = boundToParent(command, args, 'SIGTERM');
  const child = spawn(bound.command, bound.args, {
    ...rest,
    ...user,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: string) => {
    output = (output + chunk).slice(-outputLimit);
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  let timer: NodeJS.Timeout | undefined;
  const endGroup = (name: NodeJS.Signals) => signalGroup(child.pid, name);
  const end = () => {
    endGroup('SIGTERM');
    timer = setTimeout(() => endGroup('SIGKILL'), patienceMs);
  };
  signal?.addEventListener('abort', end, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (cause) => reject(new Error(`${command} cannot be run: ${cause.message}`, { cause })));
      child.once('close', resolve);
    });
    signal?.throwIfAborted();
    if (code === 0) return output;
    const told = output.trim().split('\n').slice(-linesTold).join('\n');
    throw new Error(told || `${command} ended with code ${code} and said nothing.`);
  } finally {
    signal?.removeEventListener('abort', end);
    clearTimeout(timer);
  }
}

/** Signals a process and all that it started in its session; one that has ended is a success. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
