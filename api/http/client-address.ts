import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/** Finds out who really calls. */
export type ClientAddress = (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string;

/**
 * The peer of the connection; where that is a trusted proxy, the last address in X-Forwarded-For that is none. What
 * untrusted callers write into the header is ignored. `trusted`: addresses or CIDR ranges (TRUSTED_PROXIES). Throws an
 * Error that names a wrong one.
 */
export function createClientAddress(trusted: readonly string[]): ClientAddress {
  const ranges = trusted.map(parseRange);
  const isTrusted = (address: ipaddr.IPv4 | ipaddr.IPv6) =>
    ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));

  return ({ headers, socket }) => {
    let current = parseAddress(socket.remoteAddress ?? '');
    if (current === null) return 'unknown';
    const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
    while (isTrusted(current)) {
      const previous = parseAddress(forwarded.pop()?.trim() ?? '');
      if (previous === null) break;
      current = previous;
    }
    return current.toString();
  };
}

function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  return ipaddr.isValid(text) ? ipaddr.process(text) : null;
}

function parseRange(range: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  try {
    if (range.includes('/')) return ipaddr.parseCIDR(range);
    const address = ipaddr.process(range);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  } catch {
    throw new Error(`TRUSTED_PROXIES: '${range}' is not an address or a range such as 10.0.0.0/8.`);
  }
}
