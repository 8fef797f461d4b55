import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { type DbSession, databaseTime, lockUser } from '../core/db.ts';
import { AppError } from '../core/errors.ts';
import { parsePath } from './path.ts';

/**
 * A manifest: the paths that a transfer is about, one a line. A line that begins with a quotation mark is a JSON string,
 * for names that hold line breaks or begin so. Blank lines count for nothing, and so does the order.
 */

export const maxManifestPaths = 100_000;
/** Of the text, in UTF-8. */
export const maxManifestBytes = 32 * 1024 * 1024;
/** Manifests that one person may keep at a time. */
export const maxManifests = 100;
/** A manifest is dropped so long after its last use, unless a schedule names it, or a transfer that is still to be planned. */
export const manifestKeptDays = 30;

/** The paths of a manifest's text: each once, in byte order. Throws INVALID_INPUT that names the line at fault. */
export function parseManifest(text: string): string[] {
  const paths = new Set<string>();
  let number = 0;
  for (const line of text.replace(/^\uFEFF/, '').split('\n')) {
    number += 1;
    const written = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (written.trim() === '') continue;
    paths.add(parseLine(written, number));
    if (paths.size <= maxManifestPaths) continue;
    const message = `A manifest names at most ${maxManifestPaths.toLocaleString('en')} paths. Split it over several transfers.`;
    throw new AppError('INVALID_INPUT', message);
  }
  if (paths.size === 0) throw new AppError('INVALID_INPUT', 'The manifest names no path. Write one a line.');
  return [...paths].sort(compareBytes);
}

function parseLine(line: string, number: number): string {
  const path = line.startsWith('"') ? parseQuoted(line) : line;
  const wrong = (reason: string) => new AppError('INVALID_INPUT', `Line ${number} of the manifest: ${reason}`);
  if (path === null) throw wrong('it begins with a quotation mark, so it has to be a JSON string.');
  try {
    if (parsePath(path).kind !== 'container') return path;
  } catch (error) {
    throw wrong((error as AppError).message);
  }
  throw wrong('it names a container and no object. Write container/key.');
}

function parseQuoted(line: string): string | null {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'string' ? parsed : null;
  } catch {
    return null;
  }
}

const compareBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

export interface ManifestFacts {
  id: string;
  userId: string;
  pathCount: number;
  createdAt: Date;
}

/** What is told of a manifest: its paths may be many. */
export const manifestFacts = { select: { id: true, userId: true, pathCount: true, createdAt: true } } as const;

/** Keeps a manifest. Idempotent: the same paths of the same person are kept once. CONFLICT for one too many. */
export async function keepManifest(tx: DbSession, userId: string, paths: readonly string[]): Promise<ManifestFacts> {
  const hash = createHash('sha256').update(JSON.stringify(paths)).digest();
  await lockUser(tx, userId);
  const known = await tx.pathManifest.findUnique({ where: { userId_hash: { userId, hash } }, ...manifestFacts });
  if (known === null && (await tx.pathManifest.count({ where: { userId } })) >= maxManifests) {
    const message = `${maxManifests} manifests of yours are kept already. Each is dropped ${manifestKeptDays} days after its last use.`;
    throw new AppError('CONFLICT', message);
  }
  // In SQL: Prisma takes seconds for so long a list.
  const [kept] = await tx.$queryRaw<ManifestFacts[]>`
    INSERT INTO path_manifest (id, user_id, paths, path_count, hash)
    VALUES (${uuidv7()}::uuid, ${userId}::uuid, ${paths}::text[], ${paths.length}::int, ${hash})
    ON CONFLICT (user_id, hash) DO UPDATE SET used_at = now()
    RETURNING id, user_id AS "userId", path_count AS "pathCount", created_at AS "createdAt"`;
  return kept as ManifestFacts;
}

/** NOT_FOUND, with the input field, for a manifest that is not the user's. */
export async function assertManifest(tx: DbSession, userId: string, id: string): Promise<void> {
  const { count } = await tx.pathManifest.updateMany({
    where: { id, userId },
    data: { usedAt: await databaseTime(tx) },
  });
  if (count > 0) return;
  const message = 'There is no such manifest. It may have been dropped after its last use: upload it again.';
  throw new AppError('NOT_FOUND', message, { field: ['options', 'filter', 'manifest'] });
}
