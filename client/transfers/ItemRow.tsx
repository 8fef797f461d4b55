import {
  IconAlertTriangle,
  IconBan,
  IconChevronRight,
  IconCircleCheck,
  IconCircleDashed,
  IconCloudUp,
  IconPlayerPause,
  IconPlayerSkipForward,
  IconShip,
} from '@tabler/icons-react';
import { useId, useState } from 'react';
import { lastName, parentPath } from '../browse/paths.ts';
import { clipMiddle, formatBytes } from '../ui/format.ts';
import { Tag } from '../ui/Tag.tsx';
import { actionLooks } from './action-looks.ts';
import { ItemDetail } from './ItemDetail.tsx';
import classes from './ItemRow.module.css';
import { itemNote, placeOf } from './item-note.ts';
import { type Standing, standingOf, standingText } from './item-standing.ts';
import type { Item } from './items.ts';
import type { Progress } from './progress.ts';

const looks = {
  PENDING: { tone: 'neutral', icon: IconCircleDashed },
  RUNNING: { tone: 'info', icon: IconShip },
  COMPLETED: { tone: 'good', icon: IconCircleCheck },
  FAILED: { tone: 'bad', icon: IconAlertTriangle },
  SKIPPED: { tone: 'neutral', icon: IconPlayerSkipForward },
  CANCELLED: { tone: 'neutral', icon: IconBan },
  PAUSED: { tone: 'warn', icon: IconPlayerPause },
  FINISHING: { tone: 'info', icon: IconCloudUp },
  LEFT: { tone: 'neutral', icon: IconBan },
} as const satisfies Record<Exclude<Standing, 'PLANNED'>, object>;

/** What is left of a folder and of a name on a row, in characters; the whole key is in the object's detail. */
const folderLength = 60;
const nameLength = 80;

/** One object; opens to show its whole path, its evidence or what went wrong. */
export function ItemRow({ item, progress }: { item: Item; progress: Pick<Progress, 'state'> }) {
  const [opened, setOpened] = useState(false);
  const detailId = useId();
  const standing = standingOf(item, progress.state);
  const { tone, icon } = standing === 'PLANNED' ? actionLooks[item.action] : looks[standing];
  const note = itemNote(item, progress);
  const place = placeOf(item);
  // The slash of a marker that stands for a folder belongs to its name.
  const name = `${lastName(place)}${place.endsWith('/') ? '/' : ''}`;
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
              <span className={classes.folder}>{clipMiddle(parentPath(place), folderLength)}</span>
              <span className={classes.name}>{clipMiddle(name, nameLength)}</span>
            </span>
          </button>
          {note === null ? null : <div className={classes.note}>{note}</div>}
        </td>
        <td className={`${classes.size} figures`}>{item.reason === 'EXTRA' ? '–' : formatBytes(item.size)}</td>
        <td className={`${classes.state} figures`}>
          <Tag tone={tone} icon={icon}>
            {standingText(item, progress.state)}
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
