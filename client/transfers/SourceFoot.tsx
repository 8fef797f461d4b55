import { Button } from '@mantine/core';
import { maxPaths, type Selection } from '../browse/selection.ts';
import { formatCount } from '../ui/format.ts';
import classes from './feet.module.css';
import { selectionText } from './selection-text.ts';

/** What is picked so far. */
export function SourceFoot({ selection, onClear }: { selection: Selection; onClear: () => void }) {
  const text =
    selection.size === 0
      ? 'Tick files and folders; a folder goes with all it holds.'
      : selection.size > maxPaths
        ? `${formatCount(selection.size)} entries are too many for one transfer: pick their folder, or at most ${formatCount(maxPaths)}.`
        : `Picked: ${selectionText(selection)}`;
  return (
    <div className={classes.foot}>
      <div role="status" className={selection.size === 0 ? classes.hint : classes.text}>
        {text}
      </div>
      {selection.size === 0 ? null : (
        <Button variant="subtle" size="compact-sm" onClick={onClear}>
          Clear
        </Button>
      )}
    </div>
  );
}
