/**
 * Addresses that are not simply some host on the internet.
 * https://www.iana.org/assignments/iana-ipv4-special-registry and https://www.iana.org/assignments/iana-ipv6-special-registry
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { type Networks, parseNetworks } from '../core/networks.ts';

export interface SpecialAddress {
  /** With its article: `a private address`. */
  readonly kind: string;
  /** The IPv4 address inside an IPv6 one; null if there is none. */
  readonly inner: string | null;
}

const V4: readonly (readonly [kind: string, networks: Networks])[] = [
  ['a loopback address', parseNetworks(['127.0.0.0/8'])],
  ['a private address', parseNetworks(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'])],
  // Azure's is a public address that means each machine's own host.
  ['an address of cloud metadata', parseNetworks(['169.254.169.254', '100.100.100.200', '168.63.129.16'])],
  ['a link-local address', parseNetworks(['169.254.0.0/16'])],
  ['an address of a carrier-grade NAT', parseNetworks(['100.64.0.0/10'])],
  ['an address of this network', parseNetworks(['0.0.0.0/8'])],
  ['a documentation address', parseNetworks(['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'])],
  ['a multicast address', parseNetworks(['224.0.0.0/4'])],
  // The last contains 255.255.255.255, the broadcast.
  ['a reserved address', parseNetworks(['192.0.0.0/24', '192.88.99.0/24', '198.18.0.0/15', '240.0.0.0/4'])],
];

const V6: readonly (readonly [kind: string, networks: Networks])[] = [
  ['a loopback address', parseNetworks(['::1'])],
  ['an address of cloud metadata', parseNetworks(['fd00:ec2::254', 'fd20:ce::254'])],
  ['a private address', parseNetworks(['fc00::/7'])],
  ['a link-local address', parseNetworks(['fe80::/10'])],
  ['a multicast address', parseNetworks(['ff00::/8'])],
  ['a documentation address', parseNetworks(['2001:db8::/32', '3fff::/20'])],
  // Protocol assignments (with Teredo), and 6to4: both carry an IPv4 address, and nobody's webhooks.
  ['a reserved address', parseNetworks(['2001::/23', '2002::/16'])],
];

const V6_GLOBAL = parseNetworks(['2000::/3']);
/** Through which hosts without IPv4 reach those of IPv4. */
const NAT64 = parseNetworks(['64:ff9b::/96']);

/** What is special about an address; null if nothing is. What is no address is special, too. */
export function specialAddress(text: string): SpecialAddress | null {
  // A zone (`fe80::1%eth0`) only says by which interface.
  const address = text.replace(/%.*$/, '');
  if (isIP(address) === 4) return within(V4, address, null);
  if (isIP(address) === 0) return { kind: 'no address', inner: null };
  const inner = innerV4(address);
  if (inner !== null) return within(V4, inner, inner);
  const special = within(V6, address, null);
  if (special !== null) return special;
  return V6_GLOBAL.contains(address) ? null : { kind: 'a reserved address', inner: null };
}

function within(table: typeof V4, address: string, inner: string | null): SpecialAddress | null {
  const kind = table.find(([, networks]) => networks.contains(address))?.[0];
  return kind === undefined ? null : { kind, inner };
}

/** Of an address that stands for one of IPv4: mapped (`::ffff:0:0/96`), or translated by NAT64. */
function innerV4(address: string): string | null {
  const parsed = ipaddr.IPv6.parse(address);
  if (!parsed.isIPv4MappedAddress() && !NAT64.contains(address)) return null;
  return new ipaddr.IPv4(parsed.toByteArray().slice(-4)).toString();
}
