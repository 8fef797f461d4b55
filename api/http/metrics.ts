import type { IncomingMessage, ServerResponse } from 'node:http';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Db } from '../../core/db.ts';
import type { Logger } from '../../core/log.ts';

export interface Metrics {
  /** Counts the request once it is answered. Streams of events do not count. */
  observe(request: IncomingMessage, response: ServerResponse, route: string): void;
  /** Everything in Prometheus's text format. Figures out of Postgres are NaN while it is away. */
  send(response: ServerResponse): Promise<void>;
}

interface TransferFigures {
  active: number;
  waiting: number;
  throughput: number;
}

export function createMetrics(db: Db, log: Logger): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const active = gauge(
    'active_transfers_total',
    'Transfers that run now, over all workers. The same from every process of the API.',
  );
  const waiting = gauge(
    'transfer_queue_length',
    'Transfers and batches of running transfers that wait for a worker, over all workers.',
  );
  const throughput = gauge(
    'transfer_throughput_bytes_per_second',
    'Speed of all running transfers together, over all workers.',
  );

  async function readFigures(): Promise<TransferFigures> {
    try {
      const [row] = await db.$queryRaw<TransferFigures[]>`
        SELECT count(*) FILTER (WHERE state = 'RUNNING')::float8 AS active,
          (count(*) FILTER (WHERE state = 'QUEUED') + coalesce(sum(
            (SELECT count(*) FROM transfer_batch
             WHERE transfer_id = transfer.id AND (transfer_batch.state = 'READY'
               OR (transfer_batch.state = 'ADMITTED' AND transfer_batch.fence < transfer_batch.attempt)))
          ) FILTER (WHERE state = 'RUNNING'), 0))::float8 AS waiting,
          coalesce(sum(speed_bytes_per_second) FILTER (WHERE state = 'RUNNING'), 0)::float8 AS throughput
        FROM transfer WHERE state IN ('QUEUED', 'PLANNING', 'RUNNING')`;
      return row ?? { active: 0, waiting: 0, throughput: 0 };
    } catch (error) {
      log.warn({ err: error }, 'figures of transfers cannot be read');
      return { active: Number.NaN, waiting: Number.NaN, throughput: Number.NaN };
    }
  }

  return {
    observe(request, response, route) {
      const started = process.hrtime.bigint();
      response.once('close', () => {
        const stream = String(response.getHeader('content-type') ?? '').startsWith('text/event-stream');
        if (stream) return;
        const seconds = Number(process.hrtime.bigint() - started) / 1e9;
        duration.observe({ method: request.method ?? '', route, status: String(response.statusCode) }, seconds);
      });
    },
    async send(response) {
      const figures = await readFigures();
      active.set(figures.active);
      waiting.set(figures.waiting);
      throughput.set(figures.throughput);
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' });
      response.end(text);
    },
  };
}
