import { IconArrowRight } from '@tabler/icons-react';
import type { Account } from '../accounts/account.ts';
import { readablePath } from '../browse/paths.ts';
import type { Selection } from '../browse/selection.ts';
import { formatQuantity } from '../ui/format.ts';
import { Notice } from '../ui/Notice.tsx';
import { type Choices, choiceRules } from './choices.ts';
import classes from './Departure.module.css';
import { arrivalOf } from './draft.ts';
import { selectionText } from './selection-text.ts';

interface DepartureSummaryProps {
  source: Account | undefined;
  selection: Selection;
  destination: Account | undefined;
  to: string;
}

/** Where a single entry arrives; of several, the folder that they arrive in. */
function placeOf(selection: Selection, to: string): string {
  const [first] = selection.values();
  return selection.size === 1 && first !== undefined ? arrivalOf(first, to) : to;
}

/** What goes where. */
export function DepartureSummary({ source, selection, destination, to }: DepartureSummaryProps) {
  return (
    <>
      <div>
        <strong>{selectionText(selection)}</strong> from {source?.name}
      </div>
      <div className={classes.arrival}>
        <IconArrowRight size={16} aria-hidden />
        <span>
          {destination?.name}: {readablePath(placeOf(selection, to))}
        </span>
      </div>
    </>
  );
}

/** What a move removes and a mirror deletes, said before it does. */
export function Danger({ choices, ...route }: DepartureSummaryProps & { choices: Choices }) {
  const { source, selection, destination, to } = route;
  if (choices.mode === 'MOVE') {
    return (
      <Notice tone="warn" announce="polite" title="This removes files at the source">
        Each file is deleted from {source?.name ?? 'the source'} once its copy is proven by hashes of both sides. What
        cannot be proven stays.
      </Notice>
    );
  }
  if (choices.mode !== 'SYNC') return null;
  const place =
    destination === undefined || to === ''
      ? 'at the destination'
      : selection.size === 1
        ? `below ${destination.name}: ${readablePath(placeOf(selection, to))}`
        : `in the folders that arrive at ${destination.name}: ${readablePath(to)}`;
  const { objects, share } = choices;
  const limited = choiceRules.objects(objects, choices) === null && choiceRules.share(share, choices) === null;
  const limit = limited
    ? ` It asks you first if that is more than ${formatQuantity(Number(objects), 'file')} or ${Number(share)} % of what is there.`
    : '';
  return (
    <Notice tone="warn" announce="polite" title="This deletes files at the destination">
      Whatever is {place} and not at the source is deleted, once both sides were listed without an error.
      {limit}
      {choices.when === 'now' ? ' “Plan first” shows everything before it happens.' : ''}
    </Notice>
  );
}
