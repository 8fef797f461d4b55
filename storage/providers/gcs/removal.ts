import { AppError } from '../../../core/errors.ts';
import { DamagedObjectRemains } from '../../damaged-object.ts';
import type { Location, Version } from '../../provider.ts';
import { jsonPath } from './names.ts';
import { generationOf } from './properties.ts';
import type { GcsRest } from './rest.ts';

/** Deletes one generation; nothing when it is gone or another has taken its place. */
export async function removeGeneration(
  rest: GcsRest,
  { container, key }: Location,
  version: Version,
  signal: AbortSignal,
): Promise<void> {
  const generation = generationOf(version);
  try {
    await rest.json({
      method: 'DELETE',
      path: jsonPath(container, key),
      query: { generation, ifGenerationMatch: generation },
      signal,
    });
  } catch (error) {
    const isGone = error instanceof AppError && /^(OBJECT_NOT_FOUND|PRECONDITION_FAILED)$/.test(error.code);
    if (!isGone) throw error;
  }
}

/** Takes back a write that turned out damaged, and rejects with why; with DamagedObjectRemains when it stays. */
export async function takeBack(
  rest: GcsRest,
  location: Location,
  version: Version,
  mismatch: unknown,
  signal: AbortSignal,
): Promise<never> {
  await removeGeneration(rest, location, version, signal).catch(() => {
    throw new DamagedObjectRemains(location, version, mismatch);
  });
  throw mismatch;
}
