import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useReducer } from 'react';
import { Link, useSearchParams } from 'wouter';
import { useAccounts } from '../accounts/use-accounts.ts';
import { PageSkeleton } from '../app/PageSkeleton.tsx';
import { BrowsePane } from '../browse/BrowsePane.tsx';
import { problemOfFolder } from '../browse/paths.ts';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Failure } from '../ui/Failure.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import { Panel } from '../ui/Panel.tsx';
import { Departure } from './Departure.tsx';
import { DestinationFoot } from './DestinationFoot.tsx';
import { changeDraft, destinationOf, emptyDraft } from './draft.ts';
import classes from './NewTransferPage.module.css';
import { SourceFoot } from './SourceFoot.tsx';

/** Two accounts side by side: pick on the left, choose a place on the right, cast off. */
export function NewTransferPage() {
  const [parameters] = useSearchParams();
  const { nodes, loading, error, reload } = useAccounts();
  const [draft, change] = useReducer(changeDraft, parameters.get('from'), emptyDraft);
  const accounts = nodes.filter(({ status }) => status !== 'DISCONNECTED');

  const title = <PageTitle title="New transfer">Pick what to move, choose where it goes, and cast off.</PageTitle>;
  if (loading && error === undefined) return <PageSkeleton />;
  if (error !== undefined && nodes.length === 0) {
    return (
      <>
        {title}
        <Failure error={error} what="Your accounts" retry={reload} />
      </>
    );
  }
  if (accounts.length === 0) {
    return (
      <>
        {title}
        <Panel>
          <EmptyState
            title="A harbour first"
            action={
              <Button component={Link} href="/accounts/new" leftSection={<IconPlus size={18} aria-hidden />}>
                Connect an account
              </Button>
            }
          >
            A transfer goes from one connected account to another, or between places in the same one: one account is
            enough to begin.
          </EmptyState>
        </Panel>
      </>
    );
  }

  const source = accounts.find(({ id }) => id === draft.source.accountId);
  const folderProblem = problemOfFolder(draft.folder);
  const destination = accounts.find(({ id }) => id === draft.destination.accountId);
  return (
    <>
      {title}
      <div className={classes.panes}>
        <BrowsePane
          title="From"
          accounts={accounts}
          accountId={draft.source.accountId}
          path={draft.source.path}
          selection={draft.selection}
          onAccount={(accountId) => change({ kind: 'account', side: 'source', accountId })}
          onOpen={(path) => change({ kind: 'open', side: 'source', path })}
          onToggle={(entry) => change({ kind: 'toggle', entry })}
          onToggleAll={(entries) => change({ kind: 'toggleAll', entries })}
        >
          <SourceFoot selection={draft.selection} onClear={() => change({ kind: 'clear' })} />
        </BrowsePane>
        <BrowsePane
          title="To"
          accounts={accounts}
          accountId={draft.destination.accountId}
          path={draft.destination.path}
          onAccount={(accountId) => change({ kind: 'account', side: 'destination', accountId })}
          onOpen={(path) => change({ kind: 'open', side: 'destination', path })}
        >
          <DestinationFoot
            path={draft.destination.path}
            folder={draft.folder}
            problem={folderProblem}
            onFolder={(folder) => change({ kind: 'folder', folder })}
          />
        </BrowsePane>
      </div>
      <Departure
        source={source}
        selection={draft.selection}
        destination={destination}
        destinationPath={destinationOf(draft)}
        folderProblem={folderProblem}
        startsAs={parameters.get('when') === 'again' ? 'again' : 'now'}
      />
    </>
  );
}
