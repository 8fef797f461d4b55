import { Button, Group, Modal } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { BusyButton } from './BusyButton.tsx';

interface ConfirmDialogProps {
  opened: boolean;
  title: string;
  /** What happens, and what stays. */
  children: ReactNode;
  /** The deed, as a verb: "Cancel transfer". */
  confirm: string;
  /** Leaving everything as it is: "Keep it running". */
  dismiss: string;
  busy: boolean;
  /** Whether something is lost for good, which shows in red. Default: true. */
  destroys?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** What asked may be gone with the deed, and the focus that would have gone back to it. */
function passFocusOn(): void {
  if (document.activeElement === document.body) document.querySelector('h1')?.focus();
}

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({ destroys = true, ...props }: ConfirmDialogProps) {
  // It may go together with what asked, before it has closed.
  useEffect(() => passFocusOn, []);
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title={props.title}
      // Its buttons are there for a moment yet.
      onExitTransitionEnd={() => setTimeout(passFocusOn)}
    >
      {props.children}
      <Group justify="flex-end" mt="xl" gap="sm">
        <Button variant="default" onClick={props.onClose} data-autofocus>
          {props.dismiss}
        </Button>
        <BusyButton {...(destroys && { color: 'red' })} loading={props.busy} onClick={props.onConfirm}>
          {props.confirm}
        </BusyButton>
      </Group>
    </Modal>
  );
}
