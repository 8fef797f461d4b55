import { Spoiler } from '@mantine/core';
import { type ChoiceWords, furtherWords, policyWords } from '../transfers/choice-words.ts';
import { policiesOf } from '../transfers/words.ts';
import { formatCount, formatSpeed } from '../ui/format.ts';
import classes from './ScheduleChoices.module.css';
import type { Schedule } from './schedule.ts';

/** Of many patterns, so much shows before somebody asks for all of them. */
const foldedPx = 104;

/** What is chosen about the transfers of a schedule, where it is not as usual. */
export function ScheduleChoices({ schedule }: { schedule: Schedule }) {
  const choices = choicesOf(schedule);
  if (choices.length === 0) return null;
  return (
    <Spoiler
      maxHeight={foldedPx}
      showLabel="All choices"
      hideLabel="Fewer choices"
      attributes={{ content: { 'aria-label': `Choices of ${schedule.name}` } }}
    >
      <dl className={classes.choices}>
        {choices.map(({ term, values }) => (
          <div key={term} className={classes.choice}>
            <dt>{term}</dt>
            {values.map((value) => (
              <dd key={value}>{value}</dd>
            ))}
          </div>
        ))}
      </dl>
    </Spoiler>
  );
}

function choicesOf({ mode, options, priority, bandwidthLimit }: Schedule): ChoiceWords[] {
  const { conflictPolicy, concurrency } = options;
  return [
    ...(conflictPolicy === policiesOf[mode][0] ? [] : policyWords(mode, options)),
    ...furtherWords(mode, options),
    ...(bandwidthLimit === null ? [] : [{ term: 'Speed', values: [`${formatSpeed(bandwidthLimit)} at most`] }]),
    ...(concurrency === null ? [] : [{ term: 'Objects at once', values: [`${formatCount(concurrency)} at most`] }]),
    ...(priority === 'NORMAL' ? [] : [{ term: 'Priority', values: [priority.toLowerCase()] }]),
  ];
}
