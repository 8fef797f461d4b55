import { SegmentedControl } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useId } from 'react';
import classes from './Choice.module.css';

interface ChoiceProps<Value extends string> {
  label: string;
  data: readonly { value: Value; label: string }[];
  value: Value;
  onChange: (value: Value) => void;
  /** What the chosen one means. */
  help?: string | undefined;
}

/** Letters of all labels together that a row holds on the smallest screens. */
const mostLettersInRow = 25;

/** One of a few, all of them in sight; below each other where they do not fit in a row. */
export function Choice<Value extends string>({ label, data, value, onChange, help }: ChoiceProps<Value>) {
  const id = useId();
  const letters = data.reduce((sum, one) => sum + one.label.length, 0);
  const narrow = useMediaQuery('(max-width: 40em)') ?? false;
  return (
    <div>
      <div className={classes.label} id={id}>
        {label}
      </div>
      <SegmentedControl
        fullWidth
        aria-labelledby={id}
        orientation={narrow && letters > mostLettersInRow ? 'vertical' : 'horizontal'}
        data={[...data]}
        value={value}
        onChange={(chosen) => onChange(chosen as Value)}
      />
      {help === undefined ? null : <p className={classes.help}>{help}</p>}
    </div>
  );
}
