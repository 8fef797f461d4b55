import { toAppError } from '../../../core/errors.ts';
import type { Page } from '../../../storage/provider.ts';
import { compareKeys } from './key-order.ts';
import type { FetchPage, Listed } from './listing.ts';
import { Spool, type Spooled } from './spool.ts';

/** Begins the cursors of pages of folders, as none of a cloud with folders that are no objects does. */
const cursorMark = 'folders:';
const pageFolders = 1_000;

/**
 * The pages of a listing that has folders besides objects: first all objects, as they come, then all folders, each with
 * whether something is in it. Only at a listing's end is it known which are empty, in whatever order it came: until then
 * they wait sorted on disk. Who begins in the midst of it lists once more for them, so that nothing of it is to be kept.
 */
export class FoldersLast {
  readonly #fetch: FetchPage;
  readonly #canonicalOf: (key: string) => string;
  readonly #spool = new Spool();
  /** Whether the spool has all folders so far, from the beginning on. */
  #isWhole = false;
  #sorted: AsyncGenerator<Spooled> | undefined;
  #noting: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** `canonicalOf`: the name by which the source tells keys apart. */
  constructor(fetch: FetchPage, canonicalOf: (key: string) => string) {
    this.#fetch = fetch;
    this.#canonicalOf = canonicalOf;
  }

  /** Called for one page after the other. */
  readonly fetch: FetchPage = async (cursor) => {
    if (cursor?.startsWith(cursorMark))
      return this.#folders(Buffer.from(cursor.slice(cursorMark.length), 'base64url').toString());
    this.#isWhole ||= cursor === null;
    const page = await this.#fetch(cursor);
    if (this.#isWhole) await this.#keep(page.items);
    return { items: page.items.filter(({ kind }) => kind === 'file'), nextCursor: page.nextCursor ?? cursorMark };
  };

  /** Also while a page is on its way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#noting.catch(() => {});
    await this.#spool.close();
  }

  #keep(items: readonly Listed[]): Promise<void> {
    if (!this.#isClosed) this.#noting = this.#note(items);
    return this.#noting;
  }

  /** Folders, and of what is in one folder the first of the page, which comes right behind it. */
  async #note(items: readonly Listed[]): Promise<void> {
    const filled = new Set<string>();
    for (const entry of items) {
      const key = this.#canonicalOf(entry.key);
      const isFolder = entry.kind === 'folder';
      if (isFolder) await this.#spool.add({ sortKey: key, entry });
      const parent = parentOf(isFolder ? key.slice(0, -1) : key);
      if (parent === '' || filled.has(parent)) continue;
      filled.add(parent);
      await this.#spool.add({ sortKey: `${parent}\0`, entry });
    }
  }

  async #folders(after: string): Promise<Page<Listed>> {
    if (!this.#isWhole) await this.#listAgain();
    this.#sorted ??= told(this.#spool.sorted());
    const items: Listed[] = [];
    let last = after;
    while (items.length < pageFolders) {
      const { value, done } = await this.#sorted.next();
      if (done) return { items, nextCursor: null };
      if (compareKeys(value.sortKey, after) <= 0) continue;
      items.push(value.entry);
      last = value.sortKey;
    }
    return { items, nextCursor: cursorMark + Buffer.from(last).toString('base64url') };
  }

  async #listAgain(): Promise<void> {
    this.#isWhole = true;
    let cursor: string | null = null;
    do {
      const page: Page<Listed> = await this.#fetch(cursor).catch(orNothing);
      await this.#keep(page.items);
      cursor = page.nextCursor;
    } while (cursor !== null && !this.#isClosed);
  }
}

/** A move may have taken all that was there. */
function orNothing(error: unknown): Page<Listed> {
  if (toAppError(error).code !== 'OBJECT_NOT_FOUND') throw error;
  return { items: [], nextCursor: null };
}

/** The folder that it is in. That of a marker is its own. */
const parentOf = (key: string) => key.slice(0, key.lastIndexOf('/') + 1);

/** The folders of what was noted. All that is in one comes right behind it. */
async function* told(sorted: AsyncGenerator<Spooled>): AsyncGenerator<Spooled> {
  let folder: Spooled | undefined;
  for await (const noted of sorted) {
    // Listed twice.
    if (noted.sortKey === folder?.sortKey) continue;
    if (folder) yield toldFolder(folder, noted.sortKey.startsWith(folder.sortKey));
    folder = noted.sortKey.endsWith('/') ? noted : undefined;
  }
  if (folder) yield toldFolder(folder, false);
}

const toldFolder = ({ sortKey, entry }: Spooled, isFilled: boolean): Spooled => ({
  sortKey,
  entry: { ...entry, isFilled },
});
