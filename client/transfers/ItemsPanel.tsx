import { Button, SegmentedControl, Skeleton } from '@mantine/core';
import { useState } from 'react';
import { Failure } from '../ui/Failure.tsx';
import { Panel } from '../ui/Panel.tsx';
import { ItemRow } from './ItemRow.tsx';
import classes from './ItemsPanel.module.css';
import { type ItemState, useItems } from './items.ts';
import type { Progress } from './progress.ts';

const filters: { value: string; label: string; states: readonly ItemState[] | undefined; none: string }[] = [
  { value: 'all', label: 'All', states: undefined, none: 'No object has been found yet.' },
  { value: 'moving', label: 'Moving', states: ['RUNNING'], none: 'No object is moving now.' },
  { value: 'waiting', label: 'Waiting', states: ['PENDING'], none: 'No object is waiting.' },
  { value: 'arrived', label: 'Arrived', states: ['COMPLETED'], none: 'No object has arrived yet.' },
  { value: 'failed', label: 'Failed', states: ['FAILED'], none: 'No object has failed.' },
];

/** Each object of the transfer, with its evidence. */
export function ItemsPanel({ transferId, progress }: { transferId: string; progress: Progress }) {
  const [shown, setShown] = useState('all');
  const filter = filters.find(({ value }) => value === shown) ?? (filters[0] as (typeof filters)[number]);
  const { nodes, loading, loadingMore, hasMore, error, loadMore, reload } = useItems(
    transferId,
    filter.states,
    progress.sequence,
  );

  return (
    <Panel
      title="Objects"
      flush
      aside={
        <SegmentedControl
          className={classes.filter}
          classNames={{ label: classes.filterLabel }}
          size="sm"
          aria-label="Show objects"
          data={filters.map(({ value, label }) => ({ value, label }))}
          value={shown}
          onChange={setShown}
        />
      }
    >
      {error === undefined ? null : (
        <div className={classes.message}>
          <Failure error={error} what="The objects" retry={reload} />
        </div>
      )}
      {loading && error === undefined ? (
        <div className={classes.message}>
          {[0, 1, 2, 3].map((row) => (
            <Skeleton key={row} height={20} mb="md" />
          ))}
        </div>
      ) : null}
      {!loading && error === undefined && nodes.length === 0 ? <p className={classes.none}>{filter.none}</p> : null}
      {nodes.length > 0 ? (
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">Object</th>
              <th scope="col" className={classes.size}>
                Size
              </th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((item) => (
              <ItemRow key={item.id} item={item} transferState={progress.state} />
            ))}
          </tbody>
        </table>
      ) : null}
      {hasMore ? (
        <div className={classes.more}>
          <Button variant="default" loading={loadingMore} onClick={loadMore}>
            More objects
          </Button>
        </div>
      ) : null}
    </Panel>
  );
}
