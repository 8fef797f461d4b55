import { formatCount } from '../ui/format.ts';
import classes from './ChoiceList.module.css';
import type { ChoiceWords } from './choice-words.ts';

interface ChoiceListProps {
  choices: readonly ChoiceWords[];
  /** Beside one another, and not below. */
  inline?: boolean;
  /** So many values of each are shown, and how many more there are. */
  most?: number;
}

/** Choices, each with what it is about. */
export function ChoiceList({ choices, inline = false, most = Number.POSITIVE_INFINITY }: ChoiceListProps) {
  return (
    <dl className={inline ? `${classes.choices} ${classes.inline}` : classes.choices}>
      {choices.map(({ term, values }) => (
        <div key={term} className={classes.choice}>
          <dt>{term}</dt>
          {values.slice(0, most).map((value) => (
            <dd key={value}>{value}</dd>
          ))}
          {values.length <= most ? null : <dd>and {formatCount(values.length - most)} more</dd>}
        </div>
      ))}
    </dl>
  );
}
