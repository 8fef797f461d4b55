import { AppError } from '../../core/errors.ts';
import type { DeleteResult } from '../provider.ts';

/** What is wrong with one object only; anything else ends the call. */
const ofOneObject = /^(PERMISSION_DENIED|PRECONDITION_FAILED|NAME_NOT_ALLOWED|REQUEST_REFUSED|CONFLICT)$/;

/**
 * Deletes objects where the cloud takes one a request, at most `concurrency` at a time. A missing object counts as
 * deleted; what is wrong with one object only is reported, anything else ends the call.
 */
export async function deleteEach(
  keys: readonly string[],
  concurrency: number,
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
