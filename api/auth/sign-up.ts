import type { Db } from '../../core/db.ts';
import { asAdministrator } from './auth.ts';

/** Arbitrary but fixed: serialises sign-ups over all processes while there is no user. */
const firstUserLock = 5_392_604_713;
const firstUserTimeoutMs = 20_000;

/** One at a time per process, so that waiters do not take up the connections that the first one needs. */
let queue: Promise<unknown> = Promise.resolve();

export async function hasUsers(db: Db): Promise<boolean> {
  return (await db.user.findFirst({ select: { id: true } })) !== null;
}

/**
 * Runs `signUp`. While there is no user at all, one sign-up runs at a time over all processes and its user becomes the
 * administrator; so there is exactly one however many come at once. `later` runs instead for everyone else.
 */
export async function signUpFirstOr<Result>(
  db: Db,
  signUp: () => Promise<Result>,
  later: () => Promise<Result>,
): Promise<Result> {
  if (await hasUsers(db)) return later();
  const turn = queue.then(() =>
    db.$transaction(
      async (tx) => {
        await tx.$executeRaw`SELECT pg_advisory_xact_lock(${firstUserLock})`;
        const first = (await tx.user.findFirst({ select: { id: true } })) === null;
        return first ? { first, result: await asAdministrator(signUp) } : { first };
      },
      { timeout: firstUserTimeoutMs, maxWait: firstUserTimeoutMs },
    ),
  );
  queue = turn.catch(() => {});
  const outcome = await turn;
  return outcome.first ? (outcome.result as Result) : later();
}
