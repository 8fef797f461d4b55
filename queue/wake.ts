/**
 * Runs `work` once after each `kick`, never twice at the same time, and every `pollMs` besides. `work` returns whether
 * it should run again at once. A kick while it runs makes it run again. `onError` hears of failures; the next run is
 * then due at the next poll.
 */
export function createLoop(
  work: () => Promise<boolean>,
  pollMs: number,
  onError: (error: unknown) => void,
): { kick(): void; stop(): Promise<void> } {
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;

  const run = async () => {
    do {
      again = false;
      try {
        if (await work()) again = true;
      } catch (error) {
        onError(error);
        return;
      }
    } while (again && !stopped);
  };
  const kick = () => {
    if (stopped) return;
    if (running) {
      again = true;
      return;
    }
    running = run().finally(() => {
      running = undefined;
    });
  };
  const timer = setInterval(kick, pollMs);
  return {
    kick,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
