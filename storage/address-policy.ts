import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { AppError } from '../core/errors.ts';

/**
 * Decides which network addresses a user-supplied endpoint may lead to. It judges resolved addresses at the moment of
 * connecting, never host names: spellings (octal, decimal, 0x7f.1), DNS tricks and rebinding all end in an address.
 */
export interface AddressPolicy {
  /** Whether a connection to this IP address (literal form, IPv6 without brackets) may be made. */
  allows(address: string): boolean;
  /** Throws ADDRESS_NOT_ALLOWED. `host` is what the user typed; the message names it and not what it resolved to. */
  assertAllowed(address: string, host: string): void;
  /**
   * Drop-in for the `lookup` option of net.connect: resolves and hands on only allowed addresses, so that the very
   * addresses that were checked are connected to. Fails with ADDRESS_NOT_ALLOWED when none is left. Node does not call
   * it for hosts that are addresses already: those need `assertAllowed`.
   */
  readonly lookup: LookupFunction;
}

/**
 * Only globally reachable unicast addresses, and those inside `allowedCidrs` (ALLOWED_PRIVATE_ADDRESSES): ranges such
 * as `10.0.0.0/8` or `fd00::/8`, or single addresses. Throws an Error that names a range that is none.
 */
export function createAddressPolicy(
  allowedCidrs: readonly string[],
  resolve: LookupFunction = systemLookup as LookupFunction,
): AddressPolicy {
  const allowed = allowedCidrs.map(parseRange);

  function allows(address: string): boolean {
    // ipaddr.js reads the deprecated ::a.b.c.d as if it were IPv4-mapped, which is another address.
    if (isIP(address) === 0 || !ipaddr.isValid(address) || /^::\d+\./.test(address)) return false;
    // `process` turns ::ffff:a.b.c.d into the IPv4 address that the system would connect to.
    const parsed = ipaddr.process(address);
    if (allowed.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits))) return true;
    return isGloballyReachable(parsed);
  }

  function refusal(host: string): AppError {
    return new AppError('ADDRESS_NOT_ALLOWED', `The address of ${host} is private or reserved.`);
  }

  const lookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) {
        callback(error, []);
        return;
      }
      const addresses = Array.isArray(found) ? found : [{ address: found, family: isIP(found) }];
      const usable = addresses.filter(({ address }) => allows(address));
      const [first] = usable;
      if (first === undefined) callback(refusal(hostname), []);
      else if (options.all) callback(null, usable);
      else callback(null, first.address, first.family);
    });
  };

  return {
    allows,
    assertAllowed(address, host) {
      if (!allows(address)) throw refusal(host);
    },
    lookup,
  };
}

type Range = ReturnType<typeof ipaddr.parseCIDR>;

function parseRange(range: string): Range {
  try {
    const [network, bits] = ipaddr.parseCIDR(
      range.includes('/') ? range : `${range}/${ipaddr.parse(range).kind() === 'ipv4' ? 32 : 128}`,
    );
    if (isIP(range.split('/')[0] as string) === 0) throw new Error('not an address');
    return [network, bits] as Range;
  } catch {
    throw new Error(`ALLOWED_PRIVATE_ADDRESSES: '${range}' is not an address range such as 10.0.0.0/8 or fd00::/8.`);
  }
}

/** Azure's virtual public address of the host's own services (DHCP, DNS, credentials of the machine). */
const azureWireServer = ipaddr.parse('168.63.129.16');
/** The only block that IANA assigns global unicast IPv6 from; everything beside it is special or unassigned. */
const globalUnicast = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];

function isGloballyReachable(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== 'unicast') return false;
  if (address instanceof ipaddr.IPv4) return address.toString() !== azureWireServer.toString();
  if (!address.match(globalUnicast)) return false;
  // ISATAP (RFC 5214) carries an IPv4 address behind 0:5efe or 200:5efe under any prefix.
  return !((address.parts[4] === 0 || address.parts[4] === 0x200) && address.parts[5] === 0x5efe);
}
