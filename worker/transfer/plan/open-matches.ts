import { toAppError } from '../../../core/errors.ts';
import type { PlanPlace } from '../../../queue/plan-checkpoint.ts';
import type { OpenAccount } from '../accounts.ts';
import { asking, askingOnce } from './asking.ts';
import { FoldersLast } from './folders.ts';
import type { PlanRules } from './judge.ts';
import type { FetchPage } from './listing.ts';
import { type Matches, mergedMatches, sortedMatches, sourceMatches } from './matches.ts';
import { canonicalKey } from './names.ts';
import type { Section } from './section.ts';

/** What a page of a section costs its cloud. */
const kindOf = ({ source }: Section) => (source.kind === 'object' ? 'read' : 'list');

/** The pages of a section at the source, with the folders that are no objects where they are kept. */
export function fetchingSource(rules: PlanRules, section: Section, signal: AbortSignal): FetchPage {
  const { source, onRequest } = rules;
  const folders = keepsFolders(rules, section) || undefined;
  return (cursor) =>
    asking(source, signal, async () => {
      onRequest('source', kindOf(section));
      return section.listSource(source.provider, cursor, folders, signal);
    });
}

/** Whether the source has folders that are no objects and are to be kept where they are empty. */
function keepsFolders({ source, options }: PlanRules, section: Section): boolean {
  return (
    options.keep.emptyFolders && source.provider.capabilities.listing.hasFolders && section.source.kind !== 'object'
  );
}

/**
 * A section's objects from a place on, each with what is at the destination already where the rules ask for that. Folders
 * that are no objects come besides, filled ones too: what is at the destination under their names is none too many.
 */
export function openMatches(
  rules: PlanRules,
  section: Section,
  place: PlanPlace,
  fetchSource: FetchPage,
  signal: AbortSignal,
): Matches {
  if (!keepsFolders(rules, section)) return openListed(rules, section, place, fetchSource, true, signal);
  const { capabilities } = rules.source.provider;
  const folders = new FoldersLast(fetchSource, (key) => canonicalKey(key, capabilities));
  const matches = openListed(rules, section, place, folders.fetch, false, signal);
  const close = async () => {
    await Promise.all([matches.close(), folders.close()]);
  };
  return { isResumable: matches.isResumable, next: () => matches.next(), close };
}

/** The same of what the pages of the source hold. `isSimple`: each as the cloud gives it. */
function openListed(
  { source, destination, isJoined, options, onRequest }: PlanRules,
  section: Section,
  place: PlanPlace,
  fetchSource: FetchPage,
  isSimple: boolean,
  signal: AbortSignal,
): Matches {
  const keyOf = (sourceKey: string) => section.destinationKeyOf(sourceKey);
  if (!isJoined) {
    const isThere = assertContainer(destination, section, signal);
    // The source's listing may fail first, and then nobody awaits it.
    isThere.catch(() => {});
    const fetchBoth: FetchPage = async (cursor) => (await Promise.all([fetchSource(cursor), isThere]))[0];
    return sourceMatches({ place, fetchSource: fetchBoth, keyOf }, isSimple);
  }
  const fetchDestination: FetchPage = (cursor) =>
    asking(destination, signal, async () => {
      onRequest('destination', kindOf(section));
      return section.listDestination(destination.provider, cursor, signal);
    });
  const { capabilities } = destination.provider;
  const isInOrder =
    isSimple &&
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
