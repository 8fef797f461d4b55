import { AppError, toAppError } from '../../../core/errors.ts';
import type { ConflictPolicy } from '../../../queue/transfer-options.ts';
import type { Digests } from '../../../storage/digest-algorithm.ts';
import type { Entry, Location, ObjectInfo } from '../../../storage/provider.ts';
import { Tries } from '../../errors.ts';
import { pause } from '../gate.ts';
import { Limiter } from '../limiter.ts';
import { type Decision, decide } from './decide.ts';
import type { PlanRules } from './judge.ts';
import type { Side } from './workload.ts';

/** Looks at objects under way at a time. */
const looksAtOnce = 32;
/** Names that are tried for an object that is written beside another. */
const mostNames = 1_000;

/** Resolves to whether no object of the transfer has the name: then none but who asked gets it. */
export type Reserve = (location: Location) => Promise<boolean>;

/** Looks at single objects where a listing does not say enough. */
export class FactFinder {
  readonly #rules: Pick<PlanRules, Side | 'onRequest'>;
  readonly #signal: AbortSignal;
  readonly #limiter = new Limiter(looksAtOnce);

  constructor(rules: Pick<PlanRules, Side | 'onRequest'>, signal: AbortSignal) {
    this.#rules = rules;
    this.#signal = signal;
  }

  /** Decides by the hashes of both objects; without any of both the safe way, which is to write. */
  decide(
    places: { source: Location; destination: Location },
    source: Entry,
    destination: Entry,
    policy: ConflictPolicy,
  ): Promise<Decision> {
    return this.#limiter.run(async () => {
      const [from, to] = await Promise.all([
        this.#look('source', places.source),
        this.#look('destination', { ...places.destination, key: destination.key }),
      ]);
      const facts = (entry: Entry, info: ObjectInfo | null) => ({
        ...entry,
        sizeBytes: info?.sizeBytes ?? entry.sizeBytes,
        digests: info === null ? entry.digests : allDigests(info),
      });
      const decided = decide(facts(source, from), facts(destination, to), policy);
      return decided ?? { action: 'REPLACE', reason: 'NOT_COMPARABLE' };
    });
  }

  /**
   * A name that nothing has at the destination and the transfer gives to nothing else: `a (2).txt` for `a.txt`, with the
   * first number from 2 that is free.
   */
  freeName({ container, key }: Location, reserve: Reserve): Promise<Location> {
    return this.#limiter.run(async () => {
      for (let number = 2; number <= mostNames; number++) {
        const candidate = { container, key: numbered(key, number) };
        if ((await reserve(candidate)) && (await this.#look('destination', candidate)) === null) return candidate;
      }
      throw new AppError('DESTINATION_EXISTS', `There are ${mostNames} objects of this name at the destination.`);
    });
  }

  /** Bytes of what is at the destination under the name; 0: nothing. */
  sizeThere(location: Location): Promise<number> {
    return this.#limiter.run(async () => (await this.#look('destination', location))?.sizeBytes ?? 0);
  }

  /** null: there is none. */
  async #look(side: Side, location: Location): Promise<ObjectInfo | null> {
    const { gate, provider } = this.#rules[side];
    this.#rules.onRequest(side, 'read');
    const tries = new Tries();
    for (;;) {
      try {
        await gate.pass(this.#signal);
        return await gate.watch(provider.stat(location, this.#signal));
      } catch (cause) {
        const error = toAppError(cause);
        if (error.code === 'OBJECT_NOT_FOUND') return null;
        const waitMs = this.#signal.aborted ? null : tries.failed(error);
        if (waitMs === null) throw error;
        await pause(waitMs, this.#signal);
      }
    }
  }
}

/** What a cloud vouches for goes before what a writer told it. */
export function allDigests({ digests, assertedDigests }: ObjectInfo): Digests {
  return { ...assertedDigests, ...digests };
}

/** `a/b.txt` as `a/b (2).txt`; a name without an ending, or that is all ending, gets the number at its end. */
export function numbered(key: string, number: number): string {
  const isFolder = key.endsWith('/');
  const bare = isFolder ? key.slice(0, -1) : key;
  const nameAt = bare.lastIndexOf('/') + 1;
  const dot = Math.max(nameAt, bare.lastIndexOf('.'));
  const hasEnding = !isFolder && /[^.]/.test(bare.slice(nameAt, dot));
  const end = hasEnding ? dot : bare.length;
  return `${bare.slice(0, end)} (${number})${bare.slice(end)}${isFolder ? '/' : ''}`;
}
