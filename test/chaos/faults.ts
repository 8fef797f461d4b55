import { setTimeout as delay } from 'node:timers/promises';
import type { RunningProcess } from '../../scripts/local/processes.ts';
import type { PrivateServer } from '../support/databases.ts';
import { portsOf } from './ports.ts';
import { arrivedKey } from './prepare.ts';
import type { Random } from './random.ts';
import { offRecord } from './records.ts';
import type { Met } from './spoil.ts';
import type { Stack } from './stack.ts';
import { type Connections, isOn } from './writes.ts';

/** One fault, all its choices made: the same seed gives the same ones in the same order. */
export interface PlannedFault {
  kind: FaultKind;
  /** Chooses the worker, cloud or server that it hits, of those that have work in flight. */
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

/** Told at the moment that a fault strikes. */
export type OnHit = (found: Hit) => void;

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

const spoilings = {
  'provider-throttles': 'throttles',
  'provider-truncates': 'truncates',
  'provider-corrupts': 'corrupts',
  'provider-loses-answer': 'loses-answer',
} as const;
type SpoilingKind = keyof typeof spoilings;

/** Past the lease of a batch and the lock of a job (15 s each). */
const stopMs = 18_000;
/** So long is waited for work in what is to be hit. */
const patienceMs = 10_000;
/** So long a spoiling waits for its request before it is planted where something else is under way by now. */
const plantedMs = 2_000;
const lookMs = 10;
/** From an answer at the cloud until a busy worker has read it. */
const unheardMs = 500;
/** Until a worker that woke up has learnt that others do its work. */
const wakingMs = 2_000;
/** A worker that learns that it has lost its lease closes what it has under way at once. */
const noteMs = 200;

/** Kinds that last, or wait for a request to strike, while others strike. */
export const isPatient = (kind: FaultKind) => patientKinds.has(kind);
const patientKinds: ReadonlySet<FaultKind> = new Set([
  'worker-stop',
  'api-kill',
  'connections-delayed',
  'provider-vanishes',
  ...(Object.keys(spoilings) as SpoilingKind[]),
]);
/** Every kind in turn, each turn in an order of its own. */
export function* planFaults(random: Random): Generator<PlannedFault, never> {
  for (;;) {
    for (const kind of random.shuffled(faultKinds)) {
      yield {
        kind,
        target: random.between(0, 59),
        durationMs: random.between(300, 2_500),
        // Most of the small objects are longer.
        atByte: random.between(0, 2_000),
      };
    }
  }
}

/** The one that a fault hits, of those with work in flight; undefined when there is none for long. */
async function untilInFlight<T extends { inFlight: number }>(
  { target }: PlannedFault,
  look: () => T[] | Promise<T[]>,
): Promise<T | undefined> {
  for (const from = Date.now(); Date.now() - from < patienceMs; await delay(lookMs)) {
    const found = (await look()).filter(({ inFlight }) => inFlight > 0);
    if (found.length > 0) return found[target % found.length];
  }
  return undefined;
}

/** Injects one fault and ends it; resolves once what was taken away is back. Without work to hit it does nothing. */
export async function inject(stack: Stack, fault: PlannedFault, hit: OnHit): Promise<void> {
  switch (fault.kind) {
    case 'worker-kill':
    case 'worker-stop':
      return hitWorker(stack, fault, hit);
    case 'api-kill': {
      const look = () => [{ what: 'requests to the API', inFlight: stack.api.inFlight }];
      const found = await untilInFlight(fault, look);
      if (found === undefined) return nothing(hit, 'no request to the API');
      const killed = stack.product.api.kill();
      hit(found);
      await killed;
      return stack.product.restartApi();
    }
    case 'redis-kill':
    case 'redis-flush':
    case 'postgres-restart':
    case 'postgres-crash':
      return hitServer(stack, fault, hit);
    case 'connections-cut':
    case 'connections-delayed':
    case 'provider-vanishes':
      return hitLink(stack, fault, hit);
    default:
      return hitRequests(stack, fault, fault.kind, hit);
  }
}

const nothing = (hit: OnHit, what: string) => hit({ what, inFlight: 0 });

async function hitWorker(stack: Stack, fault: PlannedFault, hit: OnHit): Promise<void> {
  const busy = await untilInFlight(fault, () =>
    Promise.all(
      stack.workers.map(async (worker) => ({
        worker,
        what: `requests of ${worker.name} at the clouds`,
        inFlight: await requestsOf(stack, worker),
      })),
    ),
  );
  if (busy === undefined) return nothing(hit, 'no request of a worker at the clouds');
  const { worker } = busy;
  // Another fault came first.
  if (!stack.workers.includes(worker)) return hitWorker(stack, fault, hit);
  // Nobody else is to hit it meanwhile.
  stack.workers.splice(stack.workers.indexOf(worker), 1);
  // As it stands now it opens no further connection, which nobody would know of.
  process.kill(worker.pid, 'SIGSTOP');
  const ofWorker = isOn(connectionsOf(stack, await portsOf(worker.pid)));
  const end = stack.writes.lose(ofWorker);
  const forget = async () => {
    for (const write of await offRecord(stack, stack.writes.taken(ofWorker))) write.isExcused = true;
  };
  if (fault.kind === 'worker-kill') {
    const killed = worker.kill();
    hit(busy);
    await killed;
    await forget();
    end();
    stack.workers.push(await stack.product.startWorker());
    return;
  }
  hit(busy);
  await Promise.all([delay(stopMs), forget()]);
  const wokeAt = Date.now();
  process.kill(worker.pid, 'SIGCONT');
  stack.workers.push(worker);
  // That it has lost its lease it learns from Postgres alone, which another fault may take away meanwhile.
  const used = new Map<string, Set<number>>();
  let outages: number;
  do {
    outages = stack.outages.begun;
    const isAwake = stack.outages.over().then(() => delay(wakingMs, true));
    do await noteConnections(stack, worker, used);
    while (!(await Promise.race([isAwake, delay(noteMs, false)])));
  } while (stack.outages.begun > outages);
  stack.writes.lose(isOn(used), wokeAt)();
  end();
}

/** Adds the connections that a worker has by now: it may have closed them a moment later. */
async function noteConnections(stack: Stack, worker: RunningProcess, used: Map<string, Set<number>>): Promise<void> {
  for (const [cloud, ports] of connectionsOf(stack, await portsOf(worker.pid))) {
    used.set(cloud, new Set([...(used.get(cloud) ?? []), ...ports]));
  }
}

/** Connections at the clouds from these ports, as the clouds see them. */
function connectionsOf({ clouds }: Stack, clientPorts: ReadonlySet<number>): Connections {
  return new Map(clouds.all.map(({ name, link }) => [name, link.serverPorts(clientPorts)]));
}

/** Requests of one process that wait at the clouds. */
async function requestsOf({ clouds }: Stack, { pid }: RunningProcess): Promise<number> {
  const ports = await portsOf(pid);
  return clouds.all.reduce((sum, { link }) => sum + link.inFlight(ports), 0);
}

async function hitServer(stack: Stack, fault: PlannedFault, hit: OnHit): Promise<void> {
  const found = await untilInFlight(fault, async () => [{ what: 'batches held', inFlight: await heldBatches(stack) }]);
  if (found === undefined) return nothing(hit, 'no batch held');
  hit(found);
  if (fault.kind === 'redis-flush') return stack.redis.flush();
  if (fault.kind === 'redis-kill') return takeAway(stack.redis, fault);
  return stack.outages.during(takeAway(stack.postgres, fault));
}

async function takeAway(server: PrivateServer, { kind, durationMs }: PlannedFault): Promise<void> {
  await (kind === 'postgres-restart' ? server.stop() : server.kill());
  await delay(durationMs / 2);
  return server.start();
}

/** Batches that workers hold under a lease that has not run out. */
async function heldBatches(stack: Stack): Promise<number> {
  const [row] = await stack.rows<{ held: number }>(
    `SELECT count(*)::int AS held FROM transfer_batch WHERE state = 'ADMITTED' AND fence = attempt AND lease_until > now()`,
  );
  return row?.held ?? 0;
}

async function hitLink(stack: Stack, fault: PlannedFault, hit: OnHit): Promise<void> {
  const servers = [
    { name: 'postgres', link: stack.links.postgres },
    { name: 'redis', link: stack.links.redis },
  ];
  const choices = fault.kind === 'provider-vanishes' ? stack.clouds.all : [...stack.clouds.all, ...servers];
  const found = await untilInFlight(fault, () =>
    choices.map(({ name, link }) => ({
      link,
      name,
      what: `connections to ${name} with something under way`,
      inFlight: link.inFlight(),
    })),
  );
  if (found === undefined) return nothing(hit, 'no connection with something under way');
  const { link, name } = found;
  hit(found);
  if (fault.kind === 'connections-delayed') {
    link.delay(fault.durationMs / 8);
    await delay(fault.durationMs);
    link.delay(0);
    return;
  }
  // Nobody hears the answers that were on their way.
  stack.writes.lose(isOn(new Map([[name, link.serverPorts()]])), Date.now() - unheardMs)();
  if (fault.kind === 'connections-cut') return link.cut();
  await link.down();
  await delay(fault.durationMs);
  await link.up();
}

/**
 * Spoils requests of the product at a cloud that takes part in a transfer under way. The keys of those are theirs alone:
 * whoever prepares and judges transfers gets at the keys of others.
 */
async function hitRequests(stack: Stack, fault: PlannedFault, kind: SpoilingKind, hit: OnHit): Promise<void> {
  const { target, atByte } = fault;
  const spoiling = spoilings[kind];
  const side = spoiling === 'truncates' || (spoiling !== 'loses-answer' && target % 2 === 0) ? 'read' : 'write';
  let turn = target;
  for (const from = Date.now(); Date.now() - from < patienceMs; turn++) {
    const choices = [...stack.underWay].flatMap(({ prefix, source, destination }) => {
      const { spoil } = side === 'read' ? source : destination;
      return spoil ? [{ prefix, spoil, name: (side === 'read' ? source : destination).name }] : [];
    });
    const chosen = choices[turn % choices.length];
    if (chosen === undefined) {
      await delay(lookMs);
      continue;
    }
    const keys = new RegExp(`\\b${chosen.prefix}`);
    const onMet = ({ key }: Met) => {
      if (spoiling === 'corrupts' && key !== undefined) stack.writes.spoil(arrivedKey(key));
    };
    const planted = chosen.spoil({ kind: spoiling, side, keys, count: 1 + (target % 4), atByte, choice: turn }, onMet);
    try {
      const met = await Promise.race([planted.hit, delay(plantedMs, null, { ref: false })]);
      if (met === null) continue;
      hit({ what: `${met.what} at ${chosen.name}`, inFlight: 1 });
      // For the other requests that it is to meet.
      return await delay(fault.durationMs / 2);
    } finally {
      planted.remove();
    }
  }
  nothing(hit, `no request to ${side}`);
}
