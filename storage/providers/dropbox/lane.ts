import { AppError } from '../../../core/errors.ts';

/** Most entries of one batch (upload_session/finish_batch_v2). */
const maxBatch = 1000;

/** One file to commit, and its result or error as the batch states it. */
interface Commit<Entry, Result> {
  space: string;
  entry: Entry;
  resolve(result: Result): void;
  reject(error: unknown): void;
  /** Whether nobody waits for it any more. */
  isOver(): boolean;
  /** Resolves when nobody does. */
  readonly over: Promise<void>;
}

type Job<Entry, Result> = { commit: Commit<Entry, Result> } | { run: () => Promise<void>; isOver(): boolean };
type Settle<T> = Omit<Commit<never, T>, 'space' | 'entry'>;

/** Commits a batch; results come in the order of the entries, an AppError where one was refused. */
export type SendBatch<Entry, Result> = (
  space: string,
  entries: Entry[],
  signal: AbortSignal,
) => Promise<(Result | AppError)[]>;

/**
 * Everything that writes to an account goes one after another: Dropbox takes one write to a namespace at a time and
 * refuses those that meet (`too_many_write_operations`). Commits that wait while another write is under way go together
 * in the next batch, so that many small files cost few calls. The bytes have been sent by then, in parallel.
 */
export class WriteLane<Entry, Result> {
  readonly #sendBatch: SendBatch<Entry, Result>;
  #waiting: Job<Entry, Result>[] = [];
  #isBusy = false;

  constructor(sendBatch: SendBatch<Entry, Result>) {
    this.#sendBatch = sendBatch;
  }

  /** Commits in the next batch of the space. Once aborted it rejects with CANCELLED; what was sent may happen still. */
  commit(space: string, entry: Entry, signal: AbortSignal): Promise<Result> {
    return this.#waitFor<Result>(signal, (settle) => ({ commit: { space, entry, ...settle } }));
  }

  /** Runs one write of another kind, alone. `run` ends by itself when its signal is aborted. */
  alone<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#waitFor<T>(signal, ({ resolve, reject, isOver }) => ({
      run: () => run().then(resolve, reject),
      isOver,
    }));
  }

  #waitFor<T>(
    signal: AbortSignal,
    toJob: (settle: Settle<T>) => Job<Entry, Result> | { commit: Commit<Entry, T> },
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let isOver = false;
      const { promise: over, resolve: endWait } = Promise.withResolvers<void>();
      const cancel = () => end(() => reject(new AppError('CANCELLED', 'The call was cancelled.')));
      const end = (settle: () => void) => {
        isOver = true;
        endWait();
        signal.removeEventListener('abort', cancel);
        settle();
      };
      if (signal.aborted) {
        cancel();
        return;
      }
      signal.addEventListener('abort', cancel);
      const job = toJob({
        resolve: (value) => end(() => resolve(value)),
        reject: (error) => end(() => reject(error)),
        isOver: () => isOver,
        over,
      });
      this.#waiting.push(job as Job<Entry, Result>);
      if (!this.#isBusy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    // Calls that come in the same tick go together.
    await Promise.resolve();
    for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
      if ('run' in job) {
        if (!job.isOver()) await job.run();
      } else {
        await this.#commitWith(job.commit);
      }
    }
    this.#isBusy = false;
  }

  /** Sends a commit and all others of its space that wait. */
  async #commitWith(first: Commit<Entry, Result>): Promise<void> {
    const batch = [first];
    this.#waiting = this.#waiting.filter((job) => {
      if ('run' in job || job.commit.space !== first.space || batch.length === maxBatch) return true;
      batch.push(job.commit);
      return false;
    });
    const wanted = batch.filter((commit) => !commit.isOver());
    if (wanted.length === 0) return;
    // The batch is given up when nobody waits for any part of it.
    const controller = new AbortController();
    void Promise.all(wanted.map((commit) => commit.over)).then(() => controller.abort());
    try {
      const entries = wanted.map((commit) => commit.entry);
      const results = await this.#sendBatch(first.space, entries, controller.signal);
      for (const [index, commit] of wanted.entries()) {
        const result = results[index];
        if (result instanceof AppError) commit.reject(result);
        else if (result !== undefined) commit.resolve(result);
        else commit.reject(new AppError('PROVIDER_UNAVAILABLE', 'Dropbox did not answer for every file of a batch.'));
      }
    } catch (error) {
      for (const commit of wanted) commit.reject(error);
    }
  }
}
