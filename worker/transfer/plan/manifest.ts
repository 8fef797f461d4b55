import type { Db } from '../../../core/db.ts';
import { AppError } from '../../../core/errors.ts';

/**
 * A transfer's manifest while it is planned: which paths it names, and which of them were found. It is held in memory, as
 * its length is bounded (queue/manifest.ts); what was found is kept with the plan's checkpoint, a bit a path.
 */
export class Manifest {
  readonly #paths: readonly string[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #found: Buffer;

  /** `paths` in the order in which they are kept; `found`: as `found` told it before, '' in the beginning. */
  constructor(paths: readonly string[], found: string) {
    this.#paths = paths;
    this.#places = new Map(paths.map((path, place) => [path, place]));
    this.#found = Buffer.alloc(Math.ceil(paths.length / 8));
    Buffer.from(found, 'base64').copy(this.#found);
  }

  /** Whether the manifest names the path. It counts as found from here on. */
  takes(path: string): boolean {
    const place = this.#places.get(path);
    if (place === undefined) return false;
    this.#found[place >> 3] = this.#byteAt(place) | (1 << (place & 7));
    return true;
  }

  /** What was found, as text for the checkpoint. */
  get found(): string {
    return this.#found.toString('base64');
  }

  /** Paths that were not found. */
  *missing(): Generator<string> {
    for (const [place, path] of this.#paths.entries()) {
      if ((this.#byteAt(place) & (1 << (place & 7))) === 0) yield path;
    }
  }

  #byteAt(place: number): number {
    return this.#found[place >> 3] ?? 0;
  }
}

/** Throws NOT_FOUND for one that was dropped since. */
export async function loadManifest(db: Db, id: string, found: string): Promise<Manifest> {
  const [row] = await db.$queryRaw<{ paths: string[] }[]>`
    UPDATE path_manifest SET used_at = now() WHERE id = ${id}::uuid RETURNING paths`;
  if (row) return new Manifest(row.paths, found);
  throw new AppError('NOT_FOUND', 'The manifest was dropped after its last use. Upload it again for a new transfer.');
}
