import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { compareKeys } from './key-order.ts';
import type { Listed } from './listing.ts';

/** Read and written at a time. */
const chunkBytes = 64 * 1024;

/** An entry with the key that it is sorted by. */
export interface Spooled {
  sortKey: string;
  entry: Listed;
}

/**
 * Sorts a listing of any length in flat memory: sorted runs on disk, merged as they are read. The files hold no secrets
 * but names. None has a name of its own once it is open, so nothing is left of a process that was killed.
 */
export class Spool {
  /** By level; a higher one holds what came earlier. */
  readonly #levels: FileHandle[][] = [];
  readonly #runEntries: number;
  readonly #runsPerLevel: number;
  #run: Spooled[] = [];

  /**
   * @param runEntries Sorted in memory at a time: a few MB.
   * @param runsPerLevel So many runs of one level are merged into one of the next: files that are open grow with the
   *   listing's logarithm.
   */
  constructor(runEntries = 20_000, runsPerLevel = 16) {
    this.#runEntries = runEntries;
    this.#runsPerLevel = runsPerLevel;
  }

  async add(spooled: Spooled): Promise<void> {
    this.#run.push(spooled);
    if (this.#run.length < this.#runEntries) return;
    const run = this.#takeRun();
    await this.#write(0, run);
  }

  /** All that was added, by sort key; those of one key in the order of their coming. */
  async *sorted(): AsyncGenerator<Spooled> {
    const files = this.#levels.toReversed().flat().map(readRun);
    yield* merged([...files, fromMemory(this.#takeRun())]);
  }

  /** Also while what is sorted has not been read to its end. */
  async close(): Promise<void> {
    await Promise.all(this.#levels.flat().map((file) => file.close()));
    this.#levels.length = 0;
  }

  #takeRun(): Spooled[] {
    const run = this.#run.sort(bySortKey);
    this.#run = [];
    return run;
  }

  async #write(level: number, run: Iterable<Spooled> | AsyncIterable<Spooled>): Promise<void> {
    this.#levels[level] ??= [];
    const runs = this.#levels[level];
    const file = await openUnnamed();
    runs.push(file);
    let text = '';
    for await (const spooled of run) {
      text += `${JSON.stringify(spooled)}\n`;
      if (text.length < chunkBytes) continue;
      await file.appendFile(text);
      text = '';
    }
    await file.appendFile(text);
    if (runs.length < this.#runsPerLevel) return;
    await this.#write(level + 1, merged(runs.map(readRun)));
    await Promise.all(runs.splice(0).map((one) => one.close()));
  }
}

const bySortKey = (a: Spooled, b: Spooled) => compareKeys(a.sortKey, b.sortKey);

/** Of equal keys those of the earlier run come first. */
async function* merged(runs: readonly AsyncGenerator<Spooled>[]): AsyncGenerator<Spooled> {
  const heads: { head: Spooled; rest: AsyncGenerator<Spooled> }[] = [];
  try {
    for (const rest of runs) {
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
  } finally {
    await Promise.all(runs.map((run) => run.return(undefined)));
  }
}

async function openUnnamed(): Promise<FileHandle> {
  const path = join(tmpdir(), `skyferry-plan-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}

async function* readRun(file: FileHandle): AsyncGenerator<Spooled> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  const decoder = new StringDecoder();
  let [position, rest] = [0, ''];
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunkBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    const lines = (rest + decoder.write(chunk.subarray(0, bytesRead))).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { sortKey, entry } = JSON.parse(line) as Spooled & { entry: { modifiedAt: string | null } };
      yield { sortKey, entry: { ...entry, modifiedAt: entry.modifiedAt === null ? null : new Date(entry.modifiedAt) } };
    }
  }
}

async function* fromMemory(run: readonly Spooled[]): AsyncGenerator<Spooled> {
  yield* run;
}
