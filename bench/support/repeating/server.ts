import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export const bucket = 'bench';

export interface Order {
  kind: 'where' | 'fill' | 'sample' | 'release' | 'count';
  prefix?: string;
  count?: number;
  sizeBytes?: number;
  isSlow?: boolean;
}

/** Keys of the objects that are on their way. */
export interface Sample {
  /** Of a source: a range is being sent. */
  streaming: string[];
  /** Of a destination: parts are acknowledged, and one is being received. */
  underWay: string[];
  /** Of a destination: one is being received, whether or not any is acknowledged. */
  receiving: string[];
}

/** A local S3 server in a process of its own whose objects repeat one block, and take no memory. */
export class RepeatingServer {
  readonly #child: ChildProcess;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<RepeatingServer & { credentials: object }> {
    const server = new RepeatingServer(fork(join(import.meta.dirname, 'host.ts'), { stdio: 'inherit' }));
    const access = await server.ask<object>({ kind: 'where' });
    return Object.assign(server, { credentials: { s3: { ...access, addressing: 'PATH' } } });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Gives an order and resolves to the answer; one after the other. Rejects when the process ends. */
  ask<Answer>(order: Order): Promise<Answer> {
    const answer = this.#last.then(async () => {
      const ended = new AbortController();
      const onExit = () => ended.abort();
      this.#child.once('exit', onExit);
      try {
        this.#child.send(order);
        const [told] = await once(this.#child, 'message', { signal: ended.signal });
        return told as Answer;
      } finally {
        this.#child.off('exit', onExit);
      }
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}
