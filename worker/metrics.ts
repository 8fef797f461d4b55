import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Db } from '../core/db.ts';
import type { Ledger } from './transfer/progress.ts';
import type { RateMeter } from './transfer/rate-meter.ts';

/** What a worker tells Prometheus. Queue length is of the whole installation; the rest of this process. */
export function createMetrics(sources: { db: Db; ledger: Ledger; meter: RateMeter }): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'active_transfers_total',
    help: 'Transfers that this process moves objects of',
    registers: [registry],
    collect() {
      this.set(sources.ledger.transferCount);
    },
  });
  new Gauge({
    name: 'transfer_throughput_bytes_per_second',
    help: 'Bytes that destinations acknowledged to this process, per second over the last five seconds',
    registers: [registry],
    collect() {
      this.set(sources.meter.bytesPerSecond);
    },
  });
  new Gauge({
    name: 'transfer_queue_length',
    help: 'Batches of running transfers that wait for a worker, and plans that wait to be made',
    registers: [registry],
    async collect() {
      this.set(await queueLength(sources.db));
    },
  });
  return registry;
}

async function queueLength(db: Db): Promise<number> {
  const [row] = await db.$queryRaw<{ length: number }[]>`
    SELECT (
      (SELECT count(*) FROM transfer_batch AS batch JOIN transfer ON transfer.id = batch.transfer_id
        WHERE transfer.state = 'RUNNING'
          AND (batch.state = 'READY' OR (batch.state = 'ADMITTED' AND batch.fence < batch.attempt)))
      + (SELECT count(*) FROM transfer WHERE state = 'QUEUED')
    )::int AS length`;
  return row?.length ?? 0;
}
