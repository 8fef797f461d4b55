import { Button } from '@mantine/core';
import { IconCheck, IconPlayerPause, IconPlayerPlay, IconPlayerStop, IconRefresh } from '@tabler/icons-react';
import { useState } from 'react';
import { useMutation } from 'urql';
import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { BusyButton } from '../ui/BusyButton.tsx';
import { ConfirmDialog } from '../ui/ConfirmDialog.tsx';
import { ApproveDialog } from './ApproveDialog.tsx';
import { hasEnded, type Progress } from './progress.ts';
import { reportRefusal } from './refusal.ts';
import { type TransferDetail, TransferDetailFragment } from './transfer.ts';
import { useRetry } from './use-retry.ts';

const PauseTransferMutation = graphql(
  `
    mutation PauseTransfer($input: PauseTransferInput!) {
      pauseTransfer(input: $input) {
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

const ResumeTransferMutation = graphql(
  `
    mutation ResumeTransfer($input: ResumeTransferInput!) {
      resumeTransfer(input: $input) {
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

const ApproveTransferMutation = graphql(
  `
    mutation ApproveTransfer($input: ApproveTransferInput!) {
      approveTransfer(input: $input) {
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

const CancelTransferMutation = graphql(
  `
    mutation CancelTransfer($input: CancelTransferInput!) {
      cancelTransfer(input: $input) {
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

/** What one can do about a transfer as it stands. Buttons show work until the server has answered, never a guess. */
export function TransferActions({ transfer, progress }: { transfer: TransferDetail; progress: Progress }) {
  const [asking, setAsking] = useState<'cancel' | 'approve' | null>(null);
  const [approving, approve] = useMutation(ApproveTransferMutation);
  const [pausing, pause] = useMutation(PauseTransferMutation);
  const [resuming, resume] = useMutation(ResumeTransferMutation);
  const [cancelling, cancel] = useMutation(CancelTransferMutation);
  const { retrying, retry } = useRetry(transfer.id);
  const input = { id: transfer.id };
  // The state comes faster than what may be done in it.
  const ended = hasEnded(progress.state);
  const awaiting = progress.state === 'AWAITING_APPROVAL';
  const discards = transfer.isDryRun && transfer.approvedAt === null && progress.state !== 'RUNNING';

  const onPause = async () => {
    const { data, error } = await pause({ input });
    reportRefusal('Not paused', { error, userErrors: data?.pauseTransfer.userErrors });
  };
  const onResume = async () => {
    const { data, error } = await resume({ input });
    reportRefusal('Not resumed', { error, userErrors: data?.resumeTransfer.userErrors });
  };
  const onCancel = async () => {
    const { data, error } = await cancel({ input });
    reportRefusal('Not cancelled', { error, userErrors: data?.cancelTransfer.userErrors });
    setAsking(null);
  };
  const onApprove = async () => {
    const { data, error } = await approve({ input });
    reportRefusal('Not approved', { error, userErrors: data?.approveTransfer.userErrors });
    setAsking(null);
  };

  return (
    <>
      {transfer.canApprove && awaiting ? (
        <Button leftSection={<IconCheck size={18} aria-hidden />} onClick={() => setAsking('approve')}>
          Approve
        </Button>
      ) : null}
      {transfer.canRetryFailed ? (
        <BusyButton leftSection={<IconRefresh size={18} aria-hidden />} loading={retrying} onClick={() => retry()}>
          Retry failed objects
        </BusyButton>
      ) : null}
      {(transfer.canResume || transfer.canPause) && !ended ? (
        // One button for both: the focus stays on it.
        <BusyButton
          variant={transfer.canResume ? 'filled' : 'default'}
          leftSection={
            transfer.canResume ? <IconPlayerPlay size={18} aria-hidden /> : <IconPlayerPause size={18} aria-hidden />
          }
          loading={pausing.fetching || resuming.fetching}
          onClick={transfer.canResume ? onResume : onPause}
        >
          {transfer.canResume ? 'Resume' : 'Pause'}
        </BusyButton>
      ) : null}
      {transfer.canCancel && !ended ? (
        <Button
          variant="default"
          leftSection={<IconPlayerStop size={18} aria-hidden />}
          onClick={() => setAsking('cancel')}
        >
          {discards ? 'Discard' : 'Cancel'}
        </Button>
      ) : null}
      <ConfirmDialog
        opened={asking === 'cancel' && !ended}
        title={`${discards ? 'Discard the plan of' : 'Cancel'} ${transfer.name}?`}
        confirm={discards ? 'Discard plan' : 'Cancel transfer'}
        dismiss="Keep it"
        busy={cancelling.fetching}
        onConfirm={onCancel}
        onClose={() => setAsking(null)}
      >
        {discards
          ? 'Nothing was moved or deleted, and nothing will be. The plan cannot be approved afterwards.'
          : 'Objects that have arrived stay at the destination; what is half on its way never appears there. A cancelled transfer cannot be taken up again, a paused one can.'}
      </ConfirmDialog>
      <ApproveDialog
        transfer={transfer}
        opened={asking === 'approve' && awaiting}
        busy={approving.fetching}
        onApprove={onApprove}
        onClose={() => setAsking(null)}
      />
    </>
  );
}
