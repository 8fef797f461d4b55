import { Button, SegmentedControl, Skeleton, Switch } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { Link, useSearchParams } from 'wouter';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Failure } from '../ui/Failure.tsx';
import { LiveBanner } from '../ui/LiveBanner.tsx';
import { PagedList } from '../ui/PagedList.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import { Panel } from '../ui/Panel.tsx';
import type { TransferState } from './progress.ts';
import { TransferRow } from './TransferRow.tsx';
import classes from './TransfersPage.module.css';
import { useTransferList } from './use-transfer-list.ts';

const shows: { value: string; label: string; states: readonly TransferState[] | undefined }[] = [
  { value: 'all', label: 'All', states: undefined },
  {
    value: 'active',
    label: 'Under way',
    states: ['SCHEDULED', 'QUEUED', 'PLANNING', 'AWAITING_APPROVAL', 'RUNNING', 'PAUSED'],
  },
  { value: 'approval', label: 'To approve', states: ['AWAITING_APPROVAL'] },
  { value: 'arrived', label: 'Arrived', states: ['COMPLETED'] },
  { value: 'problems', label: 'Problems', states: ['COMPLETED_WITH_ERRORS', 'FAILED'] },
];

/** Every transfer, newest first and live. */
export function TransfersPage() {
  const [parameters, setParameters] = useSearchParams();
  const show = shows.find(({ value }) => value === parameters.get('show')) ?? (shows[0] as (typeof shows)[number]);
  const hidesRuns = parameters.get('runs') === 'hidden';
  const { liveState, ...pages } = useTransferList(show.states, hidesRuns ? false : null);
  const choose = (value: string, hides: boolean) =>
    setParameters(
      { ...(value === 'all' ? {} : { show: value }), ...(hides ? { runs: 'hidden' } : {}) },
      { replace: true },
    );
  const { nodes, loading, error, reload } = pages;
  const create = (
    <Button component={Link} href="/transfers/new" leftSection={<IconPlus size={18} aria-hidden />}>
      New transfer
    </Button>
  );

  return (
    <>
      <PageTitle title="Transfers" actions={create}>
        What is crossing, what has arrived, what needs you.
      </PageTitle>
      <LiveBanner state={liveState} />
      <div className={classes.filters}>
        <SegmentedControl
          className={classes.filter}
          classNames={{ label: classes.filterLabel }}
          aria-label="Show"
          data={shows.map(({ value, label }) => ({ value, label }))}
          value={show.value}
          onChange={(value) => choose(value, hidesRuns)}
        />
        <Switch
          label="Runs of schedules"
          checked={!hidesRuns}
          onChange={({ currentTarget: { checked } }) => choose(show.value, !checked)}
        />
      </div>
      {error === undefined ? null : <Failure error={error} what="Your transfers" retry={reload} />}
      {loading && error === undefined ? <ListSkeleton /> : null}
      {!loading && error === undefined && nodes.length === 0 ? (
        <Panel>
          {show.states === undefined && !hidesRuns ? (
            <EmptyState title="Calm water" action={create}>
              Nothing has crossed yet. Pick files or folders in one account and a place in another, and watch them
              arrive.
            </EmptyState>
          ) : (
            <EmptyState title={`Nothing under “${show.label}”`}>
              {hidesRuns
                ? 'Nothing but, maybe, runs of schedules, which are left out.'
                : 'No transfer is in this state. The others are under “All”.'}
            </EmptyState>
          )}
        </Panel>
      ) : null}
      <PagedList pages={pages} more="Older transfers">
        {(transfer) => <TransferRow key={transfer.id} transfer={transfer} isLive={liveState === 'live'} />}
      </PagedList>
    </>
  );
}

function ListSkeleton() {
  return (
    <Panel>
      {[0, 1, 2].map((row) => (
        <div key={row} className={classes.skeleton}>
          <Skeleton height={18} width="16rem" mb={10} />
          <Skeleton height={14} width="70%" mb={16} />
          <Skeleton height={8} />
        </div>
      ))}
    </Panel>
  );
}
