import type { ReactNode } from 'react';
import type { Pages } from '../graphql/use-pages.ts';
import { BusyButton } from './BusyButton.tsx';
import classes from './PagedList.module.css';
import { Panel } from './Panel.tsx';

interface PagedListProps<Node> {
  pages: Pick<Pages<Node>, 'nodes' | 'hasMore' | 'loadingMore' | 'loadMore'>;
  /** Name of the button that loads what follows. */
  more: string;
  /** A list item, with a key. */
  children: (node: Node) => ReactNode;
}

/** The rows of a list as far as they are loaded, and the way to the next; nothing without any. */
export function PagedList<Node>({ pages, more, children }: PagedListProps<Node>) {
  return (
    <>
      {pages.nodes.length > 0 ? (
        <Panel flush>
          <ul className={classes.list}>{pages.nodes.map(children)}</ul>
        </Panel>
      ) : null}
      {pages.hasMore ? (
        <div className={classes.more}>
          <BusyButton variant="default" loading={pages.loadingMore} onClick={pages.loadMore}>
            {more}
          </BusyButton>
        </div>
      ) : null}
    </>
  );
}
