import { randomUUID } from 'node:crypto';
import { AppError, toAppError } from '../../../core/errors.ts';
import { readsItsOwn } from '../../../queue/path.ts';
import { bufferedBody } from '../../../storage/digest.ts';
import type { Location, ObjectInfo } from '../../../storage/provider.ts';
import { discard } from '../discard.ts';
import { isSameVersion } from '../pair.ts';
import { neededDigests } from '../verify.ts';
import { asking, askingOnce } from './asking.ts';
import type { PlanRules } from './judge.ts';
import { type FetchPage, Listing } from './listing.ts';
import { canonicalKey, renaming } from './names.ts';
import type { Section } from './section.ts';
import type { Side } from './workload.ts';

/** What a look at a place fails with when no object can be there. */
const absences: readonly string[] = ['OBJECT_NOT_FOUND', 'CONTAINER_NOT_FOUND', 'NAME_NOT_ALLOWED'];

/**
 * Makes sure that a source is not its own destination before a transfer that writes touches it. An order is refused by
 * the accounts' addresses; here two addresses of one store (a name and a number, a proxy, two names of one bucket) are
 * found out by what is there. A move onto itself would remove the only copy, and a copy into its own source would list
 * what it writes, and never end.
 */
export class Apartness {
  readonly #rules: PlanRules;
  readonly #signal: AbortSignal;
  /** Whether names of both sides overlap. Elsewhere one store under two addresses does no harm. */
  readonly #isDue: boolean;
  /** Containers of the source that are known to be others than the destination's. */
  readonly #apart = new Set<string>();

  constructor(rules: PlanRules, sections: readonly Section[], signal: AbortSignal) {
    this.#rules = rules;
    this.#signal = signal;
    this.#isDue = rules.mode !== 'VERIFY' && overlap(rules, sections);
  }

  /** `fetchSource` gives the section's pages. Throws INVALID_INPUT, or what the look at either side fails with. */
  async assert(section: Section, fetchSource: FetchPage): Promise<void> {
    const { container } = section.source;
    if (!this.#isDue || this.#apart.has(container)) return;
    const key = await firstObject(fetchSource);
    // Where nothing is, nothing can be lost.
    if (key === null) return;
    if ((await this.#looksSame(section, key)) && (await this.#isSame(section))) {
      throw new AppError(
        'INVALID_INPUT',
        'Both accounts lead to one store by different addresses, and the destination lies inside a source, or a source inside it. Choose another destination.',
      );
    }
    this.#apart.add(container);
  }

  /** Whether both sides have an object of this name that differs in nothing: the same one, or a faithful copy. */
  async #looksSame({ source, destination }: Section, key: string): Promise<boolean> {
    const there = await this.#look('destination', { container: destination.container, key });
    const here = there && (await this.#look('source', { container: source.container, key }));
    return (
      !!there &&
      !!here &&
      isSameVersion(there.version, here.version) &&
      there.sizeBytes === here.sizeBytes &&
      there.modifiedAt?.getTime() === here.modifiedAt?.getTime()
    );
  }

  /** Whether an object that is written at the destination appears at the source. It is deleted again. */
  async #isSame({ source, destination, destinationPrefix }: Section): Promise<boolean> {
    const { provider } = this.#rules.destination;
    const key = `${destinationPrefix.slice(0, destinationPrefix.lastIndexOf('/') + 1)}.skyferry-${randomUUID()}`;
    const { container } = destination;
    const body = bufferedBody([Buffer.from('.')], neededDigests(provider.capabilities.write, 'whole'));
    const { version } = await asking(this.#rules.destination, this.#signal, () =>
      provider.write({ container, key, body, metadata: { user: {} } }, this.#signal),
    );
    try {
      return (await this.#look('source', { container: source.container, key })) !== null;
    } finally {
      await discard(provider, { container, key }, version).catch((cause: unknown) => {
        const { code, message } = toAppError(cause);
        const remains = `What was written to tell both sides apart could not be removed: delete ${container}/${key}.`;
        throw new AppError(code, `${remains} ${message}`, { cause, retry: 'never' });
      });
    }
  }

  /** null: there is none. */
  async #look(side: Side, location: Location): Promise<ObjectInfo | null> {
    const account = this.#rules[side];
    // A copy removes nothing: it goes on where the destination may not be read, and is not held up where it is away.
    const isVital = this.#rules.mode !== 'COPY' || side === 'source';
    try {
      account.provider.checkName(location.key);
      return await (isVital ? asking : askingOnce)(account, this.#signal, async () => {
        this.#rules.onRequest(side, 'read');
        return account.provider.stat(location, this.#signal);
      });
    } catch (error) {
      if (!isVital || absences.includes(toAppError(error).code)) return null;
      throw error;
    }
  }
}

/** As if all containers were one: which they are is not told by their names alone. */
function overlap({ destination: { provider }, options }: PlanRules, sections: readonly Section[]): boolean {
  const fold = (key: string) => canonicalKey(key, provider.capabilities);
  const sources = sections.map(({ source }) => ({ ...source, container: '' }));
  const rename = renaming(options.names, provider);
  return sections.some(({ destination }) => readsItsOwn(sources, { ...destination, container: '' }, fold, rename));
}

/** The first that is not a folder; null: there is none. */
async function firstObject(fetchSource: FetchPage): Promise<string | null> {
  const listing = new Listing(fetchSource, null);
  for (await listing.load(); listing.current !== undefined; await listing.load()) {
    const found = listing.rest.find(({ key }) => !key.endsWith('/'));
    if (found) return found.key;
    listing.skip(listing.rest.length);
  }
  return null;
}
