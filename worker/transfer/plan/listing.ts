import { AppError } from '../../../core/errors.ts';
import type { Entry, Page } from '../../../storage/provider.ts';

/**
 * Clouds give empty pages with a cursor where they pass over what is deleted, a page's worth of it each: so many in a row
 * are tens of millions of such objects, or a store that makes up cursors.
 */
export const maxEmptyPages = 10_000;

/** An entry as a plan has it. */
export interface Listed extends Entry {
  /** Of a folder that is no object: whether something is in it, so that it is there anyway. */
  isFilled?: boolean;
}

/** Fetches the page at a cursor, with as many tries as it deserves. */
export type FetchPage = (cursor: string | null) => Promise<Page<Listed>>;

/** One side of a plan, page by page. The next page is on its way while one is used. */
export class Listing {
  readonly #fetch: FetchPage;
  #cursor: string | null;
  #page: Page<Listed> | undefined;
  #index = 0;
  #coming: Promise<Page<Listed>>;
  /** A cursor that was passed, by which a listing that goes in a circle is known (Brent's cycle detection). */
  #mark: string | null;
  #pagesToMark = 1;
  #pagesUnmarked = 0;
  #emptyPages = 0;

  constructor(fetch: FetchPage, cursor: string | null) {
    this.#fetch = fetch;
    this.#cursor = cursor;
    this.#mark = cursor;
    this.#coming = this.#begin(cursor);
  }

  /** Where to begin again so that nothing that is not yet taken is missed; null also: from the start. */
  get cursor(): string | null {
    return this.#cursor;
  }

  /** Cursor of the page behind the one at hand; null: there is none. */
  get nextCursor(): string | null {
    return this.#page?.nextCursor ?? null;
  }

  /** The next entry, when its page is at hand. */
  get current(): Listed | undefined {
    return this.#page?.items[this.#index];
  }

  /** The rest of the page at hand. */
  get rest(): readonly Listed[] {
    return this.#page?.items.slice(this.#index) ?? [];
  }

  get isEnded(): boolean {
    return this.#page !== undefined && this.current === undefined && this.#page.nextCursor === null;
  }

  skip(count = 1): void {
    this.#index += count;
  }

  /**
   * Resolves once `current` or `isEnded` says something. Rejects with what the listing failed with; ENDPOINT_INVALID for
   * one that never ends because it comes back to where it was, or has nothing on `maxEmptyPages` pages in a row.
   */
  async load(): Promise<void> {
    while (this.current === undefined && !this.isEnded) {
      if (this.#page?.nextCursor != null) this.#cursor = this.#page.nextCursor;
      this.#page = await this.#coming;
      this.#index = 0;
      this.#emptyPages = this.#page.items.length === 0 ? this.#emptyPages + 1 : 0;
      if (this.#emptyPages > maxEmptyPages) {
        throw new AppError('ENDPOINT_INVALID', 'The store lists page after page with nothing on it.');
      }
      if (this.#page.nextCursor !== null) {
        this.#assertNew(this.#page.nextCursor);
        this.#coming = this.#begin(this.#page.nextCursor);
      }
    }
  }

  #assertNew(cursor: string): void {
    if (cursor === this.#mark) {
      throw new AppError('ENDPOINT_INVALID', 'The store lists the same pages again and again.');
    }
    this.#pagesUnmarked += 1;
    if (this.#pagesUnmarked < this.#pagesToMark) return;
    this.#mark = cursor;
    this.#pagesToMark *= 2;
    this.#pagesUnmarked = 0;
  }

  #begin(cursor: string | null): Promise<Page<Listed>> {
    const coming = this.#fetch(cursor);
    // Whoever awaits it hears of it.
    coming.catch(() => {});
    return coming;
  }
}
