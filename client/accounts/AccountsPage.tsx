import { Button, Skeleton } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { Link } from 'wouter';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Failure } from '../ui/Failure.tsx';
import { LiveBanner } from '../ui/LiveBanner.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import { Panel } from '../ui/Panel.tsx';
import { AccountRow } from './AccountRow.tsx';
import classes from './AccountsPage.module.css';
import { useLiveAccounts } from './use-live-accounts.ts';

/** Every connected account, how it is, and what one can do with it. */
export function AccountsPage() {
  const { nodes, loading, error, reload, liveState } = useLiveAccounts();
  const connected = nodes.filter(({ status }) => status !== 'DISCONNECTED');
  const connect = (
    <Button component={Link} href="/accounts/new" leftSection={<IconPlus size={18} aria-hidden />}>
      Connect an account
    </Button>
  );

  return (
    <>
      <PageTitle title="Accounts" actions={connected.length > 0 ? connect : undefined}>
        The clouds that Skyferry can sail to on your behalf.
      </PageTitle>
      <LiveBanner state={liveState} />
      {error === undefined ? null : <Failure error={error} what="Your accounts" retry={reload} />}
      {loading && error === undefined ? (
        <Panel flush>
          {[0, 1].map((row) => (
            <div key={row} className={classes.skeleton}>
              <Skeleton height={44} width={44} />
              <div>
                <Skeleton height={16} width="14rem" mb={8} />
                <Skeleton height={12} width="20rem" />
              </div>
            </div>
          ))}
        </Panel>
      ) : null}
      {!loading && error === undefined && connected.length === 0 ? (
        <Panel>
          <EmptyState title="No harbour yet" action={connect}>
            Connect the account that holds your files and the one that they should go to. Both stay where they are;
            Skyferry only needs the keys.
          </EmptyState>
        </Panel>
      ) : null}
      {connected.length > 0 ? (
        <Panel flush>
          <ul className={classes.list}>
            {connected.map((account) => (
              <AccountRow key={account.id} account={account} onChanged={reload} />
            ))}
          </ul>
        </Panel>
      ) : null}
    </>
  );
}
