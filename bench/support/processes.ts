import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

const clockTicksPerSecond = 100;

/** CPU time (user and system, children that were waited for included) of a live process in milliseconds, from /proc. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command name in parentheses may hold spaces; fields are counted from behind it (proc(5): utime is field 14).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  return (ticks * 1000) / clockTicksPerSecond;
}

/** The most that a live process has had in memory so far, in bytes. */
export function peakBytes(pid: number): number {
  return kilobytesIn(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmHWM') * 1_024;
}

/** What processes and all that they started have in memory, in bytes. */
export interface Resident {
  /** Memory that several share counts once. */
  bytes: number;
  /** The same by the system's counters, where it counts with each of them: at least as much. */
  counterBytes: number;
}

/** The system counts page by page: gigabytes take up to a second of a core, and whoever measures times meanwhile is held up. */
export async function residentBytes(pids: readonly number[]): Promise<Resident> {
  const resident = { bytes: 0, counterBytes: 0 };
  for (const pid of await withDescendants(pids)) {
    resident.bytes += await kilobytesOf(pid, 'smaps_rollup', 'Pss');
    resident.counterBytes += await kilobytesOf(pid, 'status', 'VmRSS');
  }
  return { bytes: resident.bytes * 1_024, counterBytes: resident.counterBytes * 1_024 };
}

/** The counters alone, which cost nothing. */
export async function residentByCounters(pids: readonly number[]): Promise<number> {
  let kilobytes = 0;
  for (const pid of await withDescendants(pids)) kilobytes += await kilobytesOf(pid, 'status', 'VmRSS');
  return kilobytes * 1_024;
}

async function kilobytesOf(pid: number, file: string, name: string): Promise<number> {
  try {
    return kilobytesIn(await readFile(`/proc/${pid}/${file}`, 'utf8'), name);
  } catch {
    // It has just ended.
    return 0;
  }
}

function kilobytesIn(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`This system does not tell ${name} of processes.`);
  return Number(found);
}

async function withDescendants(pids: readonly number[]): Promise<number[]> {
  const all: number[] = [];
  for (const pid of pids) all.push(pid, ...(await withDescendants(await childrenOf(pid))));
  return all;
}

async function childrenOf(pid: number): Promise<number[]> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8')));
    return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
  } catch {
    // It has just ended.
    return [];
  }
}
