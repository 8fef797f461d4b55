import type { Logger } from '../core/log.ts';
import { isOutage } from '../core/outage.ts';

export type Service = 'postgres' | 'redis';

/** Whether Postgres and Redis answer, as this process last saw it; each change is logged once. */
export class Outages {
  readonly #log: Logger;
  readonly #onBack: (service: Service) => void;
  /** Undefined: not known yet. */
  readonly #isThere: Record<Service, boolean | undefined> = { postgres: undefined, redis: undefined };

  /** @param onBack Called when a service answers for the first time, and whenever it answers again. */
  constructor(log: Logger, onBack: (service: Service) => void) {
    this.#log = log;
    this.#onBack = onBack;
  }

  /** Whether both are known to answer. */
  get none(): boolean {
    return this.#isThere.postgres === true && this.#isThere.redis === true;
  }

  away(service: Service): void {
    if (this.#isThere[service] !== false) this.#log.warn({ service }, 'service is away; waiting for it');
    this.#isThere[service] = false;
  }

  back(service: Service): void {
    const before = this.#isThere[service];
    if (before === true) return;
    if (before === false) this.#log.info({ service }, 'service is back');
    this.#isThere[service] = true;
    this.#onBack(service);
  }

  /** For errors of background work: an outage is known by other means, anything else is worth a line. */
  report = (error: unknown): void => {
    if (!isOutage(error)) this.#log.error({ err: error }, 'background work failed');
  };
}
