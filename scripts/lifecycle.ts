import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fullestPlace, type Measured, tellFullDisk } from './local/disk.ts';
import { lockDataDirectory } from './local/lock.ts';
import { Supervisor } from './local/supervisor.ts';
import { say } from './run-main.ts';
import { places, type Settings } from './settings.ts';

export { runMain, say } from './run-main.ts';

/** What is still under way when everything was stopped may take this long to tidy up. */
const tidyMs = 5_000;

/**
 * Runs `work` with the data folder locked, until it resolves, fails, or somebody wishes to stop (Ctrl-C, SIGTERM, the
 * starter gone); then stops everything that was started, in order, and resolves to the exit code. A second wish kills.
 * Rejects with an Error that names the disk when a full one was behind the failure.
 */
export async function runUntilStopped(
  settings: Settings,
  interruptedCode: number,
  work: (supervisor: Supervisor) => Promise<number>,
): Promise<number> {
  let fullest: Measured | undefined;
  const measure = () => {
    fullest ??= fullestPlace(places(settings));
  };
  const supervisor = new Supervisor(say);
  supervisor.signal.addEventListener('abort', measure);
  let isStopping = false;
  const interrupted = new Promise<number>((resolve) => {
    const onSignal = () => {
      if (isStopping) {
        say('Stopping at once.');
        void supervisor.kill().then(() => process.exit(130));
        return;
      }
      isStopping = true;
      say('Stopping …');
      resolve(interruptedCode);
    };
    for (const name of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.on(name, onSignal);
  });
  let unlock = () => {};
  let working = Promise.resolve(0);
  try {
    unlock = lockDataDirectory(settings.dataDirectory);
    working = work(supervisor);
    return await Promise.race([working, interrupted, supervisor.failed]);
  } catch (error) {
    measure();
    throw tellFullDisk(error, fullest);
  } finally {
    await supervisor.stop();
    await Promise.race([working.catch(() => {}), sleep(tidyMs)]);
    unlock();
  }
}

/** Waits for the wish to stop. */
export async function untilStopped(signal: AbortSignal): Promise<number> {
  if (!signal.aborted) await once(signal, 'abort');
  return 0;
}
