import type { Db } from '../../core/db.ts';
import type { Logger } from '../../core/log.ts';
import { isOutage } from '../../core/outage.ts';
import type { ProgressRow } from '../../queue/progress.ts';
import type { Accounts } from './accounts.ts';
import type { Budget } from './budget.ts';
import { pause } from './gate.ts';
import type { PlanLease } from './plan/plan-lease.ts';
import type { PriceTable } from './plan/prices.ts';
import type { Ledger } from './progress.ts';
import type { RefusedRoutes } from './route.ts';
import type { UrlReach } from './url-reach.ts';

/** What every job of one process works with. */
export interface Engine {
  db: Db;
  log: Logger;
  accounts: Accounts;
  budget: Budget;
  refusedRoutes: RefusedRoutes;
  urlReach: UrlReach;
  ledger: Ledger;
  /** Of the plans that are made here. */
  planLeases: Set<PlanLease>;
  /** What plans are priced by. */
  prices: PriceTable;
  /** Tells subscribers of a committed row. Never throws. */
  publish(row: ProgressRow): void;
  /** Batches may be ready to be admitted. */
  kickDispatcher(): void;
  /** Aborted when the process shuts down: nothing new begins. */
  stopping: AbortSignal;
}

const outageRetryMs = 500;

/**
 * Runs a statement, again and again while the database is away; it must be harmless to run twice. Rejects with the
 * signal's reason when that is aborted meanwhile.
 */
export async function patiently<T>(signal: AbortSignal, statement: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await statement();
    } catch (error) {
      if (!isOutage(error)) throw error;
      await pause(outageRetryMs, signal);
    }
  }
}
