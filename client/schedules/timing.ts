/** When something is ordered again and again, as typed. */
export interface Timing {
  cron: string;
  timeZone: string;
}

/** Schedules that many want, by name. */
export const presets = [
  { value: '0 * * * *', label: 'every hour' },
  { value: '0 3 * * *', label: 'every day' },
  { value: '0 3 * * MON', label: 'every week' },
] as const;

/** Every day at three, where the reader is. */
export const usualSchedule: Timing = {
  cron: '0 3 * * *',
  timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC',
};

/** What is wrong with a cron expression as typed, or null. What its fields mean, the API judges. */
export function cronProblem(cron: string): string | null {
  return cron.trim().split(/\s+/).length === 5
    ? null
    : 'Type five fields: minute, hour, day of the month, month, day of the week.';
}

/** Time zones by IANA name, UTC first, with `own` among them. */
export function timeZones(own: string): string[] {
  return [...new Set(['UTC', own, ...Intl.supportedValuesOf('timeZone')])];
}

/** A schedule in words, where there are some. */
export function timingText({ cron, timeZone }: Timing): string {
  const preset = presets.find(({ value }) => value === cron);
  const [minute = '', hour = ''] = cron.split(' ');
  const clock = preset === undefined || hour === '*' ? '' : ` at ${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
  const day = preset?.value.endsWith('MON') ? ', on Monday' : '';
  return `${preset === undefined ? cron : `${preset.label}${day}${clock}`}, ${timeZone}`;
}

/** An instant by the clocks of a time zone, such as `Fri, 27 Nov 2026, 03:00`. */
export function formatInZone(time: string, timeZone: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  }).format(new Date(time));
}
