import { type FragmentOf, graphql } from '../graphql/graphql.ts';
import { OptionsFragment } from './options.ts';
import { ProgressFragment } from './progress.ts';

/** What a list shows of a transfer. */
export const TransferSummaryFragment = graphql(
  `
    fragment TransferSummary on Transfer {
      id
      name
      priority
      mode
      source {
        id
        name
        provider
      }
      sourcePaths
      destination {
        id
        name
        provider
      }
      destinationPath
      startAt
      createdAt
      finishedAt
      progress {
        ...Progress
      }
    }
  `,
  [ProgressFragment],
);

export type TransferSummary = FragmentOf<typeof TransferSummaryFragment>;

const PlanSideFragment = graphql(`
  fragment PlanSide on PlanSideEstimate {
    requests {
      read
      write
      list
      delete
      copy
    }
    egressBytes
    cost {
      currency
      total
    }
  }
`);

/** All that a transfer's own page shows, but for its items. */
export const TransferDetailFragment = graphql(
  `
    fragment TransferDetail on Transfer {
      ...TransferSummary
      startedAt
      canPause
      canResume
      canCancel
      canRetryFailed
      canApprove
      isDryRun
      approvedAt
      bandwidthLimit
      sourcesKept
      retryOf {
        id
        name
      }
      followUps(first: 10) {
        nodes {
          id
          name
          createdAt
          progress {
            ...Progress
          }
        }
      }
      options {
        ...Options
      }
      planTotals {
        action
        refusedFor
        objects
        bytes
      }
      planEstimate {
        source {
          ...PlanSide
        }
        destination {
          ...PlanSide
        }
        cost {
          currency
          total
        }
        duration {
          lowMs
          highMs
          basis
          measuredTransfers
        }
      }
      reportCsv: report(format: CSV)
      reportLines: report(format: JSON_LINES)
      receipt
      fidelity {
        code
        message
      }
      error {
        code
        message
        remedy
      }
      errorGroups {
        code
        objects
        bytes
        retriableObjects
        examplePaths
        message
        remedy
      }
    }
  `,
  [TransferSummaryFragment, OptionsFragment, ProgressFragment, PlanSideFragment],
);

export type TransferDetail = FragmentOf<typeof TransferDetailFragment>;

/** Where a transfer's page lies. */
export function transferHref(id: string): string {
  return `/transfers/${encodeURIComponent(id)}`;
}
