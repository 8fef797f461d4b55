/**
 * Node's limits of a worker's heap, in MiB. V8 then collects garbage before it asks the system for more: a plan over
 * millions of keys peaks at 384 MiB instead of 622, as fast, and what is young takes a third of what Node gives it by
 * itself. Bytes in flight lie beside the heap and are bounded by MEMORY_BUDGET_BYTES.
 */
export const workerHeap = ['--max-old-space-size=512', '--max-semi-space-size=16'] as const;

/** Arguments for Node by which every worker is started; docker-compose.yml has them, too. */
export const workerArguments = [...workerHeap, 'worker/main.ts'] as const;
