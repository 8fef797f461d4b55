/**
 * How Skyferry writes sizes, speeds, times and shares. Rounding is honest: nothing reads as complete that is not, and
 * nothing as absent that is there.
 */

const locale = 'en-GB';
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

const counts = new Intl.NumberFormat(locale);
const dates = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const relatives = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });

/** Bytes in IEC units with three significant digits at most: `0 B`, `1023 B`, `1.5 KiB`, `63.2 MiB`. */
export function formatBytes(value: bigint | number | string): string {
  let size = Number(value);
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const rounded = Number(size.toFixed(digits));
  // 1023.9 KiB rounds to 1024, which is the next unit's 1.
  if (rounded >= 1024 && unit < units.length - 1) return `1 ${units[unit + 1]}`;
  return `${rounded} ${units[unit]}`;
}

/** Bytes a second: `84.2 MiB/s`. */
export function formatSpeed(bytesPerSecond: bigint | number | string): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** An amount of money, rounded up so that nothing reads as free that is not: `US$1.42`, `under US$0.01`. */
export function formatMoney(amount: string, currency: string): string {
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency, roundingMode: 'ceil' });
  const least = 10 ** -(format.resolvedOptions().maximumFractionDigits ?? 0);
  const value = Number(amount);
  return value > 0 && value < least ? `under ${format.format(least)}` : format.format(value);
}

/** A count with grouped thousands: `12,345`. */
export function formatCount(value: number): string {
  return counts.format(value);
}

/** `1 object`, `2 objects`, `12,345 objects`. */
export function formatQuantity(value: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(value)} ${value === 1 ? singular : plural}`;
}

/** `text` within `length` characters: what is too long loses its middle, since keys tend to differ at their ends. */
export function clipMiddle(text: string, length: number): string {
  const characters = [...text];
  if (characters.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  return `${characters.slice(0, head).join('')}…${characters.slice(head + 1 - length).join('')}`;
}

/** `part` of `whole` between 0 and 1; 0 when there is nothing to measure. */
export function share(part: bigint | number | string, whole: bigint | number | string): number {
  const all = Number(whole);
  return all <= 0 ? 0 : Math.min(1, Math.max(0, Number(part) / all));
}

/** A share from 0 to 1 as whole per cent, rounded down: `100 %` only when nothing is missing, `<1 %` once it moves. */
export function formatPercent(value: number): string {
  if (value > 0 && value < 0.01) return '<1 %';
  return `${Math.floor(value * 100)} %`;
}

/** A duration in its two largest units: `under a second`, `45 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 1) return 'under a second';
  const pieces: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = pieces.findIndex(([amount]) => amount > 0);
  return pieces
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}

const dayMs = 86_400_000;
/** Farther from now an instant is told by its date. */
export const relativeMs = 7 * dayMs;
const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['hour', 3_600_000],
  ['minute', 60_000],
];

/** Days of the reader's calendar from `now` to the instant; those of 23 and 25 hours count as any. */
function calendarDays(time: number, now: number): number {
  return Math.round((new Date(time).setHours(0, 0, 0, 0) - new Date(now).setHours(0, 0, 0, 0)) / dayMs);
}

/** An instant as seen from `now`: `just now`, `5 minutes ago`, `in 2 hours`, `yesterday`; further away than a week its date. */
export function formatRelative(time: string | number | Date, now: number): string {
  const instant = new Date(time).getTime();
  const difference = instant - now;
  const distance = Math.abs(difference);
  if (distance > relativeMs) return formatDateTime(time);
  if (distance >= dayMs) return relatives.format(calendarDays(instant, now), 'day');
  for (const [unit, length] of steps) {
    if (distance >= length) return relatives.format(Math.trunc(difference / length), unit);
  }
  return difference > 0 ? 'in under a minute' : 'just now';
}

/** An instant in the reader's time zone: `23 Nov 2026, 21:33`. */
export function formatDateTime(time: string | number | Date): string {
  return dates.format(new Date(time));
}
