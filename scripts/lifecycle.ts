import { lockDataDirectory } from './local/lock.ts';
import { Supervisor } from './local/supervisor.ts';
import type { Settings } from './settings.ts';

export interface Running {
  supervisor: Supervisor;
  /** Aborted by the first wish to stop. */
  signal: AbortSignal;
}

/** Says one line to whoever started us. */
export const say = (line: string): void => console.log(line);

/**
 * Runs `work` with the data folder locked, until it resolves, fails, or somebody wishes to stop (Ctrl-C, SIGTERM, the
 * starter gone); then stops everything that was started, in order, and resolves to the exit code. A second wish kills.
 */
export async function runUntilStopped(
  settings: Settings,
  interruptedCode: number,
  work: (running: Running) => Promise<number>,
): Promise<number> {
  const unlock = lockDataDirectory(settings.dataDirectory);
  const supervisor = new Supervisor(say);
  const stopped = new AbortController();
  const interrupted = new Promise<number>((resolve) => {
    const onSignal = () => {
      if (stopped.signal.aborted) {
        say('Stopping at once.');
        void supervisor.kill().then(() => process.exit(130));
        return;
      }
      say('Stopping …');
      stopped.abort();
      resolve(interruptedCode);
    };
    for (const name of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.on(name, onSignal);
  });
  try {
    return await Promise.race([work({ supervisor, signal: stopped.signal }), interrupted, supervisor.failed]);
  } finally {
    await supervisor.stop();
    unlock();
  }
}

/** Runs a program's main function: an error becomes its message and exit code 1, never a stack. */
export async function runMain(main: () => Promise<number>): Promise<never> {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  }
  // Whatever still waits, waits for nothing: everything that was started has been stopped.
  process.exit();
}

/** The part of an error that helps whoever started us. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ((error as NodeJS.ErrnoException).code === 'ENOSPC' || error.message.includes('No space left on device')) {
    return `The disk is full. Free some space, or set DATA_DIRECTORY to a folder on another disk.\n${error.message}`;
  }
  return error.message;
}
