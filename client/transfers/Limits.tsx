import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useMutation } from 'urql';
import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { BusyButton } from '../ui/BusyButton.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';
import { formatCount, formatSpeed } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import { concurrencyHelp, concurrencyOf, concurrencyProblem } from './concurrency.ts';
import classes from './Limits.module.css';
import { limitHelp, limitOf, limitProblem, limitText } from './limit.ts';
import { hasEnded, type Progress } from './progress.ts';
import { type TransferDetail, TransferDetailFragment } from './transfer.ts';

const LimitTransferMutation = graphql(
  `
    mutation LimitTransfer($input: UpdateTransferInput!) {
      updateTransfer(input: $input) {
        transfer {
          ...TransferDetail
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [TransferDetailFragment, UserErrorsFragment],
);

/** How fast the transfer may be at the most, and how much of it at a time; may change as long as it has not ended. */
export function Limits({ transfer, progress }: { transfer: TransferDetail; progress: Progress }) {
  const [opened, setOpened] = useState(false);
  const { bandwidthLimit } = transfer;
  const { concurrency } = transfer.options;
  const ended = hasEnded(progress.state);
  if (ended && bandwidthLimit === null && concurrency === null) return null;
  return (
    <Panel title="Limits">
      <div className={classes.limits}>
        <dl>
          <div>
            <dt>Speed</dt>
            <dd>{bandwidthLimit === null ? 'No limit' : `${formatSpeed(bandwidthLimit)} at most`}</dd>
          </div>
          <div>
            <dt>Objects at once</dt>
            <dd>{concurrency === null ? 'No limit' : `${formatCount(concurrency)} at most`}</dd>
          </div>
        </dl>
        {ended ? null : (
          <Button variant="default" size="compact-md" aria-label="Change the limits" onClick={() => setOpened(true)}>
            Change
          </Button>
        )}
      </div>
      <Modal opened={opened && !ended} onClose={() => setOpened(false)} title="Change the limits">
        <LimitsForm transfer={transfer} onClose={() => setOpened(false)} />
      </Modal>
    </Panel>
  );
}

function LimitsForm({ transfer, onClose }: { transfer: TransferDetail; onClose: () => void }) {
  const { id, bandwidthLimit, options } = transfer;
  const [{ fetching }, update] = useMutation(LimitTransferMutation);
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { bandwidthLimit: limitText(bandwidthLimit), concurrency: String(options.concurrency ?? '') },
    validate: { bandwidthLimit: limitProblem, concurrency: concurrencyProblem },
  });
  const errors = useFormErrors(form, ['bandwidthLimit', 'concurrency']);

  const submit = form.onSubmit(async (values) => {
    errors.clear();
    const { data, error } = await update({
      input: {
        id,
        bandwidthLimit: limitOf(values.bandwidthLimit),
        concurrency: concurrencyOf(values.concurrency),
      },
    });
    if (data?.updateTransfer.transfer == null) return errors.show(error, data?.updateTransfer.userErrors);
    onClose();
  }, errors.focusFirst);

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <FormErrors errors={errors.general} />
        <TextInput
          label="Speed limit"
          description={limitHelp}
          placeholder="none, or 500 KB"
          data-autofocus
          key={form.key('bandwidthLimit')}
          {...form.getInputProps('bandwidthLimit')}
        />
        <TextInput
          label="Objects at once"
          description={`${concurrencyHelp} What a worker has been given already goes on.`}
          placeholder="as many as there is room for"
          inputMode="numeric"
          key={form.key('concurrency')}
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
