import { type JobsOptions, Queue } from 'bullmq';
import type { Redis } from '../core/redis.ts';
import { type JobName, queueNames } from './jobs.ts';

/** A job on its way to BullMQ; name, payload and id as queue/jobs.ts has them. */
export interface QueuedJob {
  name: JobName;
  payload: object;
  id: string;
  /** From 1; lower ones are worked on first, and those without one before all of them. */
  priority?: number;
}

export interface JobQueue {
  /** Whether Redis can take jobs at this moment. */
  readonly ready: boolean;
  /** Hands over jobs, in order. A job whose id still waits is not added twice. Rejects while Redis is away. */
  add(jobs: readonly QueuedJob[]): Promise<void>;
  /**
   * Which of these ids wait for a worker. One that a worker has begun with does not: whether that worker still lives BullMQ
   * knows only by a lock of 30 s, Postgres by what the worker has taken. Rejects while Redis is away.
   */
  waiting(name: JobName, ids: readonly string[]): Promise<Set<string>>;
  close(): Promise<void>;
}

/**
 * Attempts belong to Postgres, so BullMQ never repeats a job by itself; finished jobs are trimmed at once, failed ones
 * (a defect, never an ordinary failure) are kept a while for whoever looks into them.
 */
const jobOptions = {
  attempts: 1,
  removeOnComplete: true,
  removeOnFail: { age: 24 * 3600, count: 1_000 },
} satisfies JobsOptions;

/** @param redis Fails fast while Redis is away (core/redis.ts createRedis); the caller closes it after the queue. */
export function createQueue(redis: Redis): JobQueue {
  const open = (name: JobName) => {
    const queue = new Queue(queueNames[name], { connection: redis, skipVersionCheck: true });
    // Reported by whoever calls, and by readiness.
    queue.on('error', () => {});
    return queue;
  };
  const queues = {
    'transfer.plan': open('transfer.plan'),
    'transfer.express-plan': open('transfer.express-plan'),
    'transfer.batch': open('transfer.batch'),
    'transfer.express': open('transfer.express'),
  };
  const assertReady = () => {
    if (redis.status !== 'ready') throw new Error('Connection is closed.');
  };
  return {
    get ready() {
      return redis.status === 'ready';
    },
    async add(jobs) {
      assertReady();
      for (const [name, queue] of Object.entries(queues)) {
        const own = jobs.filter((job) => job.name === name);
        if (own.length === 0) continue;
        await queue.addBulk(
          own.map(({ payload, id, priority }) => ({
            ...{ name, data: payload },
            opts: { ...jobOptions, jobId: id, ...(priority !== undefined && { priority }) },
          })),
        );
      }
    },
    async waiting(name, ids) {
      assertReady();
      const jobs = await Promise.all(ids.map((id) => queues[name].getJob(id)));
      return new Set(ids.filter((_, index) => jobs[index] && jobs[index].processedOn === undefined));
    },
    async close() {
      await Promise.all(Object.values(queues).map((queue) => queue.close()));
    },
  };
}
