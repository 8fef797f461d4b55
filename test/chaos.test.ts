import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { runChaos } from './chaos/run.ts';

const seed = 7;
const faults = 40;
/** On two cores with little else to do it takes under three minutes; a busy machine needs several times as long. */
const timeoutMs = 30 * 60_000;

/** Processes that this one started and that have not ended. */
async function children(): Promise<string[]> {
  const threads = await readdir('/proc/self/task');
  const lists = threads.map((thread) => readFile(`/proc/self/task/${thread}/children`, 'utf8').catch(() => ''));
  return (await Promise.all(lists)).join(' ').split(' ').filter(Boolean);
}

test(
  `${faults} faults while objects move: nothing is lost, corrupt, completed twice, stuck or sent again without need`,
  async ({ signal }) => {
    const before = await children();
    const lines: string[] = [];
    const say = (line: string) => void lines.push(line);
    const report = await runChaos({ seed, faults, signal, say });
    // The runner's own words tell what happened around what went wrong.
    expect(report.complaints, lines.join('\n')).toEqual([]);
    expect(report.faults.filter(({ counts }) => counts)).toHaveLength(faults);
    // Of the 14 kinds; one that finds nothing to hit may be missing.
    expect(Object.keys(report.counted).length).toBeGreaterThanOrEqual(10);
    // The faster the machine, the fewer are moved until all faults have struck.
    expect(report.objects).toBeGreaterThan(300);
    expect(report.longestStandstillMs).toBeLessThanOrEqual(60_000);
    expect(await children()).toEqual(before);
  },
  timeoutMs,
);
