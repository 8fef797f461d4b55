import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Ledger } from './transfer/progress.ts';
import type { RateMeter } from './transfer/rate-meter.ts';

/** What a worker tells Prometheus: figures of this process alone. Those of the whole installation are the API's. */
export function createMetrics(sources: { ledger: Ledger; meter: RateMeter }): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'worker_active_transfers',
    help: 'Transfers that this process moves objects of. One transfer may be moved by several processes.',
    registers: [registry],
    collect() {
      this.set(sources.ledger.transferCount);
    },
  });
  new Gauge({
    name: 'worker_throughput_bytes_per_second',
    help: 'Bytes that destinations acknowledged to this process, per second over the last five seconds.',
    registers: [registry],
    collect() {
      this.set(sources.meter.bytesPerSecond);
    },
  });
  return registry;
}
