import { AppError } from '../../../core/errors.ts';
import type { DeleteResult } from '../../provider.ts';

/** Deletes under way at once: the JSON API takes one object a request. */
const concurrency = 32;
/** What is wrong with one object only; anything else ends the call. */
const ofOneObject = /^(PERMISSION_DENIED|PRECONDITION_FAILED|NAME_NOT_ALLOWED|INVALID_INPUT|CONFLICT)$/;

export async function deleteAll(
  keys: readonly string[],
  remove: (key: string) => Promise<unknown>,
): Promise<DeleteResult> {
  const failed: DeleteResult['failed'] = [];
  const rest = keys.values();
  let isOver = false;
  const work = async () => {
    for (const key of rest) {
      if (isOver) return;
      try {
        await remove(key);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (error.code === 'OBJECT_NOT_FOUND') continue;
        isOver = !ofOneObject.test(error.code);
        if (isOver) throw error;
        failed.push({ key, code: error.code, message: error.message });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, keys.length) }, work));
  return { failed };
}
