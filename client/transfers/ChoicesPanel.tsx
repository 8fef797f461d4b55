import { formatAge } from '../ui/age.ts';
import { formatBytes, formatDateTime, formatPercent, formatQuantity } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import classes from './ChoicesPanel.module.css';
import { keptMetadata, usuallyKept } from './choices.ts';
import { keptLabels } from './MoreChoices.tsx';
import type { TransferDetail } from './transfer.ts';
import { modes, policies } from './words.ts';

/** What was chosen: the mode and the policy always, the rest where it is not as usual. */
export function ChoicesPanel({ transfer }: { transfer: TransferDetail }) {
  return (
    <Panel title="Choices">
      <dl className={classes.choices}>
        {choicesOf(transfer).map(({ term, values }) => (
          <div key={term}>
            <dt>{term}</dt>
            {values.map((value) => (
              <dd key={value}>{value}</dd>
            ))}
          </div>
        ))}
      </dl>
    </Panel>
  );
}

function choicesOf({ mode, isDryRun, options }: TransferDetail): { term: string; values: readonly string[] }[] {
  const { conflictPolicy, keep, names, verification, maxTries, deletionLimit } = options;
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
    { term: 'What to do', values: [`${modes[mode].label}${isDryRun ? ', planned first' : ''}`] },
    { term: 'If it is there already', values: writes ? [policies[conflictPolicy]] : [] },
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
    { term: 'Names that do not fit', values: writes && names === 'ENCODE' ? ['Rewritten'] : [] },
    { term: 'Proof', values: verification === 'REREAD' ? ['Read back at the destination'] : [] },
    { term: 'Tries for a file that fails', values: maxTries === 3 ? [] : [String(maxTries)] },
  ];
  return all.filter(({ values }) => values.length > 0);
}
