import { expect, it } from 'vitest';
import { standingText } from './item-standing.ts';

const item = {
  state: 'PENDING',
  route: null,
  action: 'WRITE',
  attempts: 0,
  size: '1000',
  sourcePath: 'bucket/file',
  acknowledgedBytes: '0',
  evidence: null,
  error: null,
} as const;
const partly = { ...item, acknowledgedBytes: '250' };

it('shows how much is there wherever part of it is', () => {
  expect(standingText(item, 'RUNNING')).toBe('Waiting');
  expect(standingText(partly, 'RUNNING')).toBe('Waiting, 25 %');
  expect(standingText({ ...partly, attempts: 2 }, 'RUNNING')).toBe('Waiting to be tried again, 25 %');
  expect(standingText({ ...partly, state: 'RUNNING' }, 'RUNNING')).toBe('Moving, 25 %');
  expect(standingText({ ...item, state: 'RUNNING' }, 'RUNNING')).toBe('Moving');
});

it('follows the transfer while the object has not ended', () => {
  expect(standingText({ ...partly, state: 'RUNNING' }, 'PAUSED')).toBe('Paused, 25 %');
  expect(standingText(item, 'PAUSED')).toBe('Paused');
  expect(standingText({ ...partly, state: 'RUNNING' }, 'CANCELLED')).toBe('Cancelled');
  expect(standingText(item, 'FAILED')).toBe('Not moved');
});

it('leaves to a cloud what it moves by itself when the transfer is paused or cancelled', () => {
  const copied = { ...item, state: 'RUNNING', route: 'SERVER_SIDE_COPY' } as const;
  expect(standingText(copied, 'RUNNING')).toBe('Moving');
  expect(standingText(copied, 'PAUSED')).toBe('Finishing in the cloud');
  expect(standingText({ ...copied, route: 'RELAY' }, 'PAUSED')).toBe('Paused');
  expect(standingText({ ...copied, state: 'PENDING' }, 'PAUSED')).toBe('Paused');
  expect(standingText(copied, 'CANCELLED')).toBe('Finishing in the cloud');
  const cancelled = { ...copied, state: 'CANCELLED' } as const;
  expect(standingText({ ...cancelled, error: { code: 'CANCELLED' } }, 'CANCELLED')).toBe('Finishing in the cloud');
  expect(standingText(cancelled, 'CANCELLED')).toBe('Cancelled');
});

it('keeps to what has ended, whatever becomes of the transfer', () => {
  const done = { ...item, state: 'COMPLETED', acknowledgedBytes: '1000' } as const;
  expect(standingText({ ...done, evidence: { verified: true } }, 'PAUSED')).toBe('Verified');
  expect(standingText(done, 'CANCELLED')).toBe('Arrived, not verified');
  expect(standingText({ ...item, state: 'FAILED' }, 'RUNNING')).toBe('Failed');
});

it('asks no proof of a folder that was made', () => {
  const marker = { ...item, state: 'COMPLETED', sourcePath: 'bucket/folder/', evidence: { verified: false } } as const;
  expect(standingText(marker, 'COMPLETED')).toBe('Folder made');
  expect(standingText({ ...marker, route: 'RELAY' }, 'COMPLETED')).toBe('Arrived, not verified');
});
