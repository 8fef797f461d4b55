import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A small JSON file of the data folder, readable by its owner only, replaced in one step. `fill` may add what is
 * missing; what is there already is kept.
 */
export function stateFile<State extends object>(directory: string, name: string) {
  const path = join(directory, name);
  const read = (): Partial<State> => {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as Partial<State>;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw new Error(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  };
  const write = (state: Partial<State>): void => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const partial = `${path}.partial-${process.pid}`;
    try {
      writeFileSync(partial, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
      renameSync(partial, path);
      chmodSync(path, 0o600);
    } catch (cause) {
      throw new Error(`${path} cannot be written: ${(cause as Error).message}. Is its disk full?`, { cause });
    } finally {
      rmSync(partial, { force: true });
    }
  };
  return {
    path,
    read,
    /** Merges into what is there. */
    update: (change: Partial<State>): void => write({ ...read(), ...change }),
  };
}
