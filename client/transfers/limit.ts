import { formatBytes } from '../ui/format.ts';
import { parseSize } from '../ui/size.ts';

/** Bytes a second; with less, a part takes so long that clouds cut its request off. The API has the same bound. */
const leastLimit = 32_768;

export const limitHelp =
  'A size a second, over all workers together. What clouds move by themselves is not held to it.';

/** What is wrong with a bandwidth limit as typed, or null. Nothing typed is no limit. */
export function limitProblem(text: string): string | null {
  if (text.trim() === '') return null;
  const bytes = parseSize(text);
  if (bytes === null) return 'Type a size a second, such as 500 KB or 1.5 MiB, or nothing for no limit.';
  return Number(bytes) < leastLimit ? `Type at least ${formatBytes(leastLimit)}, or pause the transfer instead.` : null;
}

/** The limit as typed, for the API; null: none. */
export function limitOf(text: string): string | null {
  return text.trim() === '' ? null : parseSize(text);
}

/** The limit to type over: exact, in the largest unit that keeps it so. */
export function limitText(limit: string | null): string {
  if (limit === null) return '';
  const text = formatBytes(limit);
  return parseSize(text) === limit ? text : `${limit} B`;
}
