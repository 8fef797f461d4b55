import { Group } from '@mantine/core';
import { IconPlugConnected } from '@tabler/icons-react';
import { BusyButton } from '../ui/BusyButton.tsx';
import { Notice } from '../ui/Notice.tsx';

interface ConnectingActionsProps {
  identity: string | null;
  testing: boolean;
  connecting: boolean;
  /** Whether credentials take the place of others. */
  replaces: boolean;
  onTest: () => void;
}

/** The end of a form that connects an account: the test's outcome, and the two buttons. */
export function ConnectingActions({ identity, testing, connecting, replaces, onTest }: ConnectingActionsProps) {
  return (
    <>
      <div aria-live="polite">
        {identity === null ? null : (
          <Notice tone="good" title="The connection works">
            {identity === '' ? null : `The cloud knows these credentials as ${identity}.`}
          </Notice>
        )}
      </div>
      <Group gap="sm">
        <BusyButton
          variant="default"
          leftSection={<IconPlugConnected size={18} aria-hidden />}
          loading={testing && !connecting}
          onClick={onTest}
        >
          Test connection
        </BusyButton>
        <BusyButton type="submit" loading={connecting}>
          {replaces ? 'Replace credentials' : 'Connect account'}
        </BusyButton>
      </Group>
    </>
  );
}
