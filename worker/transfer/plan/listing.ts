import type { Entry, Page } from '../../../storage/provider.ts';

/** Fetches the page at a cursor, with as many tries as it deserves. */
export type FetchPage = (cursor: string | null) => Promise<Page<Entry>>;

/** One side of a plan, page by page. The next page is on its way while one is used. */
export class Listing {
  readonly #fetch: FetchPage;
  #cursor: string | null;
  #page: Page<Entry> | undefined;
  #index = 0;
  #coming: Promise<Page<Entry>>;

  constructor(fetch: FetchPage, cursor: string | null) {
    this.#fetch = fetch;
    this.#cursor = cursor;
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
  get current(): Entry | undefined {
    return this.#page?.items[this.#index];
  }

  /** The rest of the page at hand. */
  get rest(): readonly Entry[] {
    return this.#page?.items.slice(this.#index) ?? [];
  }

  get isEnded(): boolean {
    return this.#page !== undefined && this.current === undefined && this.#page.nextCursor === null;
  }

  skip(count = 1): void {
    this.#index += count;
  }

  /** Resolves once `current` or `isEnded` says something. Rejects with what the listing failed with. */
  async load(): Promise<void> {
    while (this.current === undefined && !this.isEnded) {
      if (this.#page?.nextCursor != null) this.#cursor = this.#page.nextCursor;
      this.#page = await this.#coming;
      this.#index = 0;
      if (this.#page.nextCursor !== null) this.#coming = this.#begin(this.#page.nextCursor);
    }
  }

  #begin(cursor: string | null): Promise<Page<Entry>> {
    const coming = this.#fetch(cursor);
    // Whoever awaits it hears of it.
    coming.catch(() => {});
    return coming;
  }
}
