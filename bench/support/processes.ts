import { readdirSync, readFileSync } from 'node:fs';

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

/** What processes and all that they started have in memory, in bytes; memory that several share counts once. */
export function residentBytes(pids: readonly number[]): number {
  return withDescendants(pids).reduce((sum, pid) => sum + proportionalBytes(pid), 0);
}

function proportionalBytes(pid: number): number {
  try {
    return kilobytesIn(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss') * 1_024;
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

function withDescendants(pids: readonly number[]): number[] {
  return pids.flatMap((pid) => {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return [pid, ...withDescendants(children)];
  });
}
