import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  type Bench,
  type Contender,
  interleave,
  type Measurement,
  printTable,
  type Report,
  type Verdict,
} from './support/bench.ts';
import { benchedProviders, type ProviderName } from './support/providers/registry.ts';
import { type Order, type Task, tasks } from './support/providers/tasks.ts';
import { median } from './support/statistics.ts';

const contenders = ['adapter', 'sdk', 'undici'] as const;
type ContenderName = (typeof contenders)[number];

/** So many that what is measured runs, and is not being compiled: the faster clients take a tenth of a second for 2,000. */
const smallObjects = 6_000;

/**
 * `providers`: each provider's adapter on its local server, beside the vendor's bare SDK and a plain undici client that
 * do the same with the same verification, each in a process of its own, in turn. One object of 256 MiB written in
 * parts and read; objects of 4 KiB with 32 under way. Goals: at least 0.95 of the speed of the better one for the large
 * object, at least the SDK's for small ones, at most 1.1 of the CPU time of the better one.
 * How the peers are set stands with each provider, in support/providers/. Reads are counted and not hashed, by all alike; the adapter's reader gives memory back, as a relay does.
 * Where the adapter takes streams, it and undici get parts of large objects as a relay has them, in chunks of 64 KiB; the
 * SDKs write from memory in pieces as large as they like.
 */
const providers: Bench = async ({ quick, only, rounds }) => {
  const verdicts: Verdict[] = [];
  const details: Record<string, unknown> = {};
  const all = Object.keys(benchedProviders) as ProviderName[];
  const chosen = all.filter((name) => only === undefined || name === only);
  if (chosen.length === 0) throw new Error(`--only takes one of ${all.join(', ')}.`);
  for (const name of chosen) {
    const server = start(name, 'server');
    const clients: ChildProcess[] = [];
    try {
      const { served } = (await answer(server)) as { served: string };
      for (const contender of contenders) {
        const client = start(name, contender, served);
        clients.push(client);
        await answer(client);
      }
      for (const task of tasks) {
        console.log(`\n${name}: ${task}`);
        const rivals = contenders.map((contender, index) =>
          race(contender, clients[index] as ChildProcess, task, quick),
        );
        const reports = await interleave(rivals, rounds ?? (quick ? 3 : 7));
        printTable(reports);
        verdicts.push(...judge(name, task, reports));
        details[`${name} ${task}`] = Object.fromEntries(
          reports.map(({ contender, wallMs, cpuMs }) => [contender, { wallMs: median(wallMs), cpuMs: median(cpuMs) }]),
        );
      }
    } finally {
      for (const child of [...clients, server]) child.disconnect();
      await Promise.all([...clients, server].map((child) => child.exitCode ?? once(child, 'exit')));
    }
  }
  return { bench: 'providers', quick, verdicts, details };
};

export default providers;

function start(...args: string[]): ChildProcess {
  return fork(join(import.meta.dirname, 'support/providers/host.ts'), args, { stdio: 'inherit' });
}

/** The next thing a child says. Rejects when it says that something failed, or ends. */
function answer(child: ChildProcess): Promise<object> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('A process of the bench ended early.'));
    child.once('exit', onExit);
    child.once('message', (message: { error?: string }) => {
      child.removeListener('exit', onExit);
      if (message.error === undefined) resolve(message);
      else reject(new Error(message.error));
    });
  });
}

function race(name: ContenderName, client: ChildProcess, task: Task, quick: boolean): Contender {
  const order: Order = { task, prefix: name, smallObjects: quick ? 500 : smallObjects };
  return {
    name,
    settings: '',
    async run() {
      client.send(order);
      return (await answer(client)) as Measurement;
    },
    // The servers check each write against its digest, and each read is counted.
    verifyAndClear: async () => {},
  };
}

function judge(provider: ProviderName, task: Task, reports: readonly Report[]): Verdict[] {
  const wall = reports.map(({ wallMs }) => median(wallMs)) as [number, number, number];
  const cpu = reports.map(({ cpuMs }) => median(cpuMs)) as [number, number, number];
  const what = `${provider} ${task}`;
  const isLarge = task.endsWith('large');
  const better = wall[2] < wall[1] ? 2 : 1;
  return [
    {
      what: `${what}: speed over the peer's`,
      figure: wall[isLarge ? better : 1] / wall[0],
      goal: isLarge ? 0.95 : 1,
      bound: 'least',
    },
    { what: `${what}: CPU time over the peer's`, figure: cpu[0] / cpu[better], goal: 1.1, bound: 'most' },
  ];
}
