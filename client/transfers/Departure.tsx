import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { IconArrowRight } from '@tabler/icons-react';
import { useId, useRef, useState } from 'react';
import { useMutation } from 'urql';
import { useLocation } from 'wouter';
import { type Account, providers } from '../accounts/account.ts';
import { readablePath } from '../browse/paths.ts';
import { maxPaths, type Selection } from '../browse/selection.ts';
import { graphql } from '../graphql/graphql.ts';
import { useIdempotencyKey } from '../graphql/idempotency.ts';
import { FormErrors } from '../ui/FormErrors.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import classes from './Departure.module.css';
import { arrivalOf } from './draft.ts';
import { selectionText } from './selection-text.ts';
import { transferHref } from './transfer.ts';

const CreateTransferMutation = graphql(`
  mutation CreateTransfer($input: CreateTransferInput!) {
    createTransfer(input: $input) {
      transfer {
        id
      }
      userErrors {
        field
        code
        message
        remedy
      }
    }
  }
`);

interface DepartureProps {
  source: Account | undefined;
  selection: Selection;
  destination: Account | undefined;
  /** '' while no place is chosen. */
  destinationPath: string;
  /** What is wrong with the new folder's name, or null. */
  folderProblem: string | null;
}

/** What is wrong with a start time as typed, or null. */
function startProblem(startAt: string): string | null {
  return new Date(startAt).getTime() > Date.now() ? null : 'Choose a time that is still to come.';
}

type Priority = 'LOW' | 'NORMAL' | 'HIGH';

/** What goes where and when; and the button that starts it. */
export function Departure(props: DepartureProps) {
  const { source, selection, destination, destinationPath } = props;
  const [{ fetching }, create] = useMutation(CreateTransferMutation);
  const [name, setName] = useState('');
  const [when, setWhen] = useState<'now' | 'later'>('now');
  const [startAt, setStartAt] = useState('');
  const [startError, setStartError] = useState<string | null>(null);
  const [priority, setPriority] = useState<Priority>('NORMAL');
  const [, navigate] = useLocation();
  const idempotencyKey = useIdempotencyKey();
  const errors = useFormErrors();
  const startInput = useRef<HTMLInputElement>(null);
  const whenLabel = useId();
  const priorityLabel = useId();
  const missing = missingText(props);

  const start = async () => {
    errors.clear();
    if (source === undefined || destination === undefined || missing !== null) return;
    const problem = when === 'later' ? startProblem(startAt) : null;
    setStartError(problem);
    if (problem !== null) return startInput.current?.focus();
    const time = when === 'later' ? new Date(startAt) : null;
    const fields = {
      sourceAccountId: source.id,
      sourcePaths: [...selection.keys()],
      destinationAccountId: destination.id,
      destinationPath,
      priority,
      ...(name.trim() === '' ? {} : { name: name.trim() }),
      ...(time === null ? {} : { startAt: time.toISOString() }),
    };
    const { data, error } = await create({ input: { ...fields, idempotencyKey: idempotencyKey(fields) } });
    const transfer = data?.createTransfer.transfer;
    if (transfer == null) return errors.show(error, data?.createTransfer.userErrors);
    navigate(transferHref(transfer.id));
  };

  return (
    <form
      className={classes.departure}
      aria-label="Departure"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
    >
      <div className={classes.options}>
        <TextInput
          className={classes.name}
          label="Name"
          placeholder="named after what it moves"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <div>
          <div className={classes.label} id={whenLabel}>
            Start
          </div>
          <SegmentedControl
            size="md"
            aria-labelledby={whenLabel}
            data={[
              { value: 'now', label: 'now' },
              { value: 'later', label: 'at a time' },
            ]}
            value={when}
            onChange={(value) => {
              setWhen(value as 'now' | 'later');
              setStartError(null);
            }}
          />
        </div>
        {when === 'later' ? (
          <TextInput
            ref={startInput}
            label="Start time"
            type="datetime-local"
            value={startAt}
            error={startError}
            onChange={({ currentTarget: { value } }) => {
              setStartAt(value);
              // A complaint goes as soon as it is answered; none comes while one still types.
              if (startError !== null) setStartError(startProblem(value));
            }}
          />
        ) : null}
        <div>
          <div className={classes.label} id={priorityLabel}>
            Priority
          </div>
          <SegmentedControl
            size="md"
            aria-labelledby={priorityLabel}
            data={[
              { value: 'LOW', label: 'low' },
              { value: 'NORMAL', label: 'normal' },
              { value: 'HIGH', label: 'high' },
            ]}
            value={priority}
            onChange={(value) => setPriority(value as Priority)}
          />
        </div>
      </div>
      <FormErrors errors={errors.general} />
      <div className={classes.bar}>
        <div className={classes.summary} aria-live="polite">
          {missing ?? <Summary source={source} selection={selection} destination={destination} to={destinationPath} />}
        </div>
        <Button type="submit" size="lg" disabled={missing !== null} loading={fetching}>
          {when === 'now' ? 'Start transfer' : 'Schedule transfer'}
        </Button>
      </div>
    </form>
  );
}

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

interface SummaryProps {
  source: Account | undefined;
  selection: Selection;
  destination: Account | undefined;
  to: string;
}

function Summary({ source, selection, destination, to }: SummaryProps) {
  const [first] = selection.values();
  const place = selection.size === 1 && first !== undefined ? arrivalOf(first, to) : to;
  return (
    <>
      <div>
        <strong>{selectionText(selection)}</strong> from {source?.name}
      </div>
      <div className={classes.arrival}>
        <IconArrowRight size={16} aria-hidden />
        <span>
          {destination?.name}: {readablePath(place)}
        </span>
      </div>
    </>
  );
}
