import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** When a process began, in clock ticks since boot, or '' where the system does not tell: tells reused ids apart. */
function startedAt(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold spaces; the start time is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Takes the data folder for this process; returns how to give it back. Throws an Error that names the holder's process
 * id when another living process has it. What a dead process left is taken over.
 */
export function lockDataDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'lock');
  const own = `${process.pid} ${startedAt(process.pid)}`;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      writeFileSync(path, own, { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const [pid = '', started = ''] = readFileSync(path, 'utf8').split(' ');
    if (pid !== '' && isAlive(Number(pid)) && startedAt(Number(pid)) === started) {
      throw new Error(
        `Skyferry already runs from this data folder (process ${pid}, ${directory}). Stop that one, or give this one a DATA_DIRECTORY and a PORT of its own.`,
      );
    }
    rmSync(path, { force: true });
  }
  throw new Error(`${path} changes hands too fast. Try again.`);
}
