import { expect, test } from 'vitest';
import { runChaos } from './chaos/run.ts';
import { oneAtATime } from './support/databases.ts';

const faults = 40;

test(`${faults} faults under a moving fleet: nothing is lost, corrupt, counted twice or stuck`, async () => {
  const report = await oneAtATime(() => runChaos({ seed: 3, faults, say: console.log }));
  expect(report.complaints).toEqual([]);
  expect(report.faults.filter(({ counts }) => counts)).toHaveLength(faults);
  expect(report.objects).toBeGreaterThan(1_000);
}, 600_000);
