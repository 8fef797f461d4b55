import { useEffect, useEffectEvent, useRef } from 'react';
import { graphql, type ResultOf } from '../graphql/graphql.ts';
import { usePages } from '../graphql/use-pages.ts';

const ItemsQuery = graphql(`
  query TransferItems($id: ID!, $states: [TransferItemState!], $actions: [TransferAction!], $errorCodes: [ErrorCode!], $sourceRemovals: [SourceRemoval!], $after: String) {
    transfer(id: $id) {
      id
      items(first: 100, after: $after, states: $states, actions: $actions, errorCodes: $errorCodes, sourceRemovals: $sourceRemovals) {
        nodes {
          id
          ordinal
          state
          action
          reason
          sourceRemoval
          modifiedAt
          sourcePath
          destinationPath
          size
          acknowledgedBytes
          attempts
          route
          fallbackCode
          droppedTags
          startedAt
          finishedAt
          evidence {
            verified
            source {
              kind
              algorithm
              value
            }
            destination {
              kind
              algorithm
              value
            }
          }
          error {
            code
            message
            remedy
          }
          collidesWith {
            sourcePath
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

export type Item = NonNullable<ResultOf<typeof ItemsQuery>['transfer']>['items']['nodes'][number];
export type ItemState = Item['state'];
export type EvidenceLeg = NonNullable<Item['evidence']>['source'];

/** Which objects to show; what is absent does not matter. */
export interface ItemFilter {
  states?: readonly ItemState[];
  actions?: readonly Item['action'][];
  errorCodes?: readonly NonNullable<Item['error']>['code'][];
  sourceRemovals?: readonly NonNullable<Item['sourceRemoval']>[];
}

/** The objects of a transfer in the order of planning, 100 a page, read again as its `sequence` rises. */
export function useItems(id: string, { states, actions, errorCodes, sourceRemovals }: ItemFilter, sequence: string) {
  const pages = usePages({
    document: ItemsQuery,
    variables: {
      id,
      states: states === undefined ? null : [...states],
      actions: actions === undefined ? null : [...actions],
      errorCodes: errorCodes === undefined ? null : [...errorCodes],
      sourceRemovals: sourceRemovals === undefined ? null : [...sourceRemovals],
    },
    select: (data) => data.transfer?.items,
  });
  useRefreshing(sequence, pages.pageCount, pages.refresh);
  // Where objects leave a filtered page, the next one's move up into it before that one is read again.
  const nodes = [...new Map(pages.nodes.toReversed().map((item) => [item.id, item])).values()].reverse();
  return { ...pages, nodes };
}

const MovingItemsQuery = graphql(`
  query MovingItems($id: ID!, $after: String) {
    transfer(id: $id) {
      id
      items(first: 8, after: $after, states: [RUNNING]) {
        nodes {
          id
          sourcePath
          size
          acknowledgedBytes
          route
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

/** The first objects that move at the moment, read again as the transfer's `sequence` rises. */
export function useMovingItems(id: string, sequence: string) {
  const pages = usePages({ document: MovingItemsQuery, variables: { id }, select: (data) => data.transfer?.items });
  useRefreshing(sequence, pages.pageCount, pages.refresh);
  return pages;
}

/** Least time between two readings. */
const refreshMs = 1_000;

/**
 * Reads the shown pages again after a change: at once, but never more than one page a second, so that what stands on a
 * single page is never older than that. It goes on until each page was read after the last change.
 */
function useRefreshing(sequence: string, pageCount: number, refresh: () => Promise<boolean>) {
  const seen = useRef(sequence);
  /** Pages that were not read since the last change. */
  const due = useRef(0);
  const busy = useRef(false);
  const mounted = useRef(false);
  const readAt = useRef(0);
  const again = useEffectEvent(refresh);

  useEffect(() => {
    mounted.current = true;
    // What is shown first was read just now.
    readAt.current = performance.now();
    return () => {
      mounted.current = false;
    };
  }, []);

  useEffect(() => {
    const run = async () => {
      busy.current = true;
      while (due.current > 0) {
        const rest = readAt.current + refreshMs - performance.now();
        if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
        if (!mounted.current) return;
        due.current -= 1;
        readAt.current = performance.now();
        if (!(await again())) due.current = Math.max(due.current, 1);
      }
      busy.current = false;
    };
    if (seen.current === sequence) return;
    seen.current = sequence;
    due.current = pageCount;
    if (!busy.current) void run();
  }, [sequence, pageCount]);
}
