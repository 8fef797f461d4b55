import type { LatestQueue } from './latest.ts';

/**
 * A generator that waits cannot be ended from outside; ending its queue first lets it run out. Both `return()` and the
 * signal do so.
 */
export function abortable<Value>(
  inner: AsyncGenerator<Value>,
  queue: LatestQueue<Value>,
  signal: AbortSignal,
): AsyncIterableIterator<Value> {
  const end = () => queue.end();
  if (signal.aborted) end();
  signal.addEventListener('abort', end);
  const settle = <Result>(result: Promise<Result>) =>
    result.catch((error) => {
      signal.removeEventListener('abort', end);
      throw error;
    });
  return {
    next: () => settle(inner.next()),
    return() {
      signal.removeEventListener('abort', end);
      end();
      return inner.return(undefined);
    },
    throw(error) {
      signal.removeEventListener('abort', end);
      end();
      return inner.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
