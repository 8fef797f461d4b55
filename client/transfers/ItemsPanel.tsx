import { Button, SegmentedControl, Skeleton } from '@mantine/core';
import { useState } from 'react';
import { BusyButton } from '../ui/BusyButton.tsx';
import { Failure } from '../ui/Failure.tsx';
import { Panel } from '../ui/Panel.tsx';
import { ItemRow } from './ItemRow.tsx';
import classes from './ItemsPanel.module.css';
import { type ItemFilter, type ItemState, useItems } from './items.ts';
import { totalText } from './PlanPanel.tsx';
import { isPlan, type Progress } from './progress.ts';
import type { Mode, PlanTotal } from './words.ts';

interface StateFilter {
  value: string;
  label: string;
  states: readonly ItemState[] | undefined;
  /** Only what a move has left at its source. */
  kept?: true;
  /** Said where there is no such object. */
  none: string;
}

const allStates: StateFilter = { value: 'all', label: 'All', states: undefined, none: 'No object has been found yet.' };
const filters: readonly StateFilter[] = [
  allStates,
  { value: 'moving', label: 'Moving', states: ['RUNNING'], none: 'No object is moving now.' },
  { value: 'waiting', label: 'Waiting', states: ['PENDING'], none: 'No object is waiting.' },
  { value: 'arrived', label: 'Done', states: ['COMPLETED'], none: 'No object is done yet.' },
  { value: 'failed', label: 'Failed', states: ['FAILED'], none: 'No object has failed.' },
];

const keptFilter: StateFilter = {
  value: 'kept',
  label: 'Kept',
  states: undefined,
  kept: true,
  none: 'Nothing was kept at the source.',
};

/** In a plan, what is not refused: an object that is has an action too. */
const notRefused: readonly ItemState[] = ['PENDING', 'RUNNING', 'COMPLETED', 'SKIPPED', 'CANCELLED'];

/** The objects that a plan's total counts, as far as they are in one of these states. */
function filterOf(total: PlanTotal | null, states: readonly ItemState[] | undefined, planned: boolean): ItemFilter {
  const inStates = states === undefined ? {} : { states };
  if (total === null) return inStates;
  if (total.refusedFor !== null) return { ...inStates, errorCodes: [total.refusedFor] };
  const actions = total.action === null ? {} : { actions: [total.action] };
  return { ...(planned ? { states: notRefused } : inStates), ...actions };
}

interface ItemsPanelProps {
  transferId: string;
  mode: Mode;
  progress: Progress;
  /** Only what this total of the plan counts; null: all. */
  total: PlanTotal | null;
  onShowAll: () => void;
}

/** Each object of the transfer, with its evidence. */
export function ItemsPanel({ transferId, mode, progress, total, onShowAll }: ItemsPanelProps) {
  const [shown, setShown] = useState('all');
  const planned = isPlan(progress);
  const offered = mode === 'MOVE' ? [...filters, keptFilter] : filters;
  const filter = (planned ? undefined : offered.find(({ value }) => value === shown)) ?? allStates;
  const { nodes, loading, loadingMore, hasMore, error, loadMore, reload } = useItems(
    transferId,
    { ...filterOf(total, filter.states, planned), ...(filter.kept && { sourceRemovals: ['KEPT'] }) },
    progress.sequence,
  );
  const none = total === null ? filter.none : 'No object of the plan is in this state.';

  return (
    <Panel
      title={total === null ? 'Objects' : `Objects: ${totalText(total)}`}
      flush
      aside={
        <>
          {total === null ? null : (
            <Button variant="subtle" size="compact-sm" onClick={onShowAll}>
              Show the whole plan
            </Button>
          )}
          {planned ? null : (
            <SegmentedControl
              className={classes.filter}
              classNames={{ label: classes.filterLabel }}
              size="sm"
              aria-label="Show objects"
              data={offered.map(({ value, label }) => ({ value, label }))}
              value={shown}
              onChange={setShown}
            />
          )}
        </>
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
      {!loading && error === undefined && nodes.length === 0 ? <p className={classes.none}>{none}</p> : null}
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
              <ItemRow key={item.id} item={item} progress={progress} />
            ))}
          </tbody>
        </table>
      ) : null}
      {hasMore ? (
        <div className={classes.more}>
          <BusyButton variant="default" loading={loadingMore} onClick={loadMore}>
            More objects
          </BusyButton>
        </div>
      ) : null}
    </Panel>
  );
}
