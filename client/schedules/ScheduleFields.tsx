import { Select, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { Choice } from '../ui/Choice.tsx';
import { NextRuns } from './NextRuns.tsx';
import classes from './ScheduleFields.module.css';
import { presets, type Timing, timeZones } from './timing.ts';

/** When to do it again and again, with the moments that comes to. The form has the fields of a Timing among its own. */
export function ScheduleFields<Values extends Timing>({ form }: { form: UseFormReturnType<Values> }) {
  // Paths of a generic form's fields are beyond what its types can tell.
  const { values, getInputProps, setFieldValue } = form as unknown as UseFormReturnType<Timing>;
  const { cron, timeZone } = values;
  const preset = presets.find(({ value }) => value === cron.trim())?.value ?? 'own';
  return (
    <div className={classes.fields}>
      <Choice
        label="How often"
        data={[...presets, { value: 'own', label: 'otherwise' }]}
        value={preset}
        onChange={(chosen) => setFieldValue('cron', chosen === 'own' ? '' : chosen)}
      />
      <div className={classes.pair}>
        <TextInput
          label="Cron expression"
          description="Minute, hour, day, month, day of the week."
          placeholder="30 6 * * MON-FRI"
          spellCheck={false}
          {...getInputProps('cron')}
        />
        <Select
          label="Time zone"
          description="Whose clocks it goes by."
          searchable
          allowDeselect={false}
          limit={100}
          data={timeZones(timeZone)}
          {...getInputProps('timeZone')}
        />
      </div>
      <NextRuns cron={cron.trim()} timeZone={timeZone} />
    </div>
  );
}
