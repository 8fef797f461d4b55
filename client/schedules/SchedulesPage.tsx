import { Button, Skeleton } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { Link } from 'wouter';
import { usePages } from '../graphql/use-pages.ts';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Failure } from '../ui/Failure.tsx';
import { PagedList } from '../ui/PagedList.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import { Panel } from '../ui/Panel.tsx';
import { ScheduleRow } from './ScheduleRow.tsx';
import { SchedulesQuery, scheduleHref } from './schedule.ts';
import { useRefreshing } from './use-refreshing.ts';

/** Every schedule, newest first, with what became of its last runs. */
export function SchedulesPage() {
  const pages = usePages({
    document: SchedulesQuery,
    variables: {},
    select: (data) => data.viewer?.transferSchedules,
  });
  const { nodes, loading, error, reload } = pages;
  useRefreshing(() => void pages.refresh());
  const create = (
    <Button component={Link} href="/transfers/new?when=again" leftSection={<IconPlus size={18} aria-hidden />}>
      New schedule
    </Button>
  );

  return (
    <>
      <PageTitle title="Schedules" actions={create}>
        What crosses again and again, and what became of it.
      </PageTitle>
      {error === undefined ? null : <Failure error={error} what="Your schedules" retry={reload} />}
      {loading && error === undefined ? (
        <Panel>
          <Skeleton height={18} width="16rem" mb={10} />
          <Skeleton height={14} width="70%" />
        </Panel>
      ) : null}
      {!loading && error === undefined && nodes.length === 0 ? (
        <Panel>
          <EmptyState title="No timetable yet" action={create}>
            A schedule orders the same transfer every hour, every day, or whenever you say.
          </EmptyState>
        </Panel>
      ) : null}
      <PagedList pages={pages} more="Older schedules">
        {(schedule) => (
          <ScheduleRow
            key={schedule.id}
            schedule={schedule}
            href={scheduleHref(schedule.id)}
            onChanged={reload}
            onDeleted={reload}
          />
        )}
      </PagedList>
    </>
  );
}
