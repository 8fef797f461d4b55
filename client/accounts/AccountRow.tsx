import { ActionIcon, Button, Menu } from '@mantine/core';
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconDots,
  IconHourglass,
  IconKey,
  IconPencil,
  IconPlugConnected,
  IconPlugConnectedX,
} from '@tabler/icons-react';
import { useRef, useState } from 'react';
import { useMutation } from 'urql';
import { Link } from 'wouter';
import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { BusyButton } from '../ui/BusyButton.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';
import { formatDateTime } from '../ui/format.ts';
import { Notice } from '../ui/Notice.tsx';
import { RelativeTime } from '../ui/RelativeTime.tsx';
import { Tag } from '../ui/Tag.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import { useUntil } from '../ui/use-until.ts';
import { userErrorText } from '../ui/user-errors.ts';
import { AccountDetail } from './AccountDetail.tsx';
import classes from './AccountRow.module.css';
import { type Account, AccountFragment, providers } from './account.ts';
import { DisconnectDialog } from './DisconnectDialog.tsx';
import { ProviderMark } from './ProviderMark.tsx';
import { RenameDialog } from './RenameDialog.tsx';

const TestAccountMutation = graphql(
  `
    mutation TestAccount($input: TestAccountInput!) {
      testAccount(input: $input) {
        account {
          ...Account
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [AccountFragment, UserErrorsFragment],
);

/** One account: who it is, whether it works, and what one can do with it. */
export function AccountRow({ account, onChanged }: { account: Account; onChanged: () => void }) {
  const [dialog, setDialog] = useState<'rename' | 'disconnect' | null>(null);
  const [{ fetching, data }, test] = useMutation(TestAccountMutation);
  const errors = useFormErrors();
  const more = useRef<HTMLButtonElement>(null);
  const { label } = providers[account.provider];
  const credentialsPath = `/accounts/${encodeURIComponent(account.id)}/credentials`;

  const onTest = async () => {
    errors.clear();
    const answer = await test({ input: { id: account.id } });
    // What the cloud refused is shown as the account's own error; here belongs only what kept us from asking.
    if (answer.data?.testAccount.account == null) errors.show(answer.error, answer.data?.testAccount.userErrors);
    onChanged();
  };
  /** A dialog gives the focus back to what had it: the button, not the menu's item, which is gone by then. */
  const ask = (which: 'rename' | 'disconnect') => {
    more.current?.focus();
    setDialog(which);
  };
  const passed = data?.testAccount.account?.status === 'CONNECTED' && account.status === 'CONNECTED';

  return (
    <li className={classes.row}>
      <ProviderMark provider={account.provider} />
      <div className={classes.words}>
        <div className={classes.name}>{account.name}</div>
        <div className={classes.facts}>
          <span>{label}</span>
          <span className={classes.identity}>{account.identity}</span>
          {account.endpoint === null ? null : <span className={classes.identity}>{account.endpoint}</span>}
          {account.region === null ? null : <span>{account.region}</span>}
        </div>
      </div>
      <div className={classes.status}>
        <Status account={account} />
        <div className={classes.checked} aria-live="polite">
          {fetching ? (
            'Checking…'
          ) : account.lastCheckedAt === null ? (
            'not checked yet'
          ) : (
            <>
              {passed ? 'works, ' : ''}checked <RelativeTime time={account.lastCheckedAt} />
            </>
          )}
        </div>
      </div>
      <div className={classes.actions}>
        <BusyButton variant="default" size="sm" loading={fetching} onClick={onTest} aria-label={`Test ${account.name}`}>
          Test
        </BusyButton>
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon ref={more} variant="default" size={36} aria-label={`More for ${account.name}`}>
              <IconDots size={18} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<IconPencil size={18} aria-hidden />} onClick={() => ask('rename')}>
              Rename
            </Menu.Item>
            <Menu.Item component={Link} href={credentialsPath} leftSection={<IconKey size={18} aria-hidden />}>
              Replace credentials
            </Menu.Item>
            <Menu.Item leftSection={<IconPlugConnectedX size={18} aria-hidden />} onClick={() => ask('disconnect')}>
              Disconnect
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </div>
      <div className={classes.detail}>
        <AccountDetail account={account} />
      </div>
      {account.error === null ? null : (
        <div className={classes.wide}>
          <Notice
            tone="bad"
            action={
              account.error.code === 'CREDENTIALS_INVALID' ? (
                <Button component={Link} href={credentialsPath} variant="default" size="compact-md">
                  Replace credentials
                </Button>
              ) : undefined
            }
          >
            {userErrorText(account.error)}
          </Notice>
        </div>
      )}
      {errors.general.length === 0 ? null : (
        <div className={classes.wide}>
          <FormErrors errors={errors.general} />
        </div>
      )}
      <RenameDialog
        account={account}
        opened={dialog === 'rename'}
        onClose={() => setDialog(null)}
        onChanged={onChanged}
      />
      <DisconnectDialog
        account={account}
        opened={dialog === 'disconnect'}
        onClose={() => setDialog(null)}
        onChanged={onChanged}
      />
    </li>
  );
}

function Status({ account }: { account: Account }) {
  const throttled = useUntil(account.throttledUntil);
  if (account.status === 'FAILING') {
    return (
      <Tag tone="bad" icon={IconAlertTriangle}>
        Failing
      </Tag>
    );
  }
  if (account.status === 'DISCONNECTED') {
    return (
      <Tag tone="neutral" icon={IconPlugConnectedX}>
        Disconnected
      </Tag>
    );
  }
  if (account.throttledUntil !== null && throttled) {
    return (
      <Tag tone="warn" icon={IconHourglass}>
        Throttled until {formatDateTime(account.throttledUntil)}
      </Tag>
    );
  }
  return (
    <Tag tone="good" icon={account.lastCheckedAt === null ? IconPlugConnected : IconCircleCheck}>
      Connected
    </Tag>
  );
}
