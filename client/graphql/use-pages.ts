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
  /** How many pages that is, each of which is one query to read again. At least 1. */
  pageCount: number;
  /** The first page is on its way and there is nothing to show yet. */
  loading: boolean;
  /** A further page is on its way. */
  loadingMore: boolean;
  /** There is more to load. */
  hasMore: boolean;
  /** What the last attempt failed with; what was loaded before stays. */
  error: CombinedError | undefined;
  loadMore: () => void;
  /** Reads all shown pages again, without taking them from the screen meanwhile. */
  reload: () => void;
  /** Reads one shown page again, each in its turn: one query. Resolves once answered; false: another reading came first. */
  refresh: () => Promise<boolean>;
}

interface PagesOptions<Data, Variables, Node> {
  document: TypedDocumentNode<Data, Variables>;
  /** Without `after`. A change starts over. */
  variables: Omit<Variables, 'after'>;
  /** Finds the connection in the answer; null where the subject does not exist. */
  select: (data: Data) => PageOf<Node> | null | undefined;
}

interface Page<Node> {
  after: string | null;
  nodes: readonly Node[];
  endCursor: string | null;
  hasMore: boolean;
}

interface Loaded<Node> {
  key: string;
  pages: readonly Page<Node>[];
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
  const turn = useRef(0);
  const pick = useEffectEvent(select);

  /** Reads pages from `after` on until there are `atLeast` nodes, and hands them over together; false: overtaken. */
  const read = useCallback(
    async (
      after: string | null,
      atLeast: number,
      merge: (read: readonly Page<Node>[]) => readonly Page<Node>[],
    ): Promise<boolean> => {
      latest.current += 1;
      const run = latest.current;
      const pages: Page<Node>[] = [];
      let cursor = after;
      let count = 0;
      do {
        const answer = await client
          .query(document, { ...JSON.parse(key), after: cursor } as Variables, { requestPolicy: 'network-only' })
          .toPromise();
        if (run !== latest.current) return false;
        if (answer.error !== undefined || answer.data === undefined) {
          const { error } = answer;
          setLoaded((old) => ({ ...(old.key === key ? old : start<Node>(key)), busy: null, error }));
          return true;
        }
        const connection = pick(answer.data);
        const { hasNextPage = false, endCursor = null } = connection?.pageInfo ?? {};
        const nodes = connection?.nodes ?? [];
        pages.push({ after: cursor, nodes, endCursor, hasMore: hasNextPage });
        count += nodes.length;
        cursor = endCursor;
      } while (count < atLeast && pages.at(-1)?.hasMore);
      setLoaded({ key, pages: merge(pages), busy: null, error: undefined });
      return true;
    },
    [client, document, key],
  );

  useEffect(() => {
    setLoaded(start(key));
    void read(null, 0, (pages) => pages);
    return () => {
      latest.current += 1;
    };
  }, [read, key]);

  const { pages, busy, error } = loaded.key === key ? loaded : start<Node>(key);
  const nodes = pages.flatMap((page) => page.nodes);
  const last = pages.at(-1);
  return {
    nodes,
    pageCount: Math.max(1, pages.length),
    loading: busy === 'first',
    loadingMore: busy === 'more',
    hasMore: last?.hasMore ?? false,
    error,
    loadMore: () => {
      if (busy !== null || !last?.hasMore) return;
      setLoaded({ key, pages, busy: 'more', error: undefined });
      void read(last.endCursor, 0, (more) => [...pages, ...more]);
    },
    reload: () => {
      if (nodes.length === 0) setLoaded(start(key));
      void read(null, nodes.length, (all) => all);
    },
    refresh: async () => {
      if (busy !== null) return false;
      const index = turn.current % Math.max(1, pages.length);
      turn.current = index + 1;
      return read(pages[index]?.after ?? null, 0, (page) => withPage(pages, index, page));
    },
  };
}

function start<Node>(key: string): Loaded<Node> {
  return { key, pages: [], busy: 'first', error: undefined };
}

/** `pages` with one of them read again. What follows it begins where it now ends. */
function withPage<Node>(
  pages: readonly Page<Node>[],
  index: number,
  read: readonly Page<Node>[],
): readonly Page<Node>[] {
  const last = read.at(-1);
  const [next, ...rest] = last?.hasMore ? pages.slice(index + 1) : [];
  return [
    ...pages.slice(0, index),
    ...read,
    ...(next === undefined ? [] : [{ ...next, after: last?.endCursor ?? null }, ...rest]),
  ];
}
