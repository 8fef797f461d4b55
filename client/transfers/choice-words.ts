import { formatAge } from '../ui/age.ts';
import { formatBytes, formatDateTime, formatPercent, formatQuantity } from '../ui/format.ts';
import { keptMetadata, usuallyKept } from './choices.ts';
import { keptLabels } from './MoreChoices.tsx';
import type { Options } from './options.ts';
import { type Mode, policies } from './words.ts';

/** A choice as people read it: what it is about, and what was chosen, one or several. */
export interface ChoiceWords {
  term: string;
  values: readonly string[];
}

/** What is done where something is already; nothing where nothing is written. */
export function policyWords(mode: Mode, { conflictPolicy }: Options): ChoiceWords[] {
  return mode === 'VERIFY' ? [] : [{ term: 'If it is there already', values: [policies[conflictPolicy]] }];
}

/** What was chosen besides, where it is not as usual. */
export function furtherWords(mode: Mode, options: Options): ChoiceWords[] {
  const { keep, names, verification, maxTries, deletionLimit } = options;
  const { include, exclude, minSize, maxSize, modifiedAfter, modifiedBefore, olderThan, newerThan, manifest } =
    options.filter;
  const writes = mode !== 'VERIFY';
  const dropped = usuallyKept.filter((kept) => !keep[kept]).map((kept) => keptLabels[kept]);
  const added = keptMetadata
    .filter((kept) => keep[kept] && !usuallyKept.includes(kept))
    .map((kept) => keptLabels[kept]);
  const sizes = [
    ...(minSize === null ? [] : [`at least ${formatBytes(minSize)}`]),
    ...(maxSize === null ? [] : [`at most ${formatBytes(maxSize)}`]),
  ];
  const times = [
    ...(modifiedAfter === null ? [] : [`since ${formatDateTime(modifiedAfter)}`]),
    ...(modifiedBefore === null ? [] : [`before ${formatDateTime(modifiedBefore)}`]),
  ];
  const ages = [
    ...(olderThan === null ? [] : [`older than ${formatAge(olderThan)}`]),
    ...(newerThan === null ? [] : [`not older than ${formatAge(newerThan)}`]),
  ];
  const limit = `more than ${formatQuantity(deletionLimit.objects, 'object')}, or ${formatPercent(deletionLimit.share)} of what is there`;
  const all = [
    { term: 'Only', values: include },
    { term: 'Not', values: exclude },
    {
      term: 'Paths',
      values: manifest === null ? [] : [`Only the ${formatQuantity(manifest.pathCount, 'path')} of a file`],
    },
    { term: 'Size', values: sizes },
    { term: 'Changed', values: times },
    { term: 'Age when it begins', values: ages },
    { term: 'Asks before it deletes', values: mode === 'SYNC' ? [limit] : [] },
    { term: 'Travels along too', values: writes ? added : [] },
    { term: 'Does not travel along', values: writes ? dropped : [] },
    { term: 'Names that do not fit', values: names === 'ENCODE' ? ['Rewritten'] : [] },
    { term: 'Names that were rewritten', values: names === 'DECODE' ? ['Turned back'] : [] },
    { term: 'Proof', values: verification === 'REREAD' ? ['Read back at the destination'] : [] },
    { term: 'Tries for a file that fails', values: maxTries === 3 ? [] : [String(maxTries)] },
  ];
  return all.filter(({ values }) => values.length > 0);
}
