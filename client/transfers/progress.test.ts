import { describe, expect, it } from 'vitest';
import {
  allVerified,
  amountText,
  arrivedShare,
  failedShare,
  isListing,
  isPlan,
  newest,
  type Progress,
  sentShare,
  settledText,
  stateText,
  timeLeft,
  verifiedShare,
} from './progress.ts';

const progress = (changes: Partial<Progress>): Progress => ({
  sequence: '1',
  state: 'RUNNING',
  listingComplete: true,
  objectsListed: 0,
  objectsPlanned: 0,
  objectsCompleted: 0,
  objectsVerified: 0,
  objectsFailed: 0,
  objectsSkipped: 0,
  deletionsPlanned: 0,
  deletionsCompleted: 0,
  sourceRemovalsPlanned: 0,
  sourceRemovalsCompleted: 0,
  sourceRemovalsKept: 0,
  bytesListed: '0',
  bytesSent: '0',
  bytesAcknowledged: '0',
  bytesVerified: '0',
  bytesSkipped: '0',
  bytesFailed: '0',
  speedBytesPerSecond: '0',
  etaMs: null,
  throttledUntil: null,
  at: '2026-11-23T12:00:00Z',
  ...changes,
});

describe('newest', () => {
  it('compares sequences as numbers, not as text', () => {
    const nine = progress({ sequence: '9' });
    const ten = progress({ sequence: '10' });
    expect(newest(nine, ten)).toBe(ten);
    expect(newest(ten, nine)).toBe(ten);
  });

  it('keeps what is known when an event is as old or absent', () => {
    const known = progress({ sequence: '10' });
    expect(newest(known, progress({ sequence: '10' }))).toBe(known);
    expect(newest(known, null)).toBe(known);
  });
});

describe('what is on the way', () => {
  it('was sent, and is not there yet', () => {
    const moving = progress({ objectsListed: 2, bytesListed: '100', bytesSent: '60', bytesAcknowledged: '20' });
    expect(settledText(moving, 'COPY')).toBe('arrived, 40 B on the way');
    expect(settledText({ ...moving, bytesAcknowledged: '60' }, 'COPY')).toBe('arrived');
    expect(sentShare(moving)).toBe(0.6);
    expect(arrivedShare(moving)).toBe(0.2);
  });
});

describe('arrivedShare', () => {
  it('is not whole while an object is missing, empty ones included', () => {
    const waiting = progress({ objectsListed: 3, objectsCompleted: 2, bytesListed: '10', bytesAcknowledged: '10' });
    expect(arrivedShare(waiting)).toBeLessThan(1);
    expect(arrivedShare({ ...waiting, objectsCompleted: 3 })).toBe(1);
  });

  it('counts objects where there are no bytes', () => {
    expect(arrivedShare(progress({ objectsListed: 4, objectsCompleted: 1 }))).toBe(0.25);
  });
});

it('tells what is verified apart from what arrived', () => {
  const state = progress({
    objectsListed: 2,
    objectsCompleted: 1,
    bytesListed: '100',
    bytesAcknowledged: '80',
    bytesVerified: '50',
  });
  expect(arrivedShare(state)).toBe(0.8);
  expect(verifiedShare(state)).toBe(0.5);
});

describe('allVerified', () => {
  const done = progress({
    state: 'COMPLETED_WITH_ERRORS',
    objectsListed: 3,
    objectsCompleted: 2,
    objectsFailed: 1,
    bytesListed: '100',
    bytesVerified: '70',
    bytesFailed: '30',
  });
  it('looks at what arrived', () => {
    expect(allVerified(done)).toBe(true);
    expect(allVerified({ ...done, bytesVerified: '69' })).toBe(false);
  });
  it('holds nothing that a cancelled transfer left behind against what arrived', () => {
    const left = { ...done, state: 'CANCELLED', objectsFailed: 0, bytesFailed: '0' } as const;
    expect(allVerified({ ...left, bytesAcknowledged: '70' })).toBe(true);
    expect(allVerified({ ...left, bytesAcknowledged: '75' })).toBe(false);
  });
  it('claims nothing before the end', () => {
    expect(allVerified({ ...done, state: 'RUNNING' })).toBe(false);
  });
});

it('knows no total while listing', () => {
  expect(isListing(progress({ listingComplete: false, state: 'SCHEDULED' }))).toBe(false);
  expect(isListing(progress({ listingComplete: false, state: 'QUEUED' }))).toBe(false);
  expect(isListing(progress({ listingComplete: false, state: 'QUEUED', objectsListed: 7 }))).toBe(true);
  expect(isListing(progress({ listingComplete: false }))).toBe(true);
  expect(isListing(progress({ listingComplete: false, state: 'CANCELLED' }))).toBe(false);
});

describe('what was skipped', () => {
  const skipped = progress({ objectsListed: 4, objectsSkipped: 3, bytesListed: '100', bytesSkipped: '90' });

  it('is nothing that has to arrive', () => {
    expect(arrivedShare({ ...skipped, bytesAcknowledged: '5' })).toBe(0.5);
    expect(arrivedShare({ ...skipped, bytesAcknowledged: '10', objectsCompleted: 1 })).toBe(1);
    expect(verifiedShare({ ...skipped, bytesVerified: '10' })).toBe(1);
  });

  it('counts as whole where it is all there was, once that is known', () => {
    const all = { ...skipped, objectsSkipped: 4, bytesSkipped: '100' };
    expect(arrivedShare({ ...all, state: 'COMPLETED' })).toBe(1);
    expect(arrivedShare(all)).toBe(0);
    expect(stateText({ ...all, state: 'COMPLETED' }, 'SYNC')).toBe('Mirrored: there was nothing to do');
    expect(stateText({ ...all, state: 'COMPLETED', sourceRemovalsPlanned: 4 }, 'MOVE')).toBe(
      'Arrived: there was nothing to do',
    );
    const removed = { ...all, state: 'COMPLETED', sourceRemovalsPlanned: 4, sourceRemovalsCompleted: 4 } as const;
    expect(stateText(removed, 'MOVE')).toBe('Arrived: it was there already');
  });

  it('is told from what failed', () => {
    expect(failedShare({ ...skipped, objectsListed: 5, objectsFailed: 1 })).toBe(0.5);
    expect(failedShare({ ...skipped, objectsListed: 5, objectsFailed: 1, bytesFailed: '2' })).toBe(0.2);
  });

  it('is told apart in words, and counts in no amount', () => {
    const done = { ...skipped, objectsCompleted: 1, bytesAcknowledged: '10' };
    expect(amountText({ ...done, state: 'COMPLETED' }, 'COPY')).toBe('1 object, 10 B, 3 skipped');
    const failed = { ...skipped, objectsFailed: 1, bytesFailed: '10' };
    expect(amountText({ ...failed, state: 'FAILED' }, 'COPY')).toBe('0 of 1 object arrived, 0 B of 10 B, 3 skipped');
    expect(amountText(done, 'COPY')).toBe('100 % of 10 B in 1 object');
  });

  it('is told apart from what a move left at its source', () => {
    const done = { ...skipped, objectsCompleted: 1, bytesAcknowledged: '10', sourceRemovalsKept: 4 };
    expect(amountText({ ...done, state: 'COMPLETED' }, 'MOVE')).toBe('1 object, 10 B, 3 skipped, 4 kept at the source');
  });
});

describe('a mirror that waits because of its deletions', () => {
  const waiting = progress({ state: 'AWAITING_APPROVAL', objectsListed: 3, bytesListed: '10' });

  it('tells what has arrived', () => {
    const moved = { ...waiting, objectsCompleted: 1, bytesAcknowledged: '10' };
    expect(isPlan(moved)).toBe(false);
    expect(amountText(moved, 'SYNC')).toBe('99 % of 10 B in 3 objects');
  });

  it('is a plan where nothing moves before', () => {
    expect(isPlan(waiting)).toBe(true);
    expect(amountText(waiting, 'SYNC')).toBe('3 objects planned');
  });
});

describe('failedShare', () => {
  it('is nothing while nothing failed, whatever was skipped', () => {
    expect(failedShare(progress({ objectsListed: 2, objectsSkipped: 1, bytesListed: '10', bytesSkipped: '5' }))).toBe(
      0,
    );
  });

  it('never hides a failure, not even that of an empty object', () => {
    const failed = progress({ objectsListed: 4, objectsFailed: 1, bytesListed: '100', bytesFailed: '30' });
    expect(failedShare(failed)).toBe(0.3);
    expect(failedShare({ ...failed, bytesFailed: '0' })).toBe(0.25);
  });
});

describe('timeLeft', () => {
  it.each([
    [null, null],
    [125_000, 'about 2 min 5 s'],
    [2_147_483_647, 'over 24 d'],
  ])('writes %s as %s', (etaMs, text) => {
    expect(timeLeft(progress({ etaMs }), 'about ')).toBe(text);
  });
});
