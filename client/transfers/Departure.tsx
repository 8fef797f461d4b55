import { TextInput } from '@mantine/core';
import { type FormErrors as FormErrorsOf, useForm } from '@mantine/form';
import { useState } from 'react';
import { useMutation } from 'urql';
import { useLocation } from 'wouter';
import { type Account, providers } from '../accounts/account.ts';
import { maxPaths, type Selection } from '../browse/selection.ts';
import type { VariablesOf } from '../graphql/graphql.ts';
import { useIdempotencyKey } from '../graphql/idempotency.ts';
import { ScheduleFields } from '../schedules/ScheduleFields.tsx';
import { BusyButton } from '../ui/BusyButton.tsx';
import { Choice } from '../ui/Choice.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import { type Choices, choiceFields, choiceRules, orderFields, plainCopy, startOf } from './choices.ts';
import classes from './Departure.module.css';
import { Danger, DepartureSummary } from './DepartureSummary.tsx';
import { MoreChoices } from './MoreChoices.tsx';
import { uploadManifest } from './manifest.ts';
import { CreateTransferMutation, CreateTransferScheduleMutation, PlanTransferMutation } from './order.ts';
import { PairFidelity } from './PairFidelity.tsx';
import { transferHref } from './transfer.ts';
import { type Mode, modes, policiesOf } from './words.ts';

/** What all orders have in common. */
type Order = Omit<VariablesOf<typeof CreateTransferMutation>['input'], 'startAt' | 'idempotencyKey'>;

interface DepartureProps {
  source: Account | undefined;
  selection: Selection;
  destination: Account | undefined;
  /** '' while no place is chosen. */
  destinationPath: string;
  /** What is wrong with the new folder's name, or null. */
  folderProblem: string | null;
  /** What the choice of when starts as. */
  startsAs: Choices['when'];
}

/** What is done with what goes where, and when; and the buttons that start or plan it. */
export function Departure(props: DepartureProps) {
  const { source, selection, destination, destinationPath, startsAs } = props;
  const [, create] = useMutation(CreateTransferMutation);
  const [, plan] = useMutation(PlanTransferMutation);
  const [, schedule] = useMutation(CreateTransferScheduleMutation);
  const [sending, setSending] = useState<'start' | 'plan' | 'again' | null>(null);
  const [refusals, setRefusals] = useState(0);
  const [, navigate] = useLocation();
  const startKey = useIdempotencyKey();
  const planKey = useIdempotencyKey();
  const scheduleKey = useIdempotencyKey();
  const form = useForm<Choices>({ initialValues: { ...plainCopy, when: startsAs }, validate: choiceRules });
  const errors = useFormErrors(form, choiceFields);
  const { mode, when, priority } = form.values;
  const missing = missingText(props);

  /** Each resolves to where its result is shown, or to what is in the way. */
  const send = {
    start: async (fields: Order) => {
      const timed = { ...fields, ...startOf(form.values) };
      const { data, error } = await create({ input: { ...timed, idempotencyKey: startKey(timed) } });
      const { transfer, userErrors } = data?.createTransfer ?? {};
      return { error, userErrors, place: transfer ? transferHref(transfer.id) : undefined };
    },
    plan: async (fields: Order) => {
      const { data, error } = await plan({ input: { ...fields, idempotencyKey: planKey(fields) } });
      const { transfer, userErrors } = data?.planTransfer ?? {};
      return { error, userErrors, place: transfer ? transferHref(transfer.id) : undefined };
    },
    again: async (fields: Order) => {
      const { cron, timeZone } = form.values;
      const repeated = { ...fields, cron: cron.trim(), timeZone };
      const { data, error } = await schedule({ input: { ...repeated, idempotencyKey: scheduleKey(repeated) } });
      const { schedule: made, userErrors } = data?.createTransferSchedule ?? {};
      return { error, userErrors, place: made ? '/schedules' : undefined };
    },
  };

  const refuse = (problems: FormErrorsOf) => {
    form.setErrors(problems);
    setRefusals(refusals + 1);
    errors.focusFirst(problems);
  };

  const order = async (how: keyof typeof send) => {
    errors.clear();
    if (source === undefined || destination === undefined || missing !== null || sending !== null) return;
    const { hasErrors, errors: problems } = form.validate();
    if (hasErrors) return refuse(problems);
    setSending(how);
    const { manifest } = form.values;
    const kept = manifest === null ? { id: null } : await uploadManifest(manifest);
    if ('problem' in kept) {
      setSending(null);
      return refuse({ manifest: kept.problem });
    }
    const { error, place, userErrors } = await send[how]({
      sourceAccountId: source.id,
      sourcePaths: [...selection.keys()],
      destinationAccountId: destination.id,
      destinationPath,
      ...orderFields(form.values, kept.id),
    });
    setSending(null);
    if (place !== undefined) return navigate(place);
    setRefusals(refusals + 1);
    errors.show(error, userErrors);
  };

  const route = { source, selection, destination, to: destinationPath };
  return (
    <form
      className={classes.departure}
      aria-label="Departure"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void order(when === 'again' ? 'again' : 'start');
      }}
    >
      <div className={classes.options}>
        <div className={classes.mode}>
          <Choice<Mode>
            label="What to do"
            data={(Object.keys(modes) as Mode[]).map((value) => ({ value, label: modes[value].label }))}
            value={mode}
            onChange={(chosen) =>
              form.setValues({ mode: chosen, conflictPolicy: policiesOf[chosen][0] ?? plainCopy.conflictPolicy })
            }
            help={modes[mode].help}
          />
        </div>
        <TextInput
          className={classes.name}
          label="Name"
          placeholder="named after what it moves"
          {...form.getInputProps('name')}
        />
        <Choice
          label="Start"
          data={[
            { value: 'now', label: 'now' },
            { value: 'later', label: 'at a time' },
            { value: 'again', label: 'again and again' },
          ]}
          value={when}
          onChange={(chosen) => {
            form.setFieldValue('when', chosen);
            form.clearFieldError('startAt');
            form.clearFieldError('cron');
          }}
        />
        {when === 'later' ? (
          <TextInput
            label="Start time"
            type="datetime-local"
            {...form.getInputProps('startAt')}
            // A complaint goes as soon as it is answered; none comes while one still types.
            onChange={({ currentTarget: { value } }) => {
              const { errors: problems } = form;
              form.setFieldValue('startAt', value);
              if (problems.startAt != null) {
                form.setErrors({ ...problems, startAt: choiceRules.startAt(value, form.getValues()) });
              }
            }}
          />
        ) : null}
        <Choice
          label="Priority"
          data={[
            { value: 'LOW', label: 'low' },
            { value: 'NORMAL', label: 'normal' },
            { value: 'HIGH', label: 'high' },
          ]}
          value={priority}
          onChange={(chosen) => form.setFieldValue('priority', chosen)}
        />
      </div>
      {when === 'again' ? <ScheduleFields form={form} /> : null}
      <MoreChoices form={form} refusals={refusals} />
      {mode === 'VERIFY' ? null : (
        <PairFidelity source={source} destination={destination} tags={form.values.keep.includes('tags')} />
      )}
      <Danger choices={form.values} {...route} />
      <FormErrors errors={errors.general} />
      <div className={classes.bar}>
        <div className={classes.summary} aria-live="polite">
          {missing ?? <DepartureSummary {...route} />}
        </div>
        <div className={classes.buttons}>
          {mode === 'VERIFY' || when !== 'now' ? null : (
            <BusyButton
              variant="default"
              size="lg"
              disabled={missing !== null}
              loading={sending === 'plan'}
              onClick={() => void order('plan')}
            >
              Plan first
            </BusyButton>
          )}
          <BusyButton
            type="submit"
            size="lg"
            disabled={missing !== null}
            loading={sending === 'start' || sending === 'again'}
          >
            {starts[when]}
          </BusyButton>
        </div>
      </div>
    </form>
  );
}

const starts = { now: 'Start transfer', later: 'Schedule transfer', again: 'Make schedule' } as const;

/** What is still to be chosen, or null. */
function missingText(props: DepartureProps): string | null {
  const { source, selection, destination, destinationPath, folderProblem } = props;
  if (source === undefined) return 'Choose the account that the files come from.';
  if (selection.size === 0) return `Pick what to move from ${source.name}.`;
  if (selection.size > maxPaths) return 'Too much is picked for one transfer.';
  if (destination === undefined) return 'Choose the account that the files go to.';
  if (destinationPath === '') return `Open a ${providers[destination.provider].container} of ${destination.name}.`;
  if (folderProblem !== null) return 'The new folder needs another name.';
  return null;
}
