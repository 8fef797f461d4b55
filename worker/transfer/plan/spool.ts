import { once } from 'node:events';
import { createReadStream, createWriteStream, type ReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Entry } from '../../../storage/provider.ts';
import { compareKeys } from './key-order.ts';

/** Entries sorted in memory at a time: a few MB. */
const runEntries = 20_000;

/** An entry with the key that it is sorted by. */
export interface Spooled {
  sortKey: string;
  entry: Entry;
}

/**
 * Sorts a listing of any length in flat memory: sorted runs on disk, merged as they are read. The files are the
 * process's own, hold no secrets but names, and go with `close`.
 */
export class Spool {
  readonly #directory: string;
  readonly #files: string[] = [];
  readonly #inputs: ReadStream[] = [];
  #run: Spooled[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(): Promise<Spool> {
    return new Spool(await mkdtemp(join(tmpdir(), 'skyferry-plan-')));
  }

  async add(spooled: Spooled): Promise<void> {
    this.#run.push(spooled);
    if (this.#run.length >= runEntries) await this.#writeRun();
  }

  /** All that was added, by sort key; those of one key in the order of their coming. */
  async *sorted(): AsyncGenerator<Spooled> {
    for (const path of this.#files) this.#inputs.push(createReadStream(path));
    const readers = this.#inputs.map(readRun);
    const last = this.#run.toSorted(bySortKey);
    this.#run = [];
    readers.push(fromMemory(last));
    const heads: { head: Spooled; rest: AsyncGenerator<Spooled> }[] = [];
    for (const rest of readers) {
      const { value, done } = await rest.next();
      if (!done) heads.push({ head: value, rest });
    }
    while (heads.length > 0) {
      let least = 0;
      for (let index = 1; index < heads.length; index++) {
        const [one, best] = [heads[index], heads[least]];
        if (one && best && bySortKey(one.head, best.head) < 0) least = index;
      }
      const source = heads[least];
      if (!source) return;
      yield source.head;
      const { value, done } = await source.rest.next();
      if (done) heads.splice(least, 1);
      else source.head = value;
    }
  }

  /** Also while what is sorted has not been read to its end. */
  async close(): Promise<void> {
    await Promise.all(this.#inputs.map(closed));
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #writeRun(): Promise<void> {
    const run = this.#run.sort(bySortKey);
    this.#run = [];
    const path = join(this.#directory, `${this.#files.length}.jsonl`);
    const file = createWriteStream(path, { mode: 0o600 });
    for (const spooled of run) if (!file.write(lineOf(spooled))) await once(file, 'drain');
    file.end();
    await once(file, 'close');
    this.#files.push(path);
  }
}

const bySortKey = (a: Spooled, b: Spooled) => compareKeys(a.sortKey, b.sortKey);

/** Readers of lines end them at these separators too. */
function lineOf(spooled: Spooled): string {
  return `${JSON.stringify(spooled).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}\n`;
}

function closed(input: ReadStream): Promise<void> {
  return new Promise((resolve) => {
    if (input.closed) resolve();
    else input.once('close', resolve).destroy();
  });
}

async function* readRun(input: ReadStream): AsyncGenerator<Spooled> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    const { sortKey, entry } = JSON.parse(line) as Spooled & { entry: { modifiedAt: string | null } };
    yield { sortKey, entry: { ...entry, modifiedAt: entry.modifiedAt === null ? null : new Date(entry.modifiedAt) } };
  }
}

async function* fromMemory(run: readonly Spooled[]): AsyncGenerator<Spooled> {
  yield* run;
}
