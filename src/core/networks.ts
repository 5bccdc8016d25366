/** Address rules: which networks an address belongs to. */
import ipaddr from 'ipaddr.js';

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** A set of networks. */
export interface Networks {
  /** True if the address lies in one of them; false for what is no address. IPv4-mapped IPv6 counts as IPv4. */
  contains(address: string): boolean;
}

/**
 * Reads addresses and CIDR ranges such as `10.0.0.0/8`, `192.0.2.7` or `2001:db8::/32`.
 *
 * @throws RangeError that names the first entry that is neither
 */
export function parseNetworks(entries: readonly string[]): Networks {
  const ranges = entries.map(parseRange);
  return {
    contains(address) {
      if (!isAddress(address)) return false;
      const parsed = ipaddr.process(address);
      return ranges.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits));
    },
  };
}

function parseRange(entry: string): Range {
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(entry) || ipaddr.IPv6.isValidCIDR(entry)) return ipaddr.parseCIDR(entry);
  if (isAddress(entry)) {
    const address = ipaddr.process(entry);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  }
  throw new RangeError(`"${entry}" is neither an address nor a CIDR range such as 10.0.0.0/8`);
}

/** The library also takes the ancient short forms (`10.1` is 10.0.0.1), which here are a slip of the pen or a disguise. */
function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
}
