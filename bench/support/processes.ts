import { readFileSync } from 'node:fs';

const clockTicksPerSecond = 100;

/** CPU time (user and system, children that were waited for included) of a live process in milliseconds, from /proc. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command name in parentheses may hold spaces; fields are counted from behind it (proc(5): utime is field 14).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  return (ticks * 1000) / clockTicksPerSecond;
}
