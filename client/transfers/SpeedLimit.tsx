import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { useMutation } from 'urql';
import { graphql } from '../graphql/graphql.ts';
import { FormErrors } from '../ui/FormErrors.tsx';
import { formatSpeed } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import { limitHelp, limitOf, limitProblem, limitText } from './limit.ts';
import { hasEnded, type Progress } from './progress.ts';
import { UserErrorsFragment } from './refusal.ts';
import classes from './SpeedLimit.module.css';
import { type TransferDetail, TransferDetailFragment } from './transfer.ts';

const LimitTransferMutation = graphql(
  `
    mutation LimitTransfer($input: UpdateTransferInput!) {
      updateTransfer(input: $input) {
        transfer {
          ...TransferDetail
        }
        userErrors {
          ...TransferUserErrors
        }
      }
    }
  `,
  [TransferDetailFragment, UserErrorsFragment],
);

/** How fast the transfer may be at the most; may change as long as it has not ended. */
export function SpeedLimit({ transfer, progress }: { transfer: TransferDetail; progress: Progress }) {
  const [opened, setOpened] = useState(false);
  const { bandwidthLimit } = transfer;
  const ended = hasEnded(progress.state);
  if (ended && bandwidthLimit === null) return null;
  return (
    <Panel title="Speed limit">
      <div className={classes.limit}>
        <span>{bandwidthLimit === null ? 'None' : `${formatSpeed(bandwidthLimit)} at most`}</span>
        {ended ? null : (
          <Button
            variant="default"
            size="compact-md"
            aria-label="Change the speed limit"
            onClick={() => setOpened(true)}
          >
            Change
          </Button>
        )}
      </div>
      <Modal opened={opened && !ended} onClose={() => setOpened(false)} title="Change the speed limit">
        <LimitForm transfer={transfer} onClose={() => setOpened(false)} />
      </Modal>
    </Panel>
  );
}

function LimitForm({ transfer: { id, bandwidthLimit }, onClose }: { transfer: TransferDetail; onClose: () => void }) {
  const [{ fetching }, update] = useMutation(LimitTransferMutation);
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { bandwidthLimit: limitText(bandwidthLimit) },
    validate: { bandwidthLimit: limitProblem },
  });
  const errors = useFormErrors(form, ['bandwidthLimit']);

  const submit = form.onSubmit(async (values) => {
    errors.clear();
    const { data, error } = await update({ input: { id, bandwidthLimit: limitOf(values.bandwidthLimit) } });
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
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose}>
            Leave as it is
          </Button>
          <Button type="submit" loading={fetching}>
            Change
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
