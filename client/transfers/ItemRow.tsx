import {
  IconAlertTriangle,
  IconBan,
  IconChevronRight,
  IconCircleCheck,
  IconCircleDashed,
  IconPlayerSkipForward,
  IconShip,
} from '@tabler/icons-react';
import { useId, useState } from 'react';
import { lastName, parentPath } from '../browse/paths.ts';
import { formatBytes, formatPercent, share } from '../ui/format.ts';
import { Tag } from '../ui/Tag.tsx';
import { ItemDetail } from './ItemDetail.tsx';
import classes from './ItemRow.module.css';
import type { Item, ItemState } from './items.ts';

const looks = {
  PENDING: { tone: 'neutral', icon: IconCircleDashed },
  RUNNING: { tone: 'info', icon: IconShip },
  COMPLETED: { tone: 'good', icon: IconCircleCheck },
  FAILED: { tone: 'bad', icon: IconAlertTriangle },
  SKIPPED: { tone: 'neutral', icon: IconPlayerSkipForward },
  CANCELLED: { tone: 'neutral', icon: IconBan },
} as const satisfies Record<ItemState, object>;

function itemText(item: Item): string {
  switch (item.state) {
    case 'PENDING':
      return item.attempts > 0 ? 'Waiting to be tried again' : 'Waiting';
    case 'RUNNING':
      return item.size === '0' ? 'Moving' : `Moving, ${formatPercent(share(item.acknowledgedBytes, item.size))}`;
    case 'COMPLETED':
      return item.evidence?.verified === true ? 'Verified' : 'Arrived, not verified';
    case 'FAILED':
      return 'Failed';
    case 'SKIPPED':
      return 'Skipped';
    case 'CANCELLED':
      return 'Cancelled';
  }
}

/** One object; opens to show its whole path, its evidence or what went wrong. */
export function ItemRow({ item }: { item: Item }) {
  const [opened, setOpened] = useState(false);
  const detailId = useId();
  const { tone, icon } = looks[item.state];
  return (
    <>
      <tr className={classes.row}>
        <td className={classes.object}>
          <button
            type="button"
            className={classes.toggle}
            aria-expanded={opened}
            aria-controls={opened ? detailId : undefined}
            onClick={() => setOpened(!opened)}
          >
            <IconChevronRight size={16} aria-hidden className={classes.chevron} data-opened={opened || undefined} />
            <span className={classes.path}>
              <span className={classes.folder}>{parentPath(item.sourcePath)}</span>
              {lastName(item.sourcePath)}
            </span>
          </button>
        </td>
        <td className={`${classes.size} figures`}>{formatBytes(item.size)}</td>
        <td className={`${classes.state} figures`}>
          <Tag tone={tone} icon={icon}>
            {itemText(item)}
          </Tag>
        </td>
      </tr>
      {opened ? (
        <tr id={detailId}>
          <td colSpan={3} className={classes.detail}>
            <ItemDetail item={item} />
          </td>
        </tr>
      ) : null}
    </>
  );
}
