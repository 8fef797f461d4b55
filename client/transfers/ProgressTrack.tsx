import { formatBytes, formatPercent, formatQuantity } from '../ui/format.ts';
import classes from './ProgressTrack.module.css';
import {
  arrivedShare,
  failedShare,
  hasEnded,
  isListing,
  isWaiting,
  type Progress,
  stateText,
  verifiedShare,
} from './progress.ts';

interface ProgressTrackProps {
  progress: Progress;
  /** Names the bar for those who do not see it. */
  label: string;
  size?: 'small' | 'large';
}

/**
 * The waterline of a transfer: strong is verified, light is acknowledged by the destination, red at the far end is what
 * failed. While the listing goes on
 * there is no total, so there is no position either: the water is hatched, and nothing pretends to be a share.
 */
export function ProgressTrack({ progress, label, size = 'small' }: ProgressTrackProps) {
  const listing = isListing(progress);
  const arrived = arrivedShare(progress);
  const failed = failedShare(progress);
  return (
    <div
      className={classes.track}
      data-size={size}
      data-listing={listing || undefined}
      data-moving={progress.state === 'RUNNING' || undefined}
      data-state={progress.state}
      role="progressbar"
      aria-label={label}
      aria-valuemin={listing ? undefined : 0}
      aria-valuemax={listing ? undefined : 100}
      aria-valuenow={listing ? undefined : Math.floor(arrived * 100)}
      aria-valuetext={valueText(progress)}
    >
      {listing ? null : (
        <>
          <div className={classes.arrived} style={{ inlineSize: `${arrived * 100}%` }} />
          <div className={classes.verified} style={{ inlineSize: `${verifiedShare(progress) * 100}%` }} />
          {failed === 0 ? null : <div className={classes.failed} style={{ inlineSize: `${failed * 100}%` }} />}
        </>
      )}
    </div>
  );
}

function valueText(progress: Progress): string {
  const state = stateText(progress);
  const bytes = formatBytes(progress.bytesAcknowledged);
  if (isListing(progress)) {
    return `${state}: ${bytes} arrived, ${formatQuantity(progress.objectsListed, 'object')} found so far`;
  }
  if (isWaiting(progress)) return state;
  const { objectsCompleted, objectsFailed } = progress;
  const failed = objectsFailed === 0 ? '' : `, ${formatQuantity(objectsFailed, 'object')} failed`;
  if (hasEnded(progress.state)) {
    return failed === '' ? state : `${state}: ${formatQuantity(objectsCompleted, 'object')} arrived${failed}`;
  }
  return `${state}: ${formatPercent(arrivedShare(progress))}, ${bytes} of ${formatBytes(progress.bytesListed)}${failed}`;
}
