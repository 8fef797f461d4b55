import { formatDateTime, formatDuration } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import { RelativeTime } from '../ui/RelativeTime.tsx';
import { hasEnded, type Progress } from './progress.ts';
import classes from './Timeline.module.css';
import type { TransferDetail } from './transfer.ts';
import { workedMs } from './worked.ts';

interface Moment {
  label: string;
  /** null: still to come. */
  time: string | null;
  note?: string;
}

const priorities = { LOW: 'Low priority', NORMAL: undefined, HIGH: 'High priority' } as const;

function momentsOf(transfer: TransferDetail, progress: Progress): Moment[] {
  const { createdAt, startAt, startedAt, approvedAt, canApprove, finishedAt, priority } = transfer;
  const priorityNote = priorities[priority];
  const took = workedMs(transfer);
  return [
    { label: 'Created', time: createdAt, ...(priorityNote === undefined ? {} : { note: priorityNote }) },
    ...(startAt !== null && startedAt === null ? [{ label: 'Starts', time: startAt }] : []),
    ...(startedAt !== null || startAt === null ? [{ label: 'Started', time: startedAt }] : []),
    ...(approvedAt !== null || canApprove ? [{ label: 'Approved', time: approvedAt }] : []),
    {
      label: progress.state === 'CANCELLED' ? 'Cancelled' : progress.state === 'FAILED' ? 'Failed' : 'Finished',
      time: hasEnded(progress.state) ? finishedAt : null,
      ...(took === null ? {} : { note: `took ${formatDuration(took)}` }),
    },
  ];
}

/** When what happened. */
export function Timeline({ transfer, progress }: { transfer: TransferDetail; progress: Progress }) {
  return (
    <Panel title="Log">
      <ol className={classes.log}>
        {momentsOf(transfer, progress).map(({ label, time, note }) => (
          <li
            key={label}
            className={classes.moment}
            data-passed={(time !== null && Date.parse(time) <= Date.now()) || undefined}
          >
            <div className={classes.label}>{label}</div>
            <div className={classes.time}>
              {time === null ? (
                'not yet'
              ) : (
                <>
                  {formatDateTime(time)}
                  <br />
                  <RelativeTime time={time} />
                </>
              )}
            </div>
            {note === undefined ? null : <div className={classes.time}>{note}</div>}
          </li>
        ))}
      </ol>
    </Panel>
  );
}
