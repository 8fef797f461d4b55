import { Anchor, Button } from '@mantine/core';
import { IconArrowRight, IconPencil, IconPlayerPause, IconPlayerPlay, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useMutation } from 'urql';
import { Link } from 'wouter';
import { readablePath } from '../browse/paths.ts';
import { reportRefusal } from '../transfers/refusal.ts';
import { StateTag } from '../transfers/StateTag.tsx';
import { transferHref } from '../transfers/transfer.ts';
import { modes } from '../transfers/words.ts';
import { BusyButton } from '../ui/BusyButton.tsx';
import { ConfirmDialog } from '../ui/ConfirmDialog.tsx';
import { relativeMs } from '../ui/format.ts';
import { Notice } from '../ui/Notice.tsx';
import { RelativeTime, useNow } from '../ui/RelativeTime.tsx';
import { Tag } from '../ui/Tag.tsx';
import { userErrorText } from '../ui/user-errors.ts';
import { EditScheduleDialog } from './EditScheduleDialog.tsx';
import { ScheduleChoices } from './ScheduleChoices.tsx';
import classes from './ScheduleRow.module.css';
import { DeleteScheduleMutation, type Schedule, UpdateScheduleMutation } from './schedule.ts';
import { formatInZone, timingText } from './timing.ts';

interface ScheduleRowProps {
  schedule: Schedule;
  onChanged: () => void;
  onDeleted: () => void;
  /** Where its own page lies; absent: this is it, where its runs are listed beside. */
  href?: string;
}

/** One schedule: what it orders and when, what became of its last runs, and what one can do about it. */
export function ScheduleRow({ schedule, onChanged, onDeleted, href }: ScheduleRowProps) {
  const { name, error, isEnabled, mode, source, destination, sourcePaths } = schedule;
  const gone = [source, destination].find(({ status }) => status === 'DISCONNECTED');
  return (
    <li className={classes.row}>
      <div className={classes.head}>
        {href === undefined ? null : (
          <h2 className={classes.name}>
            <Anchor component={Link} href={href} inherit>
              {name}
            </Anchor>
          </h2>
        )}
        <Actions schedule={schedule} onChanged={onChanged} onDeleted={onDeleted} isForGood={gone !== undefined} />
      </div>
      <div className={classes.route}>
        <span>
          {mode === 'COPY' ? '' : `${modes[mode].label}: `}
          {source.name}: {readablePath(sourcePaths[0] ?? '')}
          {sourcePaths.length > 1 ? ` +${sourcePaths.length - 1}` : ''}
        </span>
        <span>
          <IconArrowRight size={16} aria-label="to" className={classes.arrow} />
          {destination.name}: {readablePath(schedule.destinationPath)}
        </span>
      </div>
      <div className={classes.when}>
        <span>{timingText(schedule)}</span>
        {gone === undefined ? <Next schedule={schedule} /> : null}
      </div>
      <ScheduleChoices schedule={schedule} />
      {gone === undefined ? null : (
        <Notice tone="warn" title={`${gone.name} is disconnected: nothing runs any more`}>
          Connect the cloud again and make a new schedule with that account. This one can be deleted.
        </Notice>
      )}
      {gone !== undefined || error === null ? null : (
        <Notice tone="warn" title={isEnabled ? 'The last run ordered nothing' : 'It has stopped by itself'}>
          {userErrorText(error)}
          {isEnabled ? null : <WayOn code={error.code} />}
        </Notice>
      )}
      {href === undefined ? null : <LastRuns schedule={schedule} href={href} />}
    </li>
  );
}

/** What makes a schedule go on that has stopped. */
function WayOn({ code }: { code: NonNullable<Schedule['error']>['code'] }) {
  if (code !== 'CREDENTIALS_INVALID') return ' Resume it once that is mended.';
  return (
    <>
      {' It goes on once you '}
      <Anchor component={Link} href="/accounts" inherit>
        replace the credentials
      </Anchor>
      , or resume it.
    </>
  );
}

function Next({ schedule: { isEnabled, nextRuns, timeZone, error } }: { schedule: Schedule }) {
  const [next] = nextRuns;
  const now = useNow(60_000);
  const isNear = next !== undefined && new Date(next).getTime() - now < relativeMs;
  return isEnabled && next !== undefined ? (
    <span className={classes.next}>
      next {isNear && <RelativeTime time={next} />}
      {isNear && ', '}
      {formatInZone(next, timeZone)}
    </span>
  ) : (
    <Tag tone={error === null ? 'neutral' : 'warn'} icon={IconPlayerPause}>
      {error === null ? 'Paused' : 'Stopped'}
    </Tag>
  );
}

function LastRuns({ schedule, href }: { schedule: Schedule; href: string }) {
  const { name, transfers, mode, lastRunAt } = schedule;
  if (transfers.nodes.length === 0) {
    return lastRunAt === null ? <p className={classes.none}>It has not run yet.</p> : null;
  }
  return (
    <ul className={classes.runs} aria-label={`Last runs of ${name}`}>
      {transfers.nodes.map(({ id, createdAt, progress }) => (
        <li key={id} className={classes.run}>
          <Anchor component={Link} href={transferHref(id)}>
            Run <RelativeTime time={createdAt} />
          </Anchor>
          <StateTag progress={progress} mode={mode} />
        </li>
      ))}
      <li>
        <Anchor component={Link} href={href} aria-label={`All runs of ${name}`}>
          All runs
        </Anchor>
      </li>
    </ul>
  );
}

function Actions({
  schedule,
  onChanged,
  onDeleted,
  isForGood,
}: Omit<ScheduleRowProps, 'href'> & { isForGood: boolean }) {
  const { id, name, isEnabled } = schedule;
  const [asking, setAsking] = useState<'edit' | 'delete' | null>(null);
  const [updating, update] = useMutation(UpdateScheduleMutation);
  const [deleting, remove] = useMutation(DeleteScheduleMutation);
  const close = () => setAsking(null);

  const onToggle = async () => {
    const { data, error } = await update({ input: { id, isEnabled: !isEnabled } });
    const userErrors = data?.updateTransferSchedule.userErrors;
    if (reportRefusal(isEnabled ? 'Not paused' : 'Not resumed', { error, userErrors })) onChanged();
  };
  const onDelete = async () => {
    const { data, error } = await remove({ input: { id } });
    if (reportRefusal('Not deleted', { error, userErrors: data?.deleteTransferSchedule.userErrors })) onDeleted();
    close();
  };

  return (
    <div className={classes.actions}>
      {isForGood ? null : (
        <BusyButton
          variant="default"
          size="compact-md"
          aria-label={`${isEnabled ? 'Pause' : 'Resume'} ${name}`}
          leftSection={isEnabled ? <IconPlayerPause size={16} aria-hidden /> : <IconPlayerPlay size={16} aria-hidden />}
          loading={updating.fetching}
          onClick={onToggle}
        >
          {isEnabled ? 'Pause' : 'Resume'}
        </BusyButton>
      )}
      <Button
        variant="default"
        size="compact-md"
        aria-label={`Change ${name}`}
        leftSection={<IconPencil size={16} aria-hidden />}
        onClick={() => setAsking('edit')}
      >
        Change
      </Button>
      <Button
        variant="default"
        size="compact-md"
        aria-label={`Delete ${name}`}
        leftSection={<IconTrash size={16} aria-hidden />}
        onClick={() => setAsking('delete')}
      >
        Delete
      </Button>
      <EditScheduleDialog schedule={schedule} opened={asking === 'edit'} onClose={close} onChanged={onChanged} />
      <ConfirmDialog
        opened={asking === 'delete'}
        title={`Delete ${name}?`}
        confirm="Delete schedule"
        dismiss="Keep it"
        busy={deleting.fetching}
        onConfirm={onDelete}
        onClose={close}
      >
        It runs no more. Transfers that it ordered stay, also one that is under way.
      </ConfirmDialog>
    </div>
  );
}
