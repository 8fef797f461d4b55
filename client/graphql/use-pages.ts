import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react';
import { type CombinedError, type TypedDocumentNode, useClient } from 'urql';

/** One page of a Relay connection, read forwards. */
export interface PageOf<Node> {
  nodes: readonly Node[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

export interface Pages<Node> {
  /** Everything loaded so far, in order. */
  nodes: readonly Node[];
  /** The first page is on its way and there is nothing to show yet. */
  loading: boolean;
  /** A further page is on its way. */
  loadingMore: boolean;
  /** There is more to load. */
  hasMore: boolean;
  /** What the last attempt failed with; what was loaded before stays. */
  error: CombinedError | undefined;
  loadMore: () => void;
  /** Reads again as many nodes as are shown, without taking them from the screen meanwhile. */
  reload: () => void;
}

interface PagesOptions<Data, Variables, Node> {
  document: TypedDocumentNode<Data, Variables>;
  /** Without `after`. A change starts over. */
  variables: Omit<Variables, 'after'>;
  /** Finds the connection in the answer; null where the subject does not exist. */
  select: (data: Data) => PageOf<Node> | null | undefined;
}

interface Loaded<Node> {
  key: string;
  nodes: readonly Node[];
  endCursor: string | null;
  hasMore: boolean;
  busy: 'first' | 'more' | null;
  error: CombinedError | undefined;
}

/** Loads a connection a page at a time. Always asks the server: lists here change while one looks at them. */
export function usePages<Data, Variables extends { after?: string | null }, Node>({
  document,
  variables,
  select,
}: PagesOptions<Data, Variables, Node>): Pages<Node> {
  const client = useClient();
  const key = JSON.stringify(variables);
  const [loaded, setLoaded] = useState<Loaded<Node>>(() => start(key));
  // A run that is not the latest any more keeps its answer to itself.
  const latest = useRef(0);
  const pick = useEffectEvent(select);

  const read = useCallback(
    async (after: string | null, known: readonly Node[], atLeast: number) => {
      latest.current += 1;
      const run = latest.current;
      let nodes = known;
      let cursor = after;
      let hasMore = true;
      while (hasMore && (nodes === known || nodes.length < atLeast)) {
        const answer = await client
          .query(document, { ...JSON.parse(key), after: cursor } as Variables, { requestPolicy: 'network-only' })
          .toPromise();
        if (run !== latest.current) return;
        if (answer.error !== undefined || answer.data === undefined) {
          const { error } = answer;
          setLoaded((old) => ({ ...(old.key === key ? old : start<Node>(key)), busy: null, error }));
          return;
        }
        const page = pick(answer.data);
        nodes = [...nodes, ...(page?.nodes ?? [])];
        cursor = page?.pageInfo.endCursor ?? null;
        hasMore = page?.pageInfo.hasNextPage ?? false;
      }
      setLoaded({ key, nodes, endCursor: cursor, hasMore, busy: null, error: undefined });
    },
    [client, document, key],
  );

  useEffect(() => {
    setLoaded(start(key));
    void read(null, [], 0);
    return () => {
      latest.current += 1;
    };
  }, [read, key]);

  const current = loaded.key === key ? loaded : start<Node>(key);
  return {
    nodes: current.nodes,
    loading: current.busy === 'first',
    loadingMore: current.busy === 'more',
    hasMore: current.hasMore,
    error: current.error,
    loadMore: () => {
      if (current.busy !== null || !current.hasMore) return;
      setLoaded({ ...current, busy: 'more', error: undefined });
      void read(current.endCursor, current.nodes, 0);
    },
    reload: () => {
      if (current.nodes.length === 0) setLoaded({ ...start(key) });
      void read(null, [], current.nodes.length);
    },
  };
}

function start<Node>(key: string): Loaded<Node> {
  return { key, nodes: [], endCursor: null, hasMore: false, busy: 'first', error: undefined };
}
