import { expect, it } from 'vitest';
import { cronProblem, formatInZone, timeZones, timingText } from './timing.ts';

it.each([
  ['0 3 * * *', 'every day at 03:00, UTC'],
  ['0 * * * *', 'every hour, UTC'],
  ['0 3 * * MON', 'every week, on Monday at 03:00, UTC'],
  ['*/5 * * * *', '*/5 * * * *, UTC'],
])('%s reads as %s', (cron, text) => {
  expect(timingText({ cron, timeZone: 'UTC' })).toBe(text);
});

it('shows a moment by the clocks of its zone', () => {
  expect(formatInZone('2026-11-27T02:00:00Z', 'Asia/Tokyo')).toBe('Fri, 27 Nov 2026, 11:00');
});

it('offers UTC first, and the zone that is chosen, each once', () => {
  const zones = timeZones('Europe/Berlin');
  expect(zones[0]).toBe('UTC');
  expect(zones.filter((zone) => zone === 'Europe/Berlin')).toHaveLength(1);
  expect(timeZones('Etc/GMT+3')).toContain('Etc/GMT+3');
});

it('counts the fields of a cron expression', () => {
  expect(cronProblem('0 3 * * *')).toBeNull();
  expect(cronProblem('every day')).not.toBeNull();
});
