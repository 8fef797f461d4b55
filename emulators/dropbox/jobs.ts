import { randomBytes } from 'node:crypto';
import { RouteError, union } from './errors.ts';

/** Most jobs whose results are kept. */
const KEPT = 10_000;

/** When work is given up. */
interface Limit {
  endsAt: number;
  giveUp(): void;
}

/** Work whose result is asked for later. https://www.dropbox.com/developers/documentation/http/documentation#async */
export class Jobs {
  readonly #now: () => number;
  readonly #results = new Map<
    string,
    { settled: boolean; asked: boolean; result: unknown; limit: Limit | undefined }
  >();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Starts a job; its id, as an endpoint answers it. */
  launch(work: Promise<unknown>, limit?: Limit): Record<string, unknown> {
    const id = `dbjid:${randomBytes(18).toString('base64url')}`;
    const job = { settled: false, asked: false, result: undefined as unknown, limit };
    this.#results.set(id, job);
    for (const oldest of this.#results.keys()) {
      if (this.#results.size <= KEPT) break;
      this.#results.delete(oldest);
    }
    void work.then((result) => {
      job.settled = true;
      job.result = result;
    });
    return { '.tag': 'async_job_id', async_job_id: id };
  }

  /** The result, or that it is under way; the first who asks hears that always. @throws RouteError invalid_async_job_id */
  check(id: string): unknown {
    const job = this.#results.get(id);
    if (job === undefined) throw new RouteError(union('invalid_async_job_id'));
    if (job.limit !== undefined && this.#now() >= job.limit.endsAt) job.limit.giveUp();
    const early = !job.asked;
    job.asked = true;
    return early || !job.settled ? { '.tag': 'in_progress' } : job.result;
  }
}
