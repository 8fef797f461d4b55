import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { isNotEmpty, useForm } from '@mantine/form';
import { useMutation } from 'urql';
import { concurrencyHelp, concurrencyOf, concurrencyProblem } from '../transfers/concurrency.ts';
import { limitHelp, limitOf, limitProblem, limitText } from '../transfers/limit.ts';
import { BusyButton } from '../ui/BusyButton.tsx';
import { Choice } from '../ui/Choice.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import { ScheduleFields } from './ScheduleFields.tsx';
import { type Schedule, UpdateScheduleMutation } from './schedule.ts';
import { cronProblem } from './timing.ts';

interface EditScheduleDialogProps {
  schedule: Schedule;
  opened: boolean;
  onClose: () => void;
  onChanged: () => void;
}

/** Changes when a schedule runs, its name, and how its transfers run. What it moves stays: that is another schedule. */
export function EditScheduleDialog({ schedule, opened, onClose, onChanged }: EditScheduleDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={`Change ${schedule.name}`} size="lg">
      <EditForm schedule={schedule} onClose={onClose} onChanged={onChanged} />
    </Modal>
  );
}

function EditForm({ schedule, onClose, onChanged }: Omit<EditScheduleDialogProps, 'opened'>) {
  const [{ fetching }, update] = useMutation(UpdateScheduleMutation);
  const { id, name, cron, timeZone, priority, bandwidthLimit, options } = schedule;
  const form = useForm({
    initialValues: {
      ...{ name, cron, timeZone, priority },
      bandwidthLimit: limitText(bandwidthLimit),
      concurrency: String(options.concurrency ?? ''),
    },
    validate: {
      name: isNotEmpty('Give the schedule a name.'),
      cron: cronProblem,
      bandwidthLimit: limitProblem,
      concurrency: concurrencyProblem,
    },
  });
  const errors = useFormErrors(form, ['name', 'cron', 'timeZone', 'bandwidthLimit', 'concurrency']);

  const submit = form.onSubmit(async (values) => {
    errors.clear();
    const { data, error } = await update({
      input: {
        id,
        ...values,
        name: values.name.trim(),
        cron: values.cron.trim(),
        bandwidthLimit: limitOf(values.bandwidthLimit),
        concurrency: concurrencyOf(values.concurrency),
      },
    });
    const payload = data?.updateTransferSchedule;
    if (payload?.schedule == null) return errors.show(error, payload?.userErrors);
    onChanged();
    onClose();
  }, errors.focusFirst);

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <FormErrors errors={errors.general} />
        <TextInput label="Name" data-autofocus {...form.getInputProps('name')} />
        <ScheduleFields form={form} />
        <Choice
          label="Priority"
          data={[
            { value: 'LOW', label: 'low' },
            { value: 'NORMAL', label: 'normal' },
            { value: 'HIGH', label: 'high' },
          ]}
          value={form.values.priority}
          onChange={(chosen) => form.setFieldValue('priority', chosen)}
        />
        <TextInput
          label="Speed limit"
          description={limitHelp}
          placeholder="none, or 500 KB"
          {...form.getInputProps('bandwidthLimit')}
        />
        <TextInput
          label="Objects at once"
          description={concurrencyHelp}
          placeholder="as many as there is room for"
          inputMode="numeric"
          {...form.getInputProps('concurrency')}
        />
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose}>
            Leave as it is
          </Button>
          <BusyButton type="submit" loading={fetching}>
            Change
          </BusyButton>
        </Group>
      </Stack>
    </form>
  );
}
