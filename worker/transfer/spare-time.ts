import { performance } from 'node:perf_hooks';

const windowMs = 20;
/** Above this share of its time a process is busy. */
const busyShare = 0.8;

let since = performance.eventLoopUtilization();
let measuredAt = performance.now();
let isBusy = false;

/**
 * Whether this process has had time left just now. One that has none moves nothing sooner by beginning more: it only
 * opens more connections, here and at the clouds.
 */
export function hasSpareTime(): boolean {
  if (performance.now() - measuredAt >= windowMs) {
    const now = performance.eventLoopUtilization();
    isBusy = performance.eventLoopUtilization(now, since).utilization > busyShare;
    since = now;
    measuredAt = performance.now();
  }
  return !isBusy;
}
