import { IconArrowRight } from '@tabler/icons-react';
import { Link } from 'wouter';
import { readablePath } from '../browse/paths.ts';
import { formatCount, formatSpeed } from '../ui/format.ts';
import { RelativeTime } from '../ui/RelativeTime.tsx';
import { ProgressTrack } from './ProgressTrack.tsx';
import { amountText, hasEnded, isPlan, type Progress, timeLeft } from './progress.ts';
import { StateTag } from './StateTag.tsx';
import classes from './TransferRow.module.css';
import { type TransferSummary, transferHref } from './transfer.ts';
import { useHeard } from './use-heard.ts';
import { modes } from './words.ts';

/** One transfer of the list, live while it lasts. `isLive`: what happens to it is heard of. */
export function TransferRow({ transfer, isLive }: { transfer: TransferSummary; isLive: boolean }) {
  const progress = useHeard(transfer.progress, isLive);
  return (
    <li className={classes.row}>
      <div className={classes.head}>
        <Link href={transferHref(transfer.id)} className={classes.name}>
          {transfer.name}
        </Link>
        <StateTag progress={progress} mode={transfer.mode} />
      </div>
      <div className={classes.route}>
        <span>
          {transfer.source.name}: {readablePath(transfer.sourcePaths[0] ?? '')}
          {transfer.sourcePaths.length > 1 ? ` +${transfer.sourcePaths.length - 1}` : ''}
        </span>
        <span>
          <IconArrowRight size={16} aria-label="to" className={classes.arrow} />
          {transfer.destination.name}: {readablePath(transfer.destinationPath)}
        </span>
      </div>
      <div className={classes.bar}>
        <ProgressTrack progress={progress} label={`Progress of ${transfer.name}`} mode={transfer.mode} />
      </div>
      <div className={`${classes.facts} figures`}>
        <span>
          {transfer.mode === 'COPY' ? '' : `${modes[transfer.mode].label}: `}
          {amountText(progress, transfer.mode)}
          {progress.objectsFailed === 0 ? null : (
            <>
              ,{' '}
              <span className={classes.failed}>
                {formatCount(progress.objectsFailed)} {isPlan(progress) ? 'refused' : modes[transfer.mode].failed}
              </span>
            </>
          )}
        </span>
        <span>
          <Timing transfer={transfer} progress={progress} />
        </span>
      </div>
    </li>
  );
}

function Timing({ transfer, progress }: { transfer: TransferSummary; progress: Progress }) {
  const { startAt, finishedAt, createdAt } = transfer;
  if (progress.state === 'RUNNING') {
    const speed = progress.speedBytesPerSecond === '0' ? [] : [formatSpeed(progress.speedBytesPerSecond)];
    const left = timeLeft(progress);
    return [...speed, ...(left === null ? [] : [`${left} left`])].join(', ');
  }
  if (progress.state === 'SCHEDULED' && startAt !== null) return <RelativeTime time={startAt} />;
  return <RelativeTime time={hasEnded(progress.state) ? (finishedAt ?? progress.at) : createdAt} />;
}
