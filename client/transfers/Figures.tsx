import { VisuallyHidden } from '@mantine/core';
import { IconHourglass } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import {
  formatBytes,
  formatCount,
  formatDateTime,
  formatDuration,
  formatPercent,
  formatQuantity,
  formatSpeed,
} from '../ui/format.ts';
import { RelativeTime, useNow } from '../ui/RelativeTime.tsx';
import { Tag } from '../ui/Tag.tsx';
import classes from './Figures.module.css';
import {
  arrivedShare,
  hasEnded,
  isListing,
  isWaiting,
  type Progress,
  stateText,
  timeLeft,
  verifiedShare,
} from './progress.ts';

/** A transfer's counters, as large as they matter. */
export function Figures({ progress, startAt }: { progress: Progress; startAt: string | null }) {
  if (isWaiting(progress)) return <Waiting progress={progress} startAt={startAt} />;
  const listing = isListing(progress);
  const ended = hasEnded(progress.state);
  const { bytesAcknowledged, bytesListed, bytesVerified, objectsCompleted, objectsListed } = progress;
  return (
    <div className={`${classes.figures} figures`}>
      <div className={classes.main}>
        <div className={classes.share}>
          {listing ? formatBytes(bytesAcknowledged) : formatPercent(arrivedShare(progress))}
        </div>
        <div className={classes.shareWords}>
          {listing
            ? `arrived. Listing, ${formatQuantity(objectsListed, 'object')} and ${formatBytes(bytesListed)} found so far; the total is not known yet.`
            : `${formatBytes(bytesAcknowledged)} of ${formatBytes(bytesListed)} arrived`}
        </div>
      </div>
      <dl className={classes.facts}>
        <Fact
          term="Objects"
          value={
            listing
              ? formatCount(objectsCompleted)
              : `${formatCount(objectsCompleted)} of ${formatCount(objectsListed)}`
          }
          note={notes(progress)}
        />
        <Fact
          term="Verified"
          value={listing ? formatBytes(bytesVerified) : formatPercent(verifiedShare(progress))}
          note={listing ? 'at both ends' : `${formatBytes(bytesVerified)} at both ends`}
        />
        {ended ? null : (
          <>
            <Fact term="Speed" value={speedText(progress)} note="" />
            <Fact term="Time left" value={etaText(progress)} note="" />
          </>
        )}
      </dl>
      <Throttled progress={progress} />
      <Announcer progress={progress} />
    </div>
  );
}

/** Before anything is listed there is nothing to count, only a time to wait for. */
function Waiting({ progress, startAt }: { progress: Progress; startAt: string | null }) {
  const scheduled = progress.state === 'SCHEDULED' && startAt !== null;
  return (
    <div className={`${classes.figures} figures`}>
      <div className={classes.main}>
        <div className={classes.share}>{scheduled ? <RelativeTime time={startAt} /> : 'Next in line'}</div>
        <div className={classes.shareWords}>
          {scheduled
            ? `it casts off: ${formatDateTime(startAt)}. Nothing is listed before.`
            : 'It starts as soon as a worker is free.'}
        </div>
      </div>
      <Announcer progress={progress} />
    </div>
  );
}

function Fact({ term, value, note }: { term: string; value: string; note: string }) {
  return (
    <div className={classes.fact}>
      <dt>{term}</dt>
      <dd>
        <span className={classes.value}>{value}</span>
        {note === '' ? null : <span className={classes.note}>{note}</span>}
      </dd>
    </div>
  );
}

function notes({ objectsFailed, objectsSkipped }: Progress): string {
  const parts = [
    objectsFailed > 0 ? `${formatCount(objectsFailed)} failed` : '',
    objectsSkipped > 0 ? `${formatCount(objectsSkipped)} skipped` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** Speed in words where there is none to show. */
export function speedText(progress: Progress): string {
  if (progress.state !== 'RUNNING') return '–';
  return progress.speedBytesPerSecond === '0' ? 'none yet' : formatSpeed(progress.speedBytesPerSecond);
}

export function etaText(progress: Progress): string {
  if (progress.state !== 'RUNNING') return '–';
  return timeLeft(progress, 'about ') ?? 'not known yet';
}

function Throttled({ progress }: { progress: Progress }) {
  const now = useNow(1_000);
  const { throttledUntil, state } = progress;
  if (throttledUntil === null || hasEnded(state)) return null;
  const left = Date.parse(throttledUntil) - now;
  if (left <= 0) return null;
  return (
    <Tag tone="warn" icon={IconHourglass}>
      <span title={formatDateTime(throttledUntil)}>A cloud asked to slow down: going on in {formatDuration(left)}</span>
    </Tag>
  );
}

/** Speaks when something that matters has changed: the state, or another quarter of the way. */
function Announcer({ progress }: { progress: Progress }) {
  const listing = isListing(progress);
  const quarter = listing ? 0 : Math.floor(arrivedShare(progress) * 4) * 25;
  const text =
    hasEnded(progress.state) || listing || quarter === 0 || quarter === 100
      ? stateText(progress)
      : `${stateText(progress)}, ${quarter} % arrived`;
  const [spoken, setSpoken] = useState('');
  const [first] = useState(text);
  // The state on arrival is read with the page; only changes are news.
  useEffect(() => {
    setSpoken((before) => (before === '' && text === first ? '' : text));
  }, [text, first]);
  return <VisuallyHidden role="status">{spoken}</VisuallyHidden>;
}
