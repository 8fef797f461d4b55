import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { AppError } from '../../core/errors.ts';
import { type AddressPolicy, createAddressPolicy } from '../../storage/address-policy.ts';

/** What was found of a host is believed for so long. */
const keptMs = 60_000;

/**
 * Whether a cloud may be given a URL to fetch from. One that leads to a private address would at best lead the cloud
 * nowhere, and at worst hand a credential to whatever has that address in its own network.
 */
export class UrlReach {
  readonly #policy: AddressPolicy;
  readonly #hosts = new Map<string, { isPublic: Promise<boolean>; until: number }>();

  /** @param privateRanges Ranges (CIDR) that count as public: INGEST_PRIVATE_ADDRESSES. */
  constructor(privateRanges: readonly string[]) {
    this.#policy = createAddressPolicy(privateRanges);
  }

  /** Throws ADDRESS_NOT_ALLOWED, also for a host that does not resolve here. */
  async assert(url: string): Promise<void> {
    const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
    const now = performance.now();
    let known = this.#hosts.get(host);
    if (!known || known.until < now) {
      for (const [old, { until }] of this.#hosts) if (until < now) this.#hosts.delete(old);
      known = { isPublic: this.#isPublic(host), until: now + keptMs };
      this.#hosts.set(host, known);
    }
    if (await known.isPublic) return;
    throw new AppError(
      'ADDRESS_NOT_ALLOWED',
      `No cloud is told to fetch from ${host}: its address is private, or not known.`,
    );
  }

  async #isPublic(host: string): Promise<boolean> {
    if (isIP(host) !== 0) return this.#policy.allows(host);
    const found = await lookup(host, { all: true }).catch(() => []);
    return found.length > 0 && found.every(({ address }) => this.#policy.allows(address));
  }
}
