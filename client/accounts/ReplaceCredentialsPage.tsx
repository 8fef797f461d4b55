import { Button } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery } from 'urql';
import { Link, useLocation } from 'wouter';
import { PageSkeleton } from '../app/PageSkeleton.tsx';
import { graphql } from '../graphql/graphql.ts';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Failure } from '../ui/Failure.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import { Panel } from '../ui/Panel.tsx';
import { type Account, AccountFragment, providers } from './account.ts';
import { Connecting } from './Connecting.tsx';

const AccountQuery = graphql(
  `
    query Account($id: ID!) {
      cloudAccount(id: $id) {
        ...Account
      }
    }
  `,
  [AccountFragment],
);

/** Gives an account other credentials of the same store: a rotated key, a new grant. */
export function ReplaceCredentialsPage({ id }: { id: string }) {
  const [{ data, error, fetching }, reload] = useQuery({ query: AccountQuery, variables: { id } });
  const account = data?.cloudAccount ?? null;
  if (error !== undefined && data === undefined) {
    return (
      <>
        <PageTitle title="Replace credentials" />
        <Failure error={error} what="The account" retry={() => reload({ requestPolicy: 'network-only' })} />
      </>
    );
  }
  if (fetching && data === undefined) return <PageSkeleton />;
  return account === null || account.status === 'DISCONNECTED' ? <Missing /> : <Replacing account={account} />;
}

function Replacing({ account }: { account: Account }) {
  const [, navigate] = useLocation();
  const { label } = providers[account.provider];
  const onDone = ({ name }: { name: string }) => {
    notifications.show({ title: 'Replaced', message: `${name} has its new credentials.` });
    navigate('/accounts');
  };
  const where = [label, account.endpoint, account.region].filter((part) => part !== null).join(', ');
  return (
    <>
      <PageTitle title={`Replace the credentials of ${account.name}`}>
        They are tested before they take the place of the old ones. Transfers go on with them by themselves.
      </PageTitle>
      <Connecting
        provider={account.provider}
        title={where}
        typed={{ accountName: account.identity, compatible: account.endpoint !== null }}
        replaced={account}
        onDone={onDone}
      />
    </>
  );
}

function Missing() {
  return (
    <>
      <PageTitle title="Replace credentials" />
      <Panel>
        <EmptyState
          title="No such account"
          action={
            <Button component={Link} href="/accounts">
              All accounts
            </Button>
          }
        >
          It was disconnected, or never was yours. A cloud can be connected anew at any time.
        </EmptyState>
      </Panel>
    </>
  );
}
