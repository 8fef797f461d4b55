import { formatBytes, formatPercent, formatQuantity } from '../ui/format.ts';
import classes from './ProgressTrack.module.css';
import {
  arrivedShare,
  bytesWanted,
  failedShare,
  hasEnded,
  isListing,
  isPlan,
  isWaiting,
  type Progress,
  sentShare,
  stateText,
  verifiedShare,
} from './progress.ts';
import { type Mode, modes } from './words.ts';

interface ProgressTrackProps {
  progress: Progress;
  /** Names the bar for those who do not see it. */
  label: string;
  mode: Mode;
  size?: 'small' | 'large';
}

/**
 * The waterline of a transfer: strong is verified, light is acknowledged by the destination, faint is on the way, red at
 * the far end is what failed. While the listing goes on there is no total, so there is no position either: the water is
 * hatched, and nothing pretends to be a share.
 */
export function ProgressTrack({ progress, label, mode, size = 'small' }: ProgressTrackProps) {
  const listing = isListing(progress);
  const arrived = arrivedShare(progress);
  const failed = isPlan(progress) ? 0 : failedShare(progress);
  return (
    <div
      className={classes.track}
      data-size={size}
      data-listing={listing || undefined}
      data-moving={progress.state === 'RUNNING' || progress.state === 'PLANNING' || undefined}
      data-state={progress.state}
      role="progressbar"
      aria-label={label}
      aria-valuemin={listing ? undefined : 0}
      aria-valuemax={listing ? undefined : 100}
      aria-valuenow={listing ? undefined : Math.floor(arrived * 100)}
      aria-valuetext={valueText(progress, mode)}
    >
      {listing ? null : (
        <>
          <div className={classes.sent} style={{ inlineSize: `${sentShare(progress) * 100}%` }} />
          <div className={classes.arrived} style={{ inlineSize: `${arrived * 100}%` }} />
          <div className={classes.verified} style={{ inlineSize: `${verifiedShare(progress) * 100}%` }} />
          {failed === 0 ? null : <div className={classes.failed} style={{ inlineSize: `${failed * 100}%` }} />}
        </>
      )}
    </div>
  );
}

function valueText(progress: Progress, mode: Mode): string {
  const state = stateText(progress, mode);
  const bytes = formatBytes(progress.bytesAcknowledged);
  const found = formatQuantity(progress.objectsListed, 'object');
  if (isPlan(progress)) return `${state}: ${found}${progress.listingComplete ? '' : ' found so far'}`;
  if (isListing(progress)) {
    return `${state}: ${bytes} arrived, ${found} found so far`;
  }
  if (isWaiting(progress)) return state;
  const { objectsCompleted, objectsFailed } = progress;
  const words = modes[mode];
  const failed = objectsFailed === 0 ? '' : `, ${formatQuantity(objectsFailed, 'object')} ${words.failed}`;
  if (hasEnded(progress.state)) {
    return failed === '' ? state : `${state}: ${formatQuantity(objectsCompleted, 'object')} ${words.settled}${failed}`;
  }
  return `${state}: ${formatPercent(arrivedShare(progress))}, ${bytes} of ${formatBytes(bytesWanted(progress))}${failed}`;
}
