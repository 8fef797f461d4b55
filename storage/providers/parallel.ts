/**
 * Runs `work` for each item, at most `limit` at a time, and resolves to the results in the items' order. The first
 * failure aborts the signal that the others got, and rejects once they have settled.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const results: R[] = [];
  const entries = items.entries();
  let failure: { error: unknown } | undefined;
  const run = async () => {
    for (const [index, item] of entries) {
      if (failure) return;
      try {
        results[index] = await work(item, either);
      } catch (error) {
        failure ??= { error };
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
  if (failure) throw failure.error;
  return results;
}
