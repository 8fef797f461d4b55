import type { Voyage } from './prepare.ts';
import { asked } from './records.ts';
import type { Stack } from './stack.ts';

/** What Postgres says of a transfer. */
export interface TransferRow {
  state: string;
  listed: string;
  completed: string;
  failed: string;
  skipped: string;
  acknowledged: string;
  bytes: string;
  verified: string;
  throttled: boolean;
  error: string | null;
  /** Of a move, objects that have arrived and are at the source as well. */
  unremoved: string;
}

/** The row of a transfer; undefined while Postgres is away. */
export async function readTransfer(stack: Stack, id: string): Promise<TransferRow | undefined> {
  const [row] = await stack.rows<TransferRow>(
    `SELECT state::text, objects_listed AS listed, objects_completed AS completed, objects_failed AS failed,
       objects_skipped AS skipped, bytes_acknowledged AS acknowledged, bytes_planned AS bytes, bytes_verified AS verified,
       coalesce(throttled_until > now(), false) AS throttled,
       error_code || ': ' || error_message AS error,
       (SELECT count(*) FROM transfer_item WHERE transfer_id = $1 AND source_removal = 'PENDING') AS unremoved
     FROM transfer WHERE id = $1`,
    [id],
  );
  return row;
}

/** A file on its way within Dropbox, whose worker could not remove it. */
const hidden = /(^|\/)\.skyferry-[^/]+$/;

/** Whether the product knows of a hidden file, and drops it when its cloud lets it. */
async function isOnRecord(stack: Stack, key: string): Promise<boolean> {
  const { found } = await asked(stack, async () => {
    const [row] = await stack.rows<{ found: number }>(
      "SELECT count(*)::int AS found FROM abandoned_upload WHERE session->>'id' LIKE '%:/' || $1",
      [key],
    );
    return row;
  });
  return found > 0;
}

/**
 * Compares what is at both sides, by plain clients, and what the product says of it. Returns what is wrong.
 *
 * @param ids The transfer and its follow-ups, in their order.
 * @param shownState What the API says of the last one.
 */
export async function judge(
  stack: Stack,
  { prefix, arrivedPrefix, mode, expected, source, destination }: Voyage,
  ids: readonly string[],
  shownState: string | undefined,
): Promise<string[]> {
  const complaints: string[] = [];
  const rows: TransferRow[] = [];
  for (const id of ids) {
    const row = await asked(stack, () => readTransfer(stack, id));
    rows.push(row);
    if (Number(row.listed) !== Number(row.completed) + Number(row.skipped) + Number(row.failed)) {
      complaints.push(`counted wrongly: ${JSON.stringify(row)}`);
    }
  }
  const last = rows.at(-1) as TransferRow;
  if (last.state !== 'COMPLETED') complaints.push(`ended ${JSON.stringify(last)}`);
  if (last.state !== shownState) complaints.push(`the API shows ${shownState} of what is ${last.state}`);
  if (last.acknowledged !== last.bytes) complaints.push(`acknowledged ${last.acknowledged} of ${last.bytes} bytes`);
  const there = await destination.plain.hashes(arrivedPrefix);
  for (const key of new Set([...Object.keys(expected), ...Object.keys(there)])) {
    if (there[key] === expected[key]) continue;
    if (hidden.test(key)) {
      if (await isOnRecord(stack, arrivedPrefix + key)) continue;
      // The sweep may have removed it in between.
      if (!Object.hasOwn(await destination.plain.hashes(arrivedPrefix), key)) continue;
    }
    complaints.push(
      `${there[key] === undefined ? 'lost' : expected[key] ? 'corrupt' : 'too much'}: ${arrivedPrefix}${key}`,
    );
  }
  if (mode === 'MOVE') {
    const left = Object.keys(await source.plain.hashes(prefix));
    const skipped = rows.reduce((sum, row) => sum + Number(row.skipped), 0);
    if (skipped !== left.length) complaints.push(`${left.length} left at the source of a move`);
  }
  return complaints;
}

/** By then the sweeps of every worker have been at what was abandoned, and again where a cloud did not answer. */
const sweptMs = 120_000;
/**
 * What was begun at S3 by workers that died, and is still there when nothing has been under way for a while. Not what has no
 * parts and so costs nothing: a planner asks by such an upload whether it may write, and may be killed within the question.
 */
export async function uploadsLeft({ clouds, signal }: Stack): Promise<string[]> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(sweptMs)]);
  const found = clouds.all.map(async ({ name, plain }) => {
    const keys = (await plain.uploadsLeft?.(patience)) ?? [];
    return keys.map((key) => `an upload of ${key} was left at ${name}`);
  });
  return (await Promise.all(found)).flat();
}
