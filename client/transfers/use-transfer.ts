import { useEffect, useRef, useState } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../graphql/graphql.ts';
import { type LiveState, useLive } from '../graphql/use-live.ts';
import { hasEnded, newest, type Progress, ProgressFragment } from './progress.ts';
import { TransferDetailFragment } from './transfer.ts';
import { useHeard } from './use-heard.ts';

const TransferQuery = graphql(
  `
    query Transfer($id: ID!) {
      transfer(id: $id) {
        ...TransferDetail
      }
    }
  `,
  [TransferDetailFragment],
);

const TransferProgressSubscription = graphql(
  `
    subscription TransferProgress($id: ID!) {
      transferProgress(id: $id) {
        transferId
        progress {
          ...Progress
        }
      }
    }
  `,
  [ProgressFragment],
);

/** A transfer's counters as they are now, from those that were read last; null: not read yet. Follows it to its end. */
export function useLiveProgress<Read extends Progress | null>(
  id: string,
  read: Read,
): { progress: Read; liveState: LiveState } {
  const [live, setLive] = useState<Progress | null>(null);
  const progress = (read === null ? null : newest(read, live)) as Read;
  const liveState = useLive({
    document: TransferProgressSubscription,
    variables: { id },
    wanted: progress !== null && !hasEnded(progress.state),
    onEvent: ({ transferProgress }) =>
      setLive((known) => (known === null ? transferProgress.progress : newest(known, transferProgress.progress))),
  });
  return { progress: useHeard(progress, liveState === 'live'), liveState };
}

/** What the rest is read again for. A plan's totals grow with its listing: at most once a second. */
function milestoneOf({ state, listingComplete, objectsFailed, at }: Progress): string {
  const second = state !== 'PLANNING' ? '' : at.slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
  return `${state} ${listingComplete} ${objectsFailed} ${second}`;
}

/**
 * One transfer, live. Its counters come by subscription; what hangs on its state (what one may do, errors) is read
 * again whenever the state changes.
 */
export function useTransfer(id: string) {
  const [{ data, error, fetching, stale }, refetch] = useQuery({ query: TransferQuery, variables: { id } });
  const transfer = data?.transfer ?? null;
  const { progress, liveState } = useLiveProgress(id, transfer?.progress ?? null);

  const milestone = progress === null ? null : milestoneOf(progress);
  const known = useRef<string | null>(null);
  useEffect(() => {
    if (known.current !== null && milestone !== known.current) refetch({ requestPolicy: 'network-only' });
    known.current = milestone;
  }, [milestone, refetch]);

  return {
    transfer,
    progress,
    error,
    missing: data !== undefined && transfer === null && !fetching && !stale,
    liveState,
    refetch: () => refetch({ requestPolicy: 'network-only' }),
  };
}
