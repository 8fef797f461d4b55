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
  bytesWanted,
  hasEnded,
  isListing,
  isWaiting,
  objectsWanted,
  type Progress,
  settledText,
  stateText,
  timeLeft,
  verifiedShare,
} from './progress.ts';
import { type Mode, modes } from './words.ts';

interface FiguresProps {
  progress: Progress;
  mode: Mode;
  startAt: string | null;
}

/** A transfer's counters, as large as they matter. `planned`: there is a plan at most, and nothing moves. */
export function Figures({ progress, mode, startAt, planned }: FiguresProps & { planned: boolean }) {
  if (isWaiting(progress)) return <Waiting progress={progress} mode={mode} startAt={startAt} />;
  if (planned) return <Planning progress={progress} mode={mode} />;
  const listing = isListing(progress);
  const ended = hasEnded(progress.state);
  const { bytesAcknowledged, bytesListed, bytesVerified, objectsCompleted, objectsListed, objectsVerified } = progress;
  const settled = settledText(progress, mode);
  return (
    <div className={`${classes.figures} figures`}>
      <div className={classes.main}>
        <div className={classes.share}>
          {listing ? formatBytes(bytesAcknowledged) : formatPercent(arrivedShare(progress))}
        </div>
        <div className={classes.shareWords}>
          {listing
            ? `${settled}. ${progress.state === 'PAUSED' ? '' : 'Listing, '}${formatQuantity(objectsListed, 'object')} and ${formatBytes(bytesListed)} found so far; the total is not known yet.`
            : `${formatBytes(bytesAcknowledged)} of ${formatBytes(bytesWanted(progress))} ${settled}`}
        </div>
      </div>
      <dl className={classes.facts}>
        <Fact
          term="Objects"
          value={
            listing
              ? formatCount(objectsCompleted)
              : `${formatCount(objectsCompleted)} of ${formatCount(objectsWanted(progress))}`
          }
          note={notes(progress, mode)}
        />
        <Fact
          term="Verified"
          value={listing ? formatBytes(bytesVerified) : formatPercent(verifiedShare(progress))}
          note={`${formatQuantity(objectsVerified, 'object')}${listing ? '' : `, ${formatBytes(bytesVerified)}`} at both ends`}
        />
        <Removals progress={progress} />
        {ended ? null : (
          <>
            <Fact term="Speed" value={speedText(progress)} note="" />
            <Fact term="Time left" value={etaText(progress)} note="" />
          </>
        )}
      </dl>
      <Throttled progress={progress} />
      <Announcer progress={progress} mode={mode} />
    </div>
  );
}

/** Before anything is listed there is nothing to count, only a time to wait for. */
function Waiting({ progress, mode, startAt }: FiguresProps) {
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
      <Announcer progress={progress} mode={mode} />
    </div>
  );
}

/** What the listing has found; nothing moves, so there is no share of anything. */
function Planning({ progress, mode }: { progress: Progress; mode: Mode }) {
  const { objectsListed, objectsFailed, objectsSkipped, bytesListed, sourceRemovalsPlanned } = progress;
  const words = progress.listingComplete
    ? 'planned. Nothing moves before you approve.'
    : 'looked at so far. Nothing moves.';
  return (
    <div className={`${classes.figures} figures`}>
      <div className={classes.main}>
        <div className={classes.share}>{formatCount(objectsListed)}</div>
        <div className={classes.shareWords}>
          {objectsListed === 1 ? 'object' : 'objects'} {words}
        </div>
      </div>
      <dl className={classes.facts}>
        <Fact term="Size" value={formatBytes(bytesListed)} note="at the source" />
        <Fact term="Skipped" value={formatCount(objectsSkipped)} note="" />
        <Fact term="Refused" value={formatCount(objectsFailed)} note="" />
        {sourceRemovalsPlanned === 0 ? null : (
          <Fact term="To be removed" value={formatCount(sourceRemovalsPlanned)} note="from the source, once proven" />
        )}
      </dl>
      <Throttled progress={progress} />
      <Announcer progress={progress} mode={mode} />
    </div>
  );
}

/** What a mirror deletes and what a move takes away from its source, where there is any of it. */
function Removals({ progress }: { progress: Progress }) {
  const { deletionsPlanned, deletionsCompleted } = progress;
  const { sourceRemovalsPlanned, sourceRemovalsCompleted, sourceRemovalsKept } = progress;
  return (
    <>
      {deletionsPlanned === 0 ? null : (
        <Fact
          term="Deleted"
          value={`${formatCount(deletionsCompleted)} of ${formatCount(deletionsPlanned)}`}
          note="at the destination"
        />
      )}
      {sourceRemovalsPlanned === 0 ? null : (
        <Fact
          term="Removed"
          value={`${formatCount(sourceRemovalsCompleted)} of ${formatCount(sourceRemovalsPlanned)}`}
          note={
            sourceRemovalsKept === 0 ? 'from the source' : `from the source, ${formatCount(sourceRemovalsKept)} kept`
          }
        />
      )}
    </>
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

function notes(progress: Progress, mode: Mode): string {
  const { objectsFailed, objectsPlanned, objectsSkipped } = progress;
  const parts = [
    isListing(progress) ? `${formatCount(objectsPlanned)} planned so far` : '',
    objectsFailed > 0 ? `${formatCount(objectsFailed)} ${modes[mode].failed}` : '',
    objectsSkipped > 0 ? `${formatCount(objectsSkipped)} skipped` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** Speed in words where there is none to show. */
export function speedText(progress: Progress): string {
  if (progress.state !== 'RUNNING') return '–';
  if (progress.speedBytesPerSecond !== '0') return formatSpeed(progress.speedBytesPerSecond);
  return progress.bytesSent === '0' ? 'none yet' : 'none right now';
}

export function etaText(progress: Progress): string {
  if (progress.state !== 'RUNNING') return '–';
  return timeLeft(progress, 'about ') ?? (progress.bytesSent === '0' ? 'not known yet' : 'not known right now');
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
function Announcer({ progress, mode }: { progress: Progress; mode: Mode }) {
  const listing = isListing(progress);
  const quarter = listing ? 0 : Math.floor(arrivedShare(progress) * 4) * 25;
  const text =
    hasEnded(progress.state) || listing || quarter === 0 || quarter === 100
      ? stateText(progress, mode)
      : `${stateText(progress, mode)}, ${quarter} % ${modes[mode].settled}`;
  const [spoken, setSpoken] = useState('');
  const [first] = useState(text);
  // The state on arrival is read with the page; only changes are news.
  useEffect(() => {
    setSpoken((before) => (before === '' && text === first ? '' : text));
  }, [text, first]);
  return <VisuallyHidden role="status">{spoken}</VisuallyHidden>;
}
