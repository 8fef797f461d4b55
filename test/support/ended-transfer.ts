import type { Db } from '../../core/db.ts';

/** Names as they occur in real buckets, and as somebody would choose them to do harm. */
export const oddKeys = [
  '=HYPERLINK("http://evil.example","look")',
  'two\nlines, "quoted"',
  'carriage\rreturn',
  'separators \u2028 and \u2029',
  'delete \u007f and bell \u0007',
  'ümläut/日本語/🛳️.txt',
  "'apostrophe\\backslash",
  ' blank at both ends ',
];

/**
 * Ends a transfer with `count` completed objects, written by one statement: the first ones have these keys, the others
 * are numbers behind a prefix.
 */
export async function endWith(
  db: Db,
  transferId: string,
  count: number,
  { keys = [], prefix = 'folder/' }: { keys?: readonly string[]; prefix?: string } = {},
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO transfer_item (transfer_id, ordinal, batch_number, state, source_container, source_key,
      destination_container, destination_key, size_bytes, source_version, attempts, acknowledged_bytes, evidence,
      started_at, finished_at)
    SELECT ${transferId}::uuid, n, 0, 'COMPLETED', 'photos', coalesce((${keys}::text[])[n + 1], ${prefix}::text || n),
      'archive', coalesce((${keys}::text[])[n + 1], ${prefix}::text || n), 10, '{"etag": "e", "versionId": "v"}', 1, 10,
      '{"source": {"kind": "provider-hash", "algorithm": "crc32c", "value": "00000000"},
        "destination": {"kind": "per-part-hash", "algorithm": "md5", "value": null}, "verified": true}',
      now(), now()
    FROM generate_series(0, ${count}::int - 1) AS n`;
  await db.transfer.update({
    where: { id: transferId },
    data: {
      state: 'COMPLETED',
      startedAt: new Date(),
      finishedAt: new Date(),
      listingComplete: true,
      objectsListed: count,
      objectsCompleted: count,
      bytesListed: 10 * count,
      bytesAcknowledged: 10 * count,
      bytesVerified: 10 * count,
      sequence: { increment: 1 },
    },
  });
}
