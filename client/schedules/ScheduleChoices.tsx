import { Anchor } from '@mantine/core';
import { useState } from 'react';
import { ChoiceList } from '../transfers/ChoiceList.tsx';
import { type ChoiceWords, furtherWords, policyWords } from '../transfers/choice-words.ts';
import { policiesOf } from '../transfers/words.ts';
import { formatCount, formatSpeed } from '../ui/format.ts';
import classes from './ScheduleChoices.module.css';
import type { Schedule } from './schedule.ts';

/** So many patterns show before somebody asks for all of them. */
const mostValues = 4;

/** What is chosen about the transfers of a schedule, where it is not as usual. */
export function ScheduleChoices({ schedule }: { schedule: Schedule }) {
  const [all, setAll] = useState(false);
  const choices = choicesOf(schedule);
  if (choices.length === 0) return null;
  const isLong = choices.some(({ values }) => values.length > mostValues);
  return (
    <section aria-label={`Choices of ${schedule.name}`}>
      <ChoiceList choices={choices} inline {...(all ? {} : { most: mostValues })} />
      {isLong ? (
        <Anchor
          component="button"
          type="button"
          className={classes.fold}
          aria-expanded={all}
          aria-label={`${all ? 'Fewer' : 'All'} choices of ${schedule.name}`}
          onClick={() => setAll(!all)}
        >
          {all ? 'Fewer choices' : 'All choices'}
        </Anchor>
      ) : null}
    </section>
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
