import { setImmediate } from 'node:timers/promises';
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

/** So long lines are read in a row: everybody else's work goes on in between. */
const sliceMs = 10;
/** Paths that are handed to the database at a time, for the same reason. */
const pathsAtOnce = 1_000;

/** The paths of a manifest's text in UTF-8, each once. Throws INVALID_INPUT that names the line at fault. */
export async function parseManifest(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Set<string>> {
  const decode = decoder();
  const paths = new Set<string>();
  let [number, rest, since] = [0, '', performance.now()];
  const add = (line: string) => {
    number += 1;
    const written = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (written.trim() === '') return;
    paths.add(parseLine(written, number));
    if (paths.size <= maxManifestPaths) return;
    const message = `A manifest names at most ${maxManifestPaths.toLocaleString('en')} paths. Split it over several transfers.`;
    throw new AppError('INVALID_INPUT', message);
  };
  for await (const chunk of chunks) {
    const lines = decode(chunk).split('\n');
    lines[0] = rest + lines[0];
    rest = lines.pop() ?? '';
    for (const line of lines) {
      add(line);
      if (performance.now() - since < sliceMs) continue;
      await setImmediate();
      since = performance.now();
    }
  }
  add(rest + decode());
  if (paths.size === 0) throw new AppError('INVALID_INPUT', 'The manifest names no path. Write one a line.');
  return paths;
}

/** Decodes one piece after the other; without one, what is left. */
function decoder(): (chunk?: Uint8Array) => string {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  return (chunk) => {
    try {
      return utf8.decode(chunk, { stream: chunk !== undefined });
    } catch {
      throw new AppError('INVALID_INPUT', 'The manifest is not UTF-8 text.');
    }
  };
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

export interface ManifestFacts {
  id: string;
  userId: string;
  pathCount: number;
  createdAt: Date;
}

/** What is told of a manifest: its paths may be many. */
export const manifestFacts = { select: { id: true, userId: true, pathCount: true, createdAt: true } } as const;

/**
 * Keeps a manifest, of which there is one in a transaction. Idempotent: the same paths of the same person are kept once.
 * CONFLICT for one too many.
 */
export async function keepManifest(tx: DbSession, userId: string, paths: Iterable<string>): Promise<ManifestFacts> {
  await tx.$executeRaw`CREATE TEMPORARY TABLE manifest_path (path text COLLATE "C" NOT NULL) ON COMMIT DROP`;
  for (const slice of slicesOf(paths)) {
    await tx.$executeRaw`INSERT INTO manifest_path SELECT json_array_elements_text(${JSON.stringify(slice)}::json)`;
  }
  await lockUser(tx, userId);
  const [all] = await tx.$queryRaw<{ hash: Uint8Array<ArrayBuffer> }[]>`
    SELECT sha256(convert_to(json_agg(path ORDER BY path)::text, 'UTF8')) AS hash FROM manifest_path`;
  if (!all) throw new Error('An aggregate without GROUP BY has one row.');
  const { hash } = all;
  const known = await tx.pathManifest.findUnique({ where: { userId_hash: { userId, hash } }, ...manifestFacts });
  if (known === null && (await tx.pathManifest.count({ where: { userId } })) >= maxManifests) {
    const message = `${maxManifests} manifests of yours are kept already. Each is dropped ${manifestKeptDays} days after its last use.`;
    throw new AppError('CONFLICT', message);
  }
  const [kept] = await tx.$queryRaw<ManifestFacts[]>`
    INSERT INTO path_manifest (id, user_id, paths, path_count, hash)
    SELECT ${uuidv7()}::uuid, ${userId}::uuid, array_agg(path ORDER BY path), count(*)::int, ${hash} FROM manifest_path
    ON CONFLICT (user_id, hash) DO UPDATE SET used_at = now()
    RETURNING id, user_id AS "userId", path_count AS "pathCount", created_at AS "createdAt"`;
  return kept as ManifestFacts;
}

function* slicesOf(paths: Iterable<string>): Generator<string[]> {
  let slice: string[] = [];
  for (const path of paths) {
    slice.push(path);
    if (slice.length < pathsAtOnce) continue;
    yield slice;
    slice = [];
  }
  yield slice;
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
