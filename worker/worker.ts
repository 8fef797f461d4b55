import { randomUUID } from 'node:crypto';
import { Worker as BullWorker } from 'bullmq';
import type { Config } from '../core/config.ts';
import { createDb } from '../core/db.ts';
import type { Logger } from '../core/log.ts';
import { createBlockingRedis, createRedis, type Redis } from '../core/redis.ts';
import { createKeyring } from '../core/secrets.ts';
import { noteThrottled, publishAccount, publishRefusal } from '../queue/account.ts';
import { type Refusal, refusalSchema, topics, transferControlSchema } from '../queue/events.ts';
import { type JobName, queueNames } from '../queue/jobs.ts';
import { type ProgressRow, publishTransfer } from '../queue/progress.ts';
import { createSubscriber } from '../queue/pubsub.ts';
import { createQueue } from '../queue/queue.ts';
import { startOutboxRelay } from '../queue/relay.ts';
import { runDueSchedule } from '../queue/schedule.ts';
import { createLoop } from '../queue/wake.ts';
import { createAddressPolicy } from '../storage/address-policy.ts';
import { findLimitedWith, type LimitedAccount } from '../storage/cloud-limit.ts';
import { operatorAccess } from '../storage/operator.ts';
import { handle } from './handlers.ts';
import { startHealthServer } from './health.ts';
import { createMetrics } from './metrics.ts';
import { Outages } from './outages.ts';
import { announcePresence } from './presence.ts';
import { Accounts } from './transfer/accounts.ts';
import { Budget } from './transfer/budget.ts';
import { isTerminal } from './transfer/checkpoint.ts';
import { startDispatcher } from './transfer/dispatch.ts';
import { type Engine, patiently } from './transfer/engine.ts';
import { stoppedError } from './transfer/item.ts';
import { readPriceTable } from './transfer/plan/prices.ts';
import { Ledger } from './transfer/progress.ts';
import { RateMeter } from './transfer/rate-meter.ts';
import { RefusedRoutes } from './transfer/route.ts';
import { createSharedBandwidth } from './transfer/shared-bandwidth.ts';
import { createSharedLimit } from './transfer/shared-limit.ts';
import { startSweeper } from './transfer/sweep.ts';
import { sweepUploads } from './transfer/uploads.ts';
import { UrlReach } from './transfer/url-reach.ts';

/** Parts and objects under way get so long to end before they are cut off. */
const drainMs = 3_000;
/** Everything else about a shutdown. */
const goodbyeMs = 5_000;
const databaseCheckMs = 1_000;
/** Listings that one process makes at the same time, and as many of users who have no older one. */
const planSlots = 4;
/** Cron knows minutes; a run begins at most so long after its moment. */
const schedulePollMs = 1_000;
const uploadSweepMs = 15_000;
const partitionUpkeepMs = 24 * 3_600_000;
const partitionMonthsAhead = 12;

export interface RunningWorker {
  /** Of /livez, /readyz and /metrics, when they are served. */
  metricsPort: number | undefined;
  /**
   * Stops taking work, lets parts under way end for a few seconds, gives batches back so that others go on at once,
   * and closes everything. Resolves in any case within about ten seconds.
   */
  stop(): Promise<void>;
}

/**
 * One worker process: plans, moves, admits, relays and sweeps. Waits for Postgres and Redis as often as they go. Rejects when
 * a port is taken or the price table is wrong.
 */
export async function startWorker(config: Config, log: Logger): Promise<RunningWorker> {
  // First, because a file that is wrong ends the start.
  const prices = readPriceTable(config.PRICE_TABLE_FILE);
  const outages = new Outages(log, () => {
    for (const loop of loops) loop.kick();
  });
  /** What is worth doing at once when Postgres or Redis is back. */
  const loops: { kick(): void }[] = [];
  const stopping = new AbortController();
  const db = createDb({
    url: config.DATABASE_URL,
    poolSize: config.DATABASE_POOL_SIZE,
    isDirect: config.DIRECT_DATABASE_URL === undefined,
  });
  const redis = createRedis(config.REDIS_URL);
  const blocking = createBlockingRedis(config.REDIS_URL);
  const subscribing = createBlockingRedis(config.REDIS_URL);
  watchRedis(redis, outages);
  const queue = createQueue(redis);
  const keyring = createKeyring(config.KEY_ENCRYPTION_KEY, config.KEY_ENCRYPTION_KEYS_OLD);
  const tellRefusal = async (account: LimitedAccount, refusal: Refusal) => {
    await publishRefusal(redis, refusal).catch(() => {});
    const limited = await findLimitedWith(db, account);
    const ids = limited.map(({ id }) => id);
    const changes = await noteThrottled(db, ids, refusal.waitMs);
    await Promise.all(changes.map((change) => publishAccount(redis, change)));
  };
  const accounts = new Accounts({
    db,
    keyring,
    addressPolicy: createAddressPolicy(config.ALLOWED_PRIVATE_ADDRESSES),
    operator: operatorAccess(config),
    limit: createSharedLimit(redis),
    secret: config.AUTH_SECRET,
    tell: (account, refusal) => void tellRefusal(account, refusal).catch(outages.report),
  });
  const meter = new RateMeter();
  const publish = (row: ProgressRow) =>
    publishTransfer(redis, row).then(
      () => true,
      () => false,
    );
  const bandwidth = createSharedBandwidth(redis);
  const tell = (row: ProgressRow) => {
    void publish(row);
    // A cancellation is the deed of somebody, and is in the audit trail.
    if (isTerminal(row.state) && row.state !== 'CANCELLED') logEnd(log, row);
  };
  const ledger = new Ledger({ db, log, meter, bandwidth, publish: tell });
  const dispatcher = startDispatcher({ db, queue, tiers: config.TIERS, onError: outages.report });
  const engine: Engine = {
    db,
    log,
    accounts,
    budget: new Budget(config.MEMORY_BUDGET_BYTES),
    refusedRoutes: new RefusedRoutes(),
    urlReach: new UrlReach(config.INGEST_PRIVATE_ADDRESSES),
    ledger,
    planLeases: new Set(),
    prices,
    publish: tell,
    kickDispatcher: dispatcher.kick,
    stopping: stopping.signal,
  };

  // First, because a port that is taken ends the start.
  const health =
    config.METRICS_PORT === undefined
      ? undefined
      : await startHealthServer({
          host: config.HOST,
          port: config.METRICS_PORT,
          metrics: createMetrics({ ledger, meter }),
          isReady: async () => outages.none && !stopping.signal.aborted,
        });

  const slots = config.MAX_CONCURRENT_TRANSFERS;
  const presence = announcePresence(db, randomUUID(), slots, outages.report);
  const relay = startOutboxRelay({
    db,
    directUrl: config.DIRECT_DATABASE_URL ?? config.DATABASE_URL,
    queue,
    onError: outages.report,
  });
  const sweeper = startSweeper({ db, log, queue, publish, kickDispatcher: dispatcher.kick, onError: outages.report });
  const schedules = createLoop(
    async () => {
      const ordered = await runDueSchedule(db);
      if (ordered) void publish(ordered);
      return ordered !== undefined;
    },
    schedulePollMs,
    outages.report,
  );
  const uploads = createLoop(() => sweepUploads({ db, log, accounts }), uploadSweepMs, outages.report);
  const partitions = createLoop(
    async () => {
      await patiently(stopping.signal, () => db.$executeRaw`SELECT ensure_partitions(${partitionMonthsAhead}::int)`);
      return false;
    },
    partitionUpkeepMs,
    outages.report,
  );
  const databaseCheck = createLoop(
    async () => {
      await db.$queryRaw`SELECT 1`.then(
        () => outages.back('postgres'),
        () => outages.away('postgres'),
      );
      return false;
    },
    databaseCheckMs,
    outages.report,
  );
  loops.push(presence, relay, dispatcher);
  databaseCheck.kick();
  partitions.kick();

  const subscriber = createSubscriber(subscribing, (topic, error) => log.warn({ err: error, topic }, 'odd message'));
  void subscriber.subscribe(topics.refusals, refusalSchema, (refusal) => accounts.heard(refusal)).catch(() => {});
  // Waits for Redis by itself.
  void subscriber
    .subscribe(topics.control, transferControlSchema, ({ transferId }) => {
      ledger.check(transferId);
      for (const lease of engine.planLeases) if (lease.transferId === transferId) lease.check();
      dispatcher.kick();
    })
    .catch(() => {});

  const consume = (name: JobName, concurrency: number) => {
    const consumer = new BullWorker(queueNames[name], (job) => handle(engine, job.name, job.data), {
      connection: blocking,
      concurrency,
      skipVersionCheck: true,
    });
    consumer.on('error', outages.report);
    consumer.on('failed', (job, error) => {
      if (!stopping.signal.aborted) log.error({ err: error, job: job?.id }, 'job failed');
    });
    return consumer;
  };
  const consumers = [
    consume('transfer.batch', slots),
    consume('transfer.express', slots),
    consume('transfer.plan', planSlots),
    consume('transfer.express-plan', planSlots),
  ];

  log.info({ slots, metricsPort: health?.port }, 'worker started');

  const stop = async () => {
    stopping.abort(stoppedError('The worker is shutting down.'));
    ledger.drain();
    const cut = setTimeout(() => ledger.stop(stoppedError('The worker is shutting down.')), drainMs);
    // Waits for the handlers, which give their batches back.
    await within(drainMs + goodbyeMs, Promise.all(consumers.map((consumer) => consumer.close())));
    clearTimeout(cut);
    await within(
      goodbyeMs,
      Promise.all([
        relay.stop(),
        sweeper.stop(),
        schedules.stop(),
        uploads.stop(),
        partitions.stop(),
        databaseCheck.stop(),
      ]),
    );
    await within(goodbyeMs, dispatcher.stop());
    await within(goodbyeMs, presence.leave());
    await within(goodbyeMs, Promise.all([health?.close(), accounts.close(), queue.close()]));
    for (const connection of [redis, blocking, subscribing]) connection.disconnect();
    await within(goodbyeMs, db.$disconnect());
    log.info('worker stopped');
  };
  return { metricsPort: health?.port, stop };
}

function logEnd(log: Logger, row: ProgressRow): void {
  const { id: transferId, state } = row;
  const [completed, failed, skipped] = [row.objectsCompleted, row.objectsFailed, row.objectsSkipped].map(Number);
  const level = state === 'COMPLETED' ? 'info' : 'warn';
  log[level]({ transferId, state, completed, failed, skipped }, 'transfer ended');
}

function watchRedis(redis: Redis, outages: Outages): void {
  redis.on('ready', () => outages.back('redis'));
  redis.on('close', () => outages.away('redis'));
}

/** Waits for something that may fail or hang while a service is away, but not for ever. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), limit]);
  clearTimeout(timer);
}
