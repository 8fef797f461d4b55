import { setTimeout as delay } from 'node:timers/promises';
import type { RunningProcess } from '../../scripts/local/processes.ts';
import type { Link } from './link.ts';
import { portsOf } from './ports.ts';
import type { Random } from './random.ts';
import type { Stack } from './stack.ts';

/** One fault, all its choices made: the same seed gives the same ones in the same order. */
export interface PlannedFault {
  kind: FaultKind;
  /** Worker, cloud or server that it hits, of those that there are. */
  target: number;
  /** How long it lasts, for those that last. */
  durationMs: number;
  /** Where in a body it strikes. */
  atByte: number;
}

/** What a fault found under way. */
export interface Hit {
  what: string;
  /** Work in flight in what was hit, at the moment of it; 0: the fault does not count. */
  inFlight: number;
}

export const faultKinds = [
  'worker-kill',
  'worker-stop',
  'api-kill',
  'redis-kill',
  'redis-flush',
  'postgres-restart',
  'postgres-crash',
  'connections-cut',
  'connections-delayed',
  'provider-throttles',
  'provider-truncates',
  'provider-corrupts',
  'provider-loses-answer',
  'provider-vanishes',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Past the lease of a batch and the lock of a job (15 s each). */
const stopMs = 18_000;
/** So long is waited for work in what is to be hit. */
const patienceMs = 10_000;

/** Every kind in turn, each turn in an order of its own. */
export function planFaults(random: Random, count: number): PlannedFault[] {
  const planned: PlannedFault[] = [];
  while (planned.length < count) {
    for (const kind of random.shuffled(faultKinds)) {
      planned.push({
        kind,
        target: random.between(0, 59),
        durationMs: random.between(300, 2_500),
        atByte: random.between(0, 12_000),
      });
    }
  }
  return planned.slice(0, count);
}

const pick = <T>(choices: readonly T[], { target }: PlannedFault): T => choices[target % choices.length] as T;

/** Looks until there is work in flight; 0 when there is none for long. */
async function untilInFlight(look: () => number | Promise<number>): Promise<number> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found > 0 || Date.now() > deadline) return found;
    await delay(10);
  }
}

const cloudLinks = ({ clouds }: Stack) => [clouds.source, ...clouds.destinations].map(({ link }) => link);

/** Requests of one process that wait at the clouds. */
async function requestsOf(stack: Stack, { pid }: RunningProcess): Promise<number> {
  const ports = await portsOf(pid);
  return cloudLinks(stack).reduce((sum, link) => sum + link.inFlight(ports), 0);
}

/** Batches that workers hold under a lease that has not run out. */
async function heldBatches(stack: Stack): Promise<number> {
  const [row] = await stack.rows<{ held: number }>(
    `SELECT count(*)::int AS held FROM transfer_batch WHERE state = 'ADMITTED' AND fence = attempt AND lease_until > now()`,
  );
  return row?.held ?? 0;
}

/** Injects one fault and ends it; resolves once what was taken away is back. */
export async function inject(stack: Stack, fault: PlannedFault, hit: (found: Hit) => void): Promise<void> {
  switch (fault.kind) {
    case 'worker-kill':
    case 'worker-stop':
      return hitWorker(stack, fault, hit);
    case 'api-kill': {
      const inFlight = await untilInFlight(() => stack.api.inFlight);
      await stack.product.api.kill();
      hit({ what: 'requests to the API', inFlight });
      return stack.product.restartApi();
    }
    case 'redis-kill':
    case 'redis-flush': {
      const inFlight = await untilInFlight(() => heldBatches(stack));
      hit({ what: 'batches held', inFlight });
      if (fault.kind === 'redis-flush') return stack.redis.flush();
      await stack.redis.kill();
      await delay(fault.durationMs);
      return stack.redis.start();
    }
    case 'postgres-restart':
    case 'postgres-crash': {
      const inFlight = await untilInFlight(() => heldBatches(stack));
      hit({ what: 'batches held', inFlight });
      await (fault.kind === 'postgres-crash' ? stack.postgres.kill() : stack.postgres.stop());
      await delay(fault.durationMs / 2);
      return stack.postgres.start();
    }
    case 'connections-cut':
    case 'connections-delayed':
    case 'provider-vanishes':
      return hitLink(stack, fault, hit);
    default:
      return hitRequests(stack, fault, hit);
  }
}

async function hitWorker(stack: Stack, fault: PlannedFault, hit: (found: Hit) => void): Promise<void> {
  const worker = pick(stack.workers, fault);
  const index = stack.workers.indexOf(worker);
  const inFlight = await untilInFlight(() => requestsOf(stack, worker));
  const found = { what: `requests of ${worker.name} at the clouds`, inFlight };
  if (fault.kind === 'worker-kill') {
    await worker.kill();
    hit(found);
    stack.workers[index] = await stack.product.startWorker();
    return;
  }
  process.kill(worker.pid, 'SIGSTOP');
  hit(found);
  // Nobody else is to hit it meanwhile.
  stack.workers.splice(index, 1);
  await delay(stopMs);
  process.kill(worker.pid, 'SIGCONT');
  stack.workers.push(worker);
}

async function hitLink(stack: Stack, fault: PlannedFault, hit: (found: Hit) => void): Promise<void> {
  const clouds = [stack.clouds.source, ...stack.clouds.destinations].map(({ name, link }) => ({ name, link }));
  const servers = [
    { name: 'postgres', link: stack.links.postgres },
    { name: 'redis', link: stack.links.redis },
  ];
  const choices: { name: string; link: Link }[] = fault.kind === 'provider-vanishes' ? clouds : [...clouds, ...servers];
  const { name, link } = pick(choices, fault);
  const inFlight = await untilInFlight(() => link.inFlight());
  hit({ what: `connections to ${name} with something under way`, inFlight });
  if (fault.kind === 'connections-cut') return link.cut();
  if (fault.kind === 'connections-delayed') {
    link.delay(fault.durationMs / 8);
    await delay(fault.durationMs);
    link.delay(0);
    return;
  }
  await link.down();
  await delay(fault.durationMs);
  await link.up();
}

/** The product's requests alone: those of whoever prepares and judges have other keys, or are of other operations. */
async function hitRequests(stack: Stack, fault: PlannedFault, hit: (found: Hit) => void): Promise<void> {
  const { from, to, gcs } = stack.clouds;
  const key = /^v\d+\//;
  const { kind, atByte } = fault;
  const count = 1 + (fault.target % 4);
  const read = { operation: 'GetObject', key } as const;
  const planted = (() => {
    switch (kind) {
      case 'provider-throttles':
        return fault.target % 2 === 0
          ? from.server.faults.add({ match: { ...read, count }, action: { kind: 'slowDown', retryAfterSeconds: 1 } })
          : gcs.faults.add({
              match: { name: key, count },
              action: { kind: 'status', status: 429, retryAfterSeconds: 1 },
            });
      case 'provider-truncates':
        return from.server.faults.add({ match: { ...read, count }, action: { kind: 'truncate', afterBytes: atByte } });
      case 'provider-corrupts':
        return fault.target % 2 === 0
          ? from.server.faults.add({ match: { ...read, count }, action: { kind: 'corrupt', atByte } })
          : to.server.faults.add({
              match: { operation: 'UploadPart', key, count },
              action: { kind: 'corrupt', atByte },
            });
      default: {
        const operation = (['PutObject', 'UploadPart', 'CompleteMultipartUpload'] as const)[fault.target % 3];
        return to.server.faults.add({
          match: { operation: operation ?? 'PutObject', key },
          action: { kind: 'loseAnswer' },
        });
      }
    }
  })();
  const request = await Promise.race([planted.hit, delay(patienceMs, null, { ref: false })]);
  planted.remove();
  hit(
    request === null
      ? { what: 'no request', inFlight: 0 }
      : { what: `${request.operation} of ${'key' in request ? request.key : request.name}`, inFlight: 1 },
  );
}
