import { toAppError } from '../../../core/errors.ts';
import type { PlanPlace } from '../../../queue/plan-checkpoint.ts';
import type { OpenAccount } from '../accounts.ts';
import { asking, askingOnce } from './asking.ts';
import type { PlanRules } from './judge.ts';
import type { FetchPage } from './listing.ts';
import { type Matches, mergedMatches, sortedMatches, sourceMatches } from './matches.ts';
import { canonicalKey } from './names.ts';
import type { Section } from './section.ts';

/** What a page of a section costs its cloud. */
const kindOf = ({ source }: Section) => (source.kind === 'object' ? 'read' : 'list');

/** The pages of a section at the source. */
export function fetchingSource({ source, onRequest }: PlanRules, section: Section, signal: AbortSignal): FetchPage {
  return (cursor) =>
    asking(source, signal, async () => {
      onRequest('source', kindOf(section));
      return section.listSource(source.provider, cursor, signal);
    });
}

/** A section's objects from a place on, each with what is at the destination already where the rules ask for that. */
export function openMatches(
  { source, destination, isJoined, options, onRequest }: PlanRules,
  section: Section,
  place: PlanPlace,
  fetchSource: FetchPage,
  signal: AbortSignal,
): Matches {
  const keyOf = (sourceKey: string) => section.destinationKeyOf(sourceKey);
  if (!isJoined) {
    const isThere = assertContainer(destination, section, signal);
    // The source's listing may fail first, and then nobody awaits it.
    isThere.catch(() => {});
    const fetchBoth: FetchPage = async (cursor) => (await Promise.all([fetchSource(cursor), isThere]))[0];
    return sourceMatches({ place, fetchSource: fetchBoth, keyOf });
  }
  const fetchDestination: FetchPage = (cursor) =>
    asking(destination, signal, async () => {
      onRequest('destination', kindOf(section));
      return section.listDestination(destination.provider, cursor, signal);
    });
  const { capabilities } = destination.provider;
  const isInOrder =
    source.provider.capabilities.listing.order === 'bytes' &&
    capabilities.listing.order === 'bytes' &&
    capabilities.caseSensitive &&
    options.names === 'REFUSE';
  if (isInOrder) return mergedMatches({ place, fetchSource, fetchDestination, keyOf });
  const canonicalOf = (key: string) => canonicalKey(key, capabilities);
  return sortedMatches({ place, fetchSource, fetchDestination, keyOf, canonicalOf });
}

/**
 * Throws CONTAINER_NOT_FOUND where the destination's container is not there: every object would fail with it, one by one.
 * Anything else is for them to meet, because credentials that write may not list.
 */
async function assertContainer(account: OpenAccount, section: Section, signal: AbortSignal): Promise<void> {
  const { destination, destinationPrefix: prefix } = section;
  const request = { container: destination.container, prefix, limit: 1 };
  try {
    await askingOnce(account, signal, () => account.provider.list(request, signal));
  } catch (error) {
    if (toAppError(error).code === 'CONTAINER_NOT_FOUND') throw error;
  }
}
