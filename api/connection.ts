import { AppError } from '../core/errors.ts';

const defaultSize = 25;
const maxSize = 100;

export interface PageArgs {
  first?: number | null | undefined;
  last?: number | null | undefined;
  after?: string | null | undefined;
  before?: string | null | undefined;
}

/** Cost of a page's rows, for the limits of an operation: its size. */
export function pageCost(args: PageArgs): { field: number; multiplier: number } {
  const size = args.first ?? args.last ?? defaultSize;
  return { field: 2, multiplier: Math.min(Math.max(size, 1), maxSize) };
}

/** Checks `first` and `last`. Throws INVALID_INPUT. */
export function pageSize(args: PageArgs): { size: number; backward: boolean } {
  if (args.first != null && args.last != null) {
    throw new AppError('INVALID_INPUT', 'Give either `first` or `last`, not both.');
  }
  const size = args.first ?? args.last ?? defaultSize;
  if (size < 1 || size > maxSize) {
    throw new AppError(
      'INVALID_INPUT',
      `\`${args.last == null ? 'first' : 'last'}\` must be between 1 and ${maxSize}.`,
    );
  }
  return { size, backward: args.last != null };
}

export interface KeysetOptions<Row, Key> {
  /** How the list is ordered by its key. */
  direction: 'asc' | 'desc';
  keyOf: (row: Row) => Key;
  /** The key of a cursor's text, or null when it cannot be one. */
  parseKey: (text: string) => Key | null;
  /** Rows with keys strictly between the bounds, in the given order, at most `take`. */
  fetch: (query: { range: { gt?: Key; lt?: Key }; order: 'asc' | 'desc'; take: number }) => Promise<Row[]>;
}

/** One page of a list that is ordered by a unique key, found through the index however far in. Throws INVALID_INPUT. */
export async function keysetPage<Row, Key>(args: PageArgs, options: KeysetOptions<Row, Key>) {
  const { size, backward } = pageSize(args);
  const after = readCursor(args.after, 'after', options.parseKey);
  const before = readCursor(args.before, 'before', options.parseKey);
  const [lower, upper] = options.direction === 'asc' ? [after, before] : [before, after];
  const forwardOrder = options.direction;
  const order = backward ? (forwardOrder === 'asc' ? 'desc' : 'asc') : forwardOrder;
  const found = await options.fetch({
    range: { ...(lower === undefined ? {} : { gt: lower }), ...(upper === undefined ? {} : { lt: upper }) },
    order,
    take: size + 1,
  });
  const more = found.length > size;
  const rows = found.slice(0, size);
  if (backward) rows.reverse();
  const edges = rows.map((node) => ({ cursor: encodeCursor(String(options.keyOf(node))), node }));
  return {
    edges,
    pageInfo: {
      hasNextPage: backward ? before !== undefined : more,
      hasPreviousPage: backward ? more : after !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** One page of rows that are ordered by their ids, which rise with time (UUIDv7): with `desc` the newest come first. */
export function keysetPageById<Row extends { id: string }>(
  args: PageArgs,
  direction: 'asc' | 'desc',
  find: (page: { id: { gt?: string; lt?: string }; orderBy: { id: 'asc' | 'desc' }; take: number }) => Promise<Row[]>,
) {
  return keysetPage<Row, string>(args, {
    direction,
    keyOf: (row) => row.id,
    parseKey: (text) => (uuid.test(text) ? text : null),
    fetch: ({ range, order, take }) => find({ id: range, orderBy: { id: order }, take }),
  });
}

export function encodeCursor(text: string): string {
  return Buffer.from(text).toString('base64url');
}

export function decodeCursor(cursor: string): string {
  return Buffer.from(cursor, 'base64url').toString('utf8');
}

export function invalidCursor(name: string): AppError {
  return new AppError('INVALID_INPUT', `\`${name}\` is not a cursor of this list. Begin again without it.`);
}

function readCursor<Key>(
  cursor: string | null | undefined,
  name: string,
  parseKey: (text: string) => Key | null,
): Key | undefined {
  if (cursor == null) return undefined;
  const key = parseKey(decodeCursor(cursor));
  if (key === null) throw invalidCursor(name);
  return key;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function parseOrdinalKey(text: string): number | null {
  return /^(0|[1-9]\d{0,9})$/.test(text) && Number(text) <= 2_147_483_647 ? Number(text) : null;
}
