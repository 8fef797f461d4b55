import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { createDb, type Db } from '../core/db.ts';
import { submitTransfer } from '../queue/transfer.ts';
import { workerHeap } from '../scripts/local/worker-command.ts';
import type { Bench } from './support/bench.ts';
import type { PlanOrder } from './support/plan-host.ts';
import { startBenchPostgres } from './support/postgres.ts';
import { median } from './support/statistics.ts';

interface Planned {
  wallMs: number;
  /** When each tenth of the keys was on record. */
  tenths: number[];
  peakBytes: number;
  cpuMs: number;
}

/**
 * `plan`: a mirror is planned over 1,000,000 keys on each side, of which one in ten differs, with generated listings behind
 * the storage contract: no cloud is waited for. The time runs until every action is on record in Postgres and the totals
 * and the differing objects have been queried. Goals: 50,000 keys a second, both sides counted; 512 MiB; the last tenth
 * within 10 % of the first.
 */
const plan: Bench = async ({ quick, rounds: wanted }) => {
  const keys = quick ? 100_000 : 1_000_000;
  const directory = await mkdtemp(join(tmpdir(), 'skyferry-bench-'));
  const postgres = await startBenchPostgres(directory);
  const db = createDb({ url: postgres.url, poolSize: 4 });
  try {
    const rounds: Planned[] = [];
    for (let round = 0; round < (wanted ?? (quick ? 1 : 3)); round++) {
      const planned = await planOnce(db, postgres.url, keys);
      rounds.push(planned);
      console.log(
        `round ${round + 1}  ${(planned.wallMs / 1_000).toFixed(1)} s  cpu ${(planned.cpuMs / 1_000).toFixed(1)} s  peak ${mebibytes(planned.peakBytes)} MiB  last tenth / first ${lastToFirst(planned).toFixed(2)}`,
      );
    }
    const figure = Math.round((2 * keys * 1_000) / median(rounds.map(({ wallMs }) => wallMs)));
    const peakMiB = Math.max(...rounds.map(({ peakBytes }) => mebibytes(peakBytes)));
    const lastTenthToFirst = Number(median(rounds.map(lastToFirst)).toFixed(3));
    return {
      bench: 'plan',
      quick,
      verdicts: [
        { what: 'keys a second, both sides counted', figure, goal: 50_000, bound: 'least' },
        { what: 'peak memory of the process, MiB', figure: peakMiB, goal: 512, bound: 'most' },
        { what: 'time of the last tenth over that of the first', figure: lastTenthToFirst, goal: 1.1, bound: 'most' },
      ],
      keys,
    };
  } finally {
    await db.$disconnect();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  }
};

export default plan;

const mebibytes = (bytes: number) => Math.round(bytes / 1_048_576);

/** Time that the last tenth took over that of the second: the first holds the start of everything. */
function lastToFirst({ tenths }: Planned): number {
  const spent = (tenth: number) => (tenths[tenth] ?? 0) - (tenths[tenth - 1] ?? 0);
  return spent(8) / spent(1);
}

async function planOnce(db: Db, databaseUrl: string, keys: number): Promise<Planned> {
  const { id: userId } = await db.user.create({ data: { email: `${uuidv7()}@example.org`, name: 'Bench' } });
  const account = async (name: string) => {
    const data = {
      id: uuidv7(),
      userId,
      provider: 'S3',
      name,
      identity: name,
      settings: { endpoint: `https://${name}` },
    };
    return (await db.cloudAccount.create({ data: { ...data, provider: 'S3' } })).id;
  };
  const [sourceAccountId, destinationAccountId] = [
    await account('source.example'),
    await account('destination.example'),
  ];
  const { id: transferId } = await db.$transaction((tx) =>
    submitTransfer(tx, {
      userId,
      sourceAccountId,
      destinationAccountId,
      sourcePaths: ['source/'],
      destinationPath: 'destination/',
      mode: 'SYNC',
      dryRun: true,
    }),
  );
  const startedAt = performance.now();
  const host = fork(join(import.meta.dirname, 'support/plan-host.ts'), { stdio: 'inherit', execArgv: [...workerHeap] });
  host.send({ databaseUrl, transferId, sourceAccountId, keys } satisfies PlanOrder);
  const died = once(host, 'exit').then(() => {
    throw new Error('The process that plans has died.');
  });
  const [planned] = (await Promise.race([once(host, 'message'), died])) as [Planned];
  const actions = await db.$queryRaw<{ action: string; objects: bigint }[]>`
    SELECT action::text, count(*) AS objects FROM transfer_item WHERE transfer_id = ${transferId}::uuid GROUP BY 1`;
  const deletions = await db.transferItem.findMany({ where: { transferId, action: 'DELETE' }, take: 100 });
  const wallMs = performance.now() - startedAt;
  const found = Object.fromEntries(actions.map(({ action, objects }) => [action, Number(objects)]));
  const expected = { SKIP: keys * 0.9, ADD: keys / 30, REPLACE: keys / 30, DELETE: keys / 30 };
  for (const [action, objects] of Object.entries(expected)) {
    if (Math.abs((found[action] ?? 0) - objects) > 1) throw new Error(`${action}: ${found[action]}, not ${objects}`);
  }
  if (deletions.length !== 100) throw new Error('The deletions could not be queried.');
  await db.user.delete({ where: { id: userId } });
  return { ...planned, wallMs };
}
