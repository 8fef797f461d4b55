import { formatCount } from '../ui/format.ts';

/** Of the API. */
const most = 10_000;

export const concurrencyHelp = 'Over all workers together.';

/** What is wrong with a limit of objects at a time as typed, or null. Nothing typed is no limit. */
export function concurrencyProblem(text: string): string | null {
  if (text.trim() === '') return null;
  const isCount = /^\d+$/.test(text.trim()) && Number(text) >= 1 && Number(text) <= most;
  return isCount ? null : `Type a whole number from 1 to ${formatCount(most)}, or nothing for no limit.`;
}

/** The limit as typed, for the API; null: none. */
export function concurrencyOf(text: string): number | null {
  return text.trim() === '' ? null : Number(text);
}
