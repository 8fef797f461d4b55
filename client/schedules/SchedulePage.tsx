import { Anchor } from '@mantine/core';
import { useQuery } from 'urql';
import { Link, useLocation } from 'wouter';
import { NotFoundPage } from '../app/NotFoundPage.tsx';
import { PageSkeleton } from '../app/PageSkeleton.tsx';
import { usePages } from '../graphql/use-pages.ts';
import { TransferRow } from '../transfers/TransferRow.tsx';
import { Failure } from '../ui/Failure.tsx';
import { PagedList } from '../ui/PagedList.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import { Panel } from '../ui/Panel.tsx';
import classes from './SchedulePage.module.css';
import { ScheduleRow } from './ScheduleRow.tsx';
import { ScheduleQuery, ScheduleRunsQuery } from './schedule.ts';
import { useRefreshing } from './use-refreshing.ts';

/** One schedule, with every run of it. */
export function SchedulePage({ id }: { id: string }) {
  const [{ data, error }, read] = useQuery({ query: ScheduleQuery, variables: { id } });
  const runs = usePages({
    document: ScheduleRunsQuery,
    variables: { id },
    select: ({ node }) => (node?.__typename === 'TransferSchedule' ? node.transfers : null),
  });
  const [, navigate] = useLocation();
  const refresh = () => read({ requestPolicy: 'network-only' });
  useRefreshing(() => {
    refresh();
    void runs.refresh();
  });
  const schedule = data?.node?.__typename === 'TransferSchedule' ? data.node : null;

  if (schedule === null) {
    if (error !== undefined) return <Failure error={error} what="This schedule" retry={refresh} />;
    return data === undefined ? <PageSkeleton /> : <NotFoundPage subject="schedule" />;
  }
  return (
    <>
      <Anchor component={Link} href="/schedules" className={classes.back}>
        All schedules
      </Anchor>
      <PageTitle title={schedule.name} />
      <Panel flush>
        <ul className={classes.schedule}>
          <ScheduleRow schedule={schedule} onChanged={refresh} onDeleted={() => navigate('/schedules')} />
        </ul>
      </Panel>
      <h2 className={classes.heading}>Runs</h2>
      {runs.error === undefined ? null : <Failure error={runs.error} what="Its runs" retry={runs.reload} />}
      {runs.loading || runs.nodes.length > 0 ? null : <p className={classes.none}>There is no transfer of it.</p>}
      <PagedList pages={runs} more="Older runs">
        {(transfer) => <TransferRow key={transfer.id} transfer={transfer} isLive={false} />}
      </PagedList>
    </>
  );
}
