import type { Db } from '../core/db.ts';
import { createLoop } from '../queue/wake.ts';

const renewMs = 5_000;

/**
 * Keeps this process's row in worker_process alive: its slots size the window of admitted batches. `leave` removes it,
 * so that the window shrinks at once.
 */
export function announcePresence(db: Db, id: string, slots: number, onError: (error: unknown) => void) {
  const loop = createLoop(
    async () => {
      await db.$executeRaw`
        INSERT INTO worker_process (id, slots) VALUES (${id}::uuid, ${slots}::int)
        ON CONFLICT (id) DO UPDATE SET seen_at = now()`;
      return false;
    },
    renewMs,
    onError,
  );
  loop.kick();
  return {
    kick: loop.kick,
    async leave(): Promise<void> {
      await loop.stop();
      await db.$executeRaw`DELETE FROM worker_process WHERE id = ${id}::uuid`;
    },
  };
}
