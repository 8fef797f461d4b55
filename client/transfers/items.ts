import { useEffect, useEffectEvent, useRef } from 'react';
import { graphql, type ResultOf } from '../graphql/graphql.ts';
import { usePages } from '../graphql/use-pages.ts';

const ItemsQuery = graphql(`
  query TransferItems($id: ID!, $states: [TransferItemState!], $actions: [TransferAction!], $errorCodes: [ErrorCode!], $after: String) {
    transfer(id: $id) {
      id
      items(first: 100, after: $after, states: $states, actions: $actions, errorCodes: $errorCodes) {
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
}

/** The objects of a transfer in the order of planning, 100 a page, read again as its `sequence` rises. */
export function useItems(id: string, { states, actions, errorCodes }: ItemFilter, sequence: string) {
  const pages = usePages({
    document: ItemsQuery,
    variables: {
      id,
      states: states === undefined ? null : [...states],
      actions: actions === undefined ? null : [...actions],
      errorCodes: errorCodes === undefined ? null : [...errorCodes],
    },
    select: (data) => data.transfer?.items,
  });
  useRefreshing(sequence, pages.pageCount, pages.refresh);
  // Where objects leave a filtered page, the next one's move up into it before that one is read again.
  const nodes = [...new Map(pages.nodes.toReversed().map((item) => [item.id, item])).values()].reverse();
  return { ...pages, nodes };
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
