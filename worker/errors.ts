import type { AppError, ErrorCode } from '../core/errors.ts';

/**
 * What the engine does about a failure of one object.
 * - `retry`: tries again after a growing, jittered delay; three tries in a row without progress are one too many.
 * - `wait`: the other side asked for patience or is away (for how long that is believed to pass, the gate knows), or
 *   something of ours is away or wrong: tries again without counting the try.
 * - `give up`: the same try fails again until somebody changes something.
 */
export type Reaction = 'retry' | 'wait' | 'give up';

const reactions = {
  INVALID_INPUT: 'give up',
  UNAUTHENTICATED: 'give up',
  FORBIDDEN: 'give up',
  NOT_FOUND: 'give up',
  CONFLICT: 'give up',
  IDEMPOTENCY_KEY_REUSED: 'give up',
  SIGN_UP_CLOSED: 'give up',
  SIGN_IN_REFUSED: 'give up',
  RATE_LIMITED: 'wait',
  CREDENTIALS_INVALID: 'give up',
  PERMISSION_DENIED: 'give up',
  CONTAINER_NOT_FOUND: 'give up',
  OBJECT_NOT_FOUND: 'give up',
  OBJECT_CHANGED: 'retry',
  SOURCE_CHANGED: 'give up',
  OBJECT_ARCHIVED: 'give up',
  OBJECT_NOT_READABLE: 'give up',
  PRECONDITION_FAILED: 'retry',
  REQUEST_REFUSED: 'give up',
  NAME_NOT_ALLOWED: 'give up',
  NAME_COLLISION: 'give up',
  DESTINATION_EXISTS: 'give up',
  DESTINATION_CHANGED: 'give up',
  DESTINATION_DIFFERS: 'give up',
  LISTING_INCOMPLETE: 'give up',
  OBJECT_TOO_LARGE: 'give up',
  QUOTA_EXCEEDED: 'give up',
  UPLOAD_EXPIRED: 'retry',
  CHECKSUM_MISMATCH: 'retry',
  THROTTLED: 'wait',
  CLOCK_SKEWED: 'wait',
  ADDRESS_NOT_ALLOWED: 'give up',
  ENDPOINT_UNREACHABLE: 'wait',
  ENDPOINT_INVALID: 'give up',
  PROVIDER_UNAVAILABLE: 'retry',
  NOT_SUPPORTED: 'give up',
  CANCELLED: 'retry',
  LEASE_LOST: 'give up',
  SERVICE_UNAVAILABLE: 'wait',
  INTERNAL: 'retry',
} as const satisfies Record<ErrorCode, Reaction>;

/** Tries of one object (or one page of a listing) in a row without progress. */
export const maxTries = 3;
/** Waits in a row without progress, before each counts as a failed try: about ten minutes of throttling. */
export const maxWaits = 40;

const firstDelayMs = 500;
const maxDelayMs = 15_000;
/** Failures are few, so the delays between them grow fast; a throttled account is asked again sooner. */
const growth = { retry: 4, wait: 2 } as const;

/** The reaction to an error. An error that says itself that no try can help is given up whatever its code. */
export function reactionTo(error: AppError): Reaction {
  const reaction = reactions[error.code];
  return error.retry === 'never' && error.code !== 'CANCELLED' ? 'give up' : reaction;
}

/**
 * How long to wait before the next try, in milliseconds: exponential from 0.5 s up to 15 s with jitter of a half, or
 * what the other side asked for where that is longer.
 *
 * @param times Failures or waits in a row so far, from 1.
 */
export function delayMs(
  reaction: 'retry' | 'wait',
  times: number,
  error: AppError,
  random: () => number = Math.random,
): number {
  const full = Math.min(firstDelayMs * growth[reaction] ** (times - 1), maxDelayMs);
  return Math.max(full * (0.5 + random() / 2), error.retryAfterMs ?? 0);
}

/** Counts failures of one thing since it last made progress, and decides what follows each. */
export class Tries {
  readonly #most: number;
  #failures: number;
  #waits = 0;
  #wasOut = false;

  constructor(failures = 0, most = maxTries) {
    this.#failures = failures;
    this.#most = most;
  }

  /** Failed tries in a row, waits not counted. */
  get failures(): number {
    return this.#failures;
  }

  /** Something was achieved since the last failure. */
  progressed(): void {
    this.#failures = 0;
    this.#waits = 0;
  }

  /** Milliseconds to wait before the next try; null: give up. */
  failed(error: AppError): number | null {
    const reaction = reactionTo(error);
    if (reaction === 'give up') {
      this.#failures += 1;
      return null;
    }
    if (reaction === 'wait' && this.#waits < maxWaits) {
      this.#waits += 1;
      return delayMs('wait', this.#waits, error);
    }
    this.#failures += 1;
    return this.#failures < this.#most ? delayMs('retry', this.#failures, error) : null;
  }

  /**
   * Takes the last failure back, because the cloud answered nobody: as long to wait as for other patience. null: it has
   * lasted too long already, or no try can help.
   */
  outage(error: AppError): number | null {
    if (reactionTo(error) === 'give up' || this.#waits >= maxWaits) return null;
    this.#failures -= 1;
    this.#waits += 1;
    this.#wasOut = true;
    return delayMs('wait', this.#waits, error);
  }

  /**
   * Takes the last failure back, once, because the cloud answers others again, and may not have when it failed: as long to
   * wait as after a first failure. null: there was no outage before it, or no try can help.
   */
  recovered(error: AppError): number | null {
    if (reactionTo(error) === 'give up' || !this.#wasOut) return null;
    this.#wasOut = false;
    this.#failures -= 1;
    return delayMs('retry', 1, error);
  }
}
