import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { Logger } from '../core/log.ts';
import type { RequestScope } from './errors.ts';

/** The HTTP request that is being served, for code that gets no context. */
export const currentRequest = new AsyncLocalStorage<RequestScope>();

export function newScope(log: Logger): RequestScope {
  const requestId = randomUUID();
  return { requestId, log: log.child({ requestId }) };
}
