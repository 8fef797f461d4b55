import { expect, it } from 'vitest';
import { basisText, durationText, requestTexts } from './estimate.ts';

const assumed = { basis: 'ASSUMED', measuredTransfers: 0 } as const;

it.each([
  [2_000, 65_000, '2 s to 1 min 5 s'],
  [2_100, 2_200, '2 s'],
  [3_600_000, 2_147_483_647, '1 h to over 24 d'],
])('%i to %i ms read %j', (lowMs, highMs, text) => {
  expect(durationText({ lowMs, highMs, ...assumed })).toBe(text);
});

it('says what a duration rests on', () => {
  const duration = { lowMs: 0, highMs: 1 };
  expect(basisText({ ...duration, ...assumed })).toMatch(/^assumed/);
  expect(basisText({ ...duration, basis: 'MEASURED', measuredTransfers: 1 })).toMatch(
    /^measured on 1 former transfer /,
  );
  expect(basisText({ ...duration, highMs: 0, ...assumed })).toBe('nothing has to be moved');
});

it('names the kinds of requests that there are', () => {
  const requests = { read: 1, write: 0, list: 2, delete: 1_000, copy: 1 };
  const side = { requests, egressBytes: '0', cost: null };
  expect(requestTexts(side)).toEqual(['1 read', '1 copy', '1,000 deletions', '2 listing pages']);
});
