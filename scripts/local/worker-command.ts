/**
 * Node's limits of a worker's heap, in MiB. V8 then collects garbage before it asks the system for more: a plan over
 * millions of keys peaks at 384 MiB instead of 622, as fast, and what is young takes a third of what Node gives it by
 * itself. Bytes in flight lie beside the heap and are bounded by MEMORY_BUDGET_BYTES.
 */
export const workerHeap = ['--max-old-space-size=512', '--max-semi-space-size=16'] as const;

/**
 * For glibc's allocator: pieces of so many bytes and more go back to the system when they are freed. That is its own limit,
 * but it raises it with the first such piece that is freed, and then keeps the room that many streams' pieces leave between
 * them: 44 MiB of 406, after four minutes with 64 objects at once (bench `memory`). Other C libraries do not read it.
 */
export const workerEnvironment = { MALLOC_MMAP_THRESHOLD_: '131072' } as const;

/** Arguments for Node by which every worker is started; docker-compose.yml has them and the environment, too. */
export const workerArguments = [...workerHeap, 'worker/main.ts'] as const;
