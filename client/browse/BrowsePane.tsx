import { Button, Select, Skeleton, VisuallyHidden } from '@mantine/core';
import { IconArrowUp } from '@tabler/icons-react';
import { type ReactNode, useEffect, useId, useRef } from 'react';
import { type Account, providers } from '../accounts/account.ts';
import { problemOf } from '../graphql/problem.ts';
import { Failure } from '../ui/Failure.tsx';
import { Breadcrumb } from './Breadcrumb.tsx';
import classes from './BrowsePane.module.css';
import { type Arrival, EntryGrid } from './EntryGrid.tsx';
import { type Entry, useEntries } from './entries.ts';
import { OpenByName } from './OpenByName.tsx';
import { parentPath } from './paths.ts';
import type { Selection } from './selection.ts';

interface BrowsePaneProps {
  /** What the pane is for: "From", "To". */
  title: string;
  accounts: readonly Account[];
  accountId: string | null;
  path: string;
  /** Absent: nothing is picked here, the place itself counts. */
  selection?: Selection;
  onAccount: (accountId: string) => void;
  onOpen: (path: string) => void;
  onToggle?: (entry: Entry) => void;
  onToggleAll?: (entries: readonly Entry[]) => void;
  /** Below the listing. */
  children: ReactNode;
}

/** One side of a transfer: an account and a place in it. */
export function BrowsePane(props: BrowsePaneProps) {
  const { title, accounts, accountId, path, onAccount, onOpen, children } = props;
  const id = useId();
  const account = accounts.find((one) => one.id === accountId);
  return (
    <section className={classes.pane} aria-labelledby={id}>
      <div className={classes.head}>
        <h2 id={id} className={classes.title}>
          {title}
        </h2>
        <Select
          className={classes.account}
          aria-label={`${title}: account`}
          placeholder="Choose an account"
          data={accounts.map((one) => ({ value: one.id, label: `${one.name} (${providers[one.provider].short})` }))}
          value={accountId}
          onChange={(value) => value !== null && onAccount(value)}
        />
      </div>
      {account === undefined ? (
        <div className={classes.hint}>Choose an account to look into it.</div>
      ) : (
        <Level key={account.id} {...props} account={account} path={path} onOpen={onOpen} />
      )}
      <div className={classes.foot}>{children}</div>
    </section>
  );
}

function Level({
  account,
  title,
  path,
  selection,
  onOpen,
  onToggle,
  onToggleAll,
}: BrowsePaneProps & { account: Account }) {
  const { nodes, loading, loadingMore, hasMore, error, loadMore, reload } = useEntries(account.id, path);
  const arrival = useRef<Arrival | null>(null);
  const { container } = providers[account.provider];

  const go = (to: string, from: string) => {
    arrival.current = { entry: from, leaving: document.activeElement };
    onOpen(to);
  };
  const onAll = onToggleAll === undefined ? undefined : () => onToggleAll(nodes);

  return (
    <>
      <div className={classes.where}>
        <Button
          variant="subtle"
          size="compact-sm"
          disabled={path === ''}
          aria-label="Up one level"
          onClick={() => go(parentPath(path), path)}
        >
          <IconArrowUp size={18} aria-hidden />
        </Button>
        <Breadcrumb label={`${title}: path`} root={account.name} path={path} onOpen={(to) => go(to, '')} />
      </div>
      <div className={classes.listing}>
        {error !== undefined && nodes.length === 0 ? (
          <div className={classes.message}>
            <Failure error={error} what={path === '' ? `The list of ${container}s` : 'This folder'} retry={reload} />
            {path === '' && problemOf(error).code === 'PERMISSION_DENIED' ? (
              <OpenByName container={container} onOpen={(name) => go(`${name}/`, '')} />
            ) : null}
          </div>
        ) : null}
        {loading && error === undefined ? <ListingSkeleton /> : null}
        {!loading && (error === undefined || nodes.length > 0) ? (
          <>
            <EntryGrid
              key={path}
              label={path === '' ? `${container}s of ${account.name}` : path}
              container={container}
              path={path}
              entries={nodes}
              selection={selection}
              onToggle={onToggle}
              onToggleAll={onAll}
              onOpen={go}
              arrival={arrival.current}
              onEnd={loadMore}
            />
            {hasMore ? <More busy={loadingMore} failed={error !== undefined} onMore={loadMore} /> : null}
          </>
        ) : null}
      </div>
    </>
  );
}

/** Loads on when it comes into view; a button for those who do not scroll. */
function More({ busy, failed, onMore }: { busy: boolean; failed: boolean; onMore: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (button.current === null || busy || failed) return;
    const observer = new IntersectionObserver(([seen]) => seen?.isIntersecting === true && onMore());
    observer.observe(button.current);
    return () => observer.disconnect();
  }, [busy, failed, onMore]);
  return (
    <Button ref={button} variant="subtle" fullWidth loading={busy} onClick={onMore}>
      {failed ? 'That did not work. Try again' : 'Load more'}
    </Button>
  );
}

function ListingSkeleton() {
  return (
    <div className={classes.skeleton}>
      <VisuallyHidden role="status">Loading the folder</VisuallyHidden>
      {[68, 44, 57, 36, 61, 50].map((width) => (
        <Skeleton key={width} height={18} width={`${width}%`} />
      ))}
    </div>
  );
}
