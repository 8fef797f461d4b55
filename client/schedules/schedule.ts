import { type FragmentOf, graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { OptionsFragment } from '../transfers/options.ts';
import { ProgressFragment } from '../transfers/progress.ts';
import { TransferSummaryFragment } from '../transfers/transfer.ts';

export const ScheduleFragment = graphql(
  `
    fragment Schedule on TransferSchedule {
      id
      name
      cron
      timeZone
      isEnabled
      nextRuns(first: 1)
      lastRunAt
      mode
      priority
      bandwidthLimit
      options {
        ...Options
      }
      sourcePaths
      destinationPath
      source {
        id
        name
        status
      }
      destination {
        id
        name
        status
      }
      error {
        code
        message
        remedy
      }
      transfers(first: 3) {
        nodes {
          id
          createdAt
          progress {
            ...Progress
          }
        }
      }
    }
  `,
  [OptionsFragment, ProgressFragment],
);

export type Schedule = FragmentOf<typeof ScheduleFragment>;

export const SchedulesQuery = graphql(
  `
    query Schedules($after: String) {
      viewer {
        id
        transferSchedules(first: 25, after: $after) {
          nodes {
            ...Schedule
          }
          pageInfo {
            hasNextPage
            endCursor
          }
        }
      }
    }
  `,
  [ScheduleFragment],
);

export const ScheduleQuery = graphql(
  `
    query Schedule($id: ID!) {
      node(id: $id) {
        __typename
        ... on TransferSchedule {
          ...Schedule
        }
      }
    }
  `,
  [ScheduleFragment],
);

export const ScheduleRunsQuery = graphql(
  `
    query ScheduleRuns($id: ID!, $after: String) {
      node(id: $id) {
        __typename
        ... on TransferSchedule {
          id
          transfers(first: 25, after: $after) {
            nodes {
              ...TransferSummary
            }
            pageInfo {
              hasNextPage
              endCursor
            }
          }
        }
      }
    }
  `,
  [TransferSummaryFragment],
);

/** Where a schedule's page lies. */
export function scheduleHref(id: string): string {
  return `/schedules/${encodeURIComponent(id)}`;
}

export const UpdateScheduleMutation = graphql(
  `
    mutation UpdateTransferSchedule($input: UpdateTransferScheduleInput!) {
      updateTransferSchedule(input: $input) {
        schedule {
          ...Schedule
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [ScheduleFragment, UserErrorsFragment],
);

export const DeleteScheduleMutation = graphql(
  `
    mutation DeleteTransferSchedule($input: DeleteTransferScheduleInput!) {
      deleteTransferSchedule(input: $input) {
        schedule {
          id
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [UserErrorsFragment],
);
