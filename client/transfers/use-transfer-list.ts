import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { graphql } from '../graphql/graphql.ts';
import { useLive } from '../graphql/use-live.ts';
import { usePages } from '../graphql/use-pages.ts';
import { newest, type Progress, ProgressFragment, type TransferState } from './progress.ts';
import { TransferSummaryFragment } from './transfer.ts';

const TransfersQuery = graphql(
  `
    query Transfers($states: [TransferState!], $isScheduled: Boolean, $after: String) {
      viewer {
        id
        transfers(first: 25, after: $after, states: $states, isScheduled: $isScheduled) {
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
  `,
  [TransferSummaryFragment],
);

const TransfersSubscription = graphql(
  `
    subscription Transfers {
      transfers {
        transferId
        progress {
          ...Progress
        }
      }
    }
  `,
  [ProgressFragment],
);

/** At most one reading of the list in this span, however many transfers change. */
const reloadMs = 1_000;

/**
 * The viewer's transfers, newest first, with their counters live. `states` undefined: all. `isScheduled` false: only those that
 * no schedule ordered.
 */
export function useTransferList(states: readonly TransferState[] | undefined, isScheduled: false | null) {
  const pages = usePages({
    document: TransfersQuery,
    variables: { states: states === undefined ? null : [...states], isScheduled },
    select: (data) => data.viewer?.transfers,
  });
  const [live, setLive] = useState<ReadonlyMap<string, Progress>>(new Map());
  const arrived = useRef(new Map<string, Progress>());
  const frame = useRef(0);
  const reloading = useRef<ReturnType<typeof setTimeout>>(undefined);
  const reload = useEffectEvent(pages.reload);

  /** Hands over what arrived since the last frame: many transfers may speak many times in one. */
  const flush = () => {
    frame.current = 0;
    const batch = arrived.current;
    arrived.current = new Map();
    const listed = new Map(pages.nodes.map(({ id, progress }) => [id, progress]));
    const next = new Map(live);
    let changed = false;
    for (const [id, progress] of batch) {
      const inList = listed.get(id);
      const before = inList === undefined ? next.get(id) : newest(inList, next.get(id));
      const now = before === undefined ? progress : newest(before, progress);
      changed ||= before?.state !== now.state;
      next.set(id, now);
    }
    setLive(next);
    // A new transfer, or one that may have entered or left what is filtered for.
    if (changed) reloading.current ??= setTimeout(readAgain, reloadMs);
  };
  const readAgain = useEffectEvent(() => {
    reloading.current = undefined;
    reload();
  });
  const onFrame = useEffectEvent(flush);

  useEffect(
    () => () => {
      cancelAnimationFrame(frame.current);
      clearTimeout(reloading.current);
    },
    [],
  );

  const liveState = useLive({
    document: TransfersSubscription,
    variables: {},
    wanted: true,
    onEvent: ({ transfers: { transferId, progress } }) => {
      const before = arrived.current.get(transferId);
      arrived.current.set(transferId, before === undefined ? progress : newest(before, progress));
      frame.current ||= requestAnimationFrame(() => onFrame());
    },
  });

  return {
    ...pages,
    nodes: pages.nodes.map((node) => ({ ...node, progress: newest(node.progress, live.get(node.id)) })),
    liveState,
  };
}
