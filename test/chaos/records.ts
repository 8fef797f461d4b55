import { partOf } from './arrivals.ts';
import type { Stack } from './stack.ts';
import type { Write } from './writes.ts';

/** What a look finds once Postgres, which the run itself takes away, is there. */
export async function asked<T>({ signal, outages }: Stack, look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const row = await look();
    if (row) return row;
    await outages.over();
  }
}

interface ItemRecord {
  key: string;
  upload: string | null;
  isCompleted: boolean;
  parts: { partNumber: number; tag: string }[] | null;
}

/** Of acknowledged writes, those that Postgres does not know of: whoever goes on sends them again. */
export async function offRecord(stack: Stack, writes: readonly Write[]): Promise<Write[]> {
  const places = [...new Set(writes.map(({ place }) => place))];
  const { items } = await asked(stack, async () => {
    const [row] = await stack.rows<{ items: ItemRecord[] }>(
      `SELECT coalesce(jsonb_agg(jsonb_build_object(
         'key', destination_key, 'upload', checkpoint -> 'session' ->> 'id', 'isCompleted', state = 'COMPLETED',
         'parts', (SELECT jsonb_agg(part -> 'receipt') FROM jsonb_array_elements(checkpoint -> 'parts') AS part)
       )), '[]') AS items
       FROM transfer_item WHERE destination_key = ANY($1) OR checkpoint -> 'session' ->> 'id' = ANY($1)`,
      [places],
    );
    return row;
  });
  const isOnRecord = ({ place, part }: Write) =>
    items.some(
      ({ key, upload, isCompleted, parts }) =>
        (isCompleted && key === place) ||
        ((key === place || upload === place) &&
          parts?.some(({ partNumber, tag }) => part === partOf.number(partNumber) || part === partOf.offset(tag))),
    );
  return writes.filter((write) => !isOnRecord(write));
}

/** How often objects of these transfers have failed, by their keys: their owner has them begin again. */
export async function failures(stack: Stack, transferIds: readonly string[]): Promise<Map<string, number>> {
  const { failed } = await asked(stack, async () => {
    const [row] = await stack.rows<{ failed: string[] }>(
      `SELECT coalesce(jsonb_agg(destination_key), '[]') AS failed
       FROM transfer_item WHERE transfer_id = ANY($1::uuid[]) AND state = 'FAILED'`,
      [transferIds],
    );
    return row;
  });
  const times = new Map<string, number>();
  for (const key of failed) times.set(key, (times.get(key) ?? 0) + 1);
  return times;
}
