/**
 * Where deliveries may go. Whoever may configure a destination must not reach through the gateway what only the gateway can
 * reach: the services of its own machine and network, and the metadata of its cloud.
 *
 * The URL is checked when it is configured, for the sake of a clear message. What protects is the check at the connection: the
 * addresses that a name resolves to are judged, and exactly those are connected to. So neither a name that means something
 * else tomorrow nor one that alternates gets past it.
 */
import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { parseNetworks } from '../core/networks.ts';
import { specialAddress } from './special-addresses.ts';

const URL_MAX_LENGTH = 2_000;

/** The address is none that deliveries may go to. */
export class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError';
}

/** A name cannot be resolved. */
export class ResolveError extends Error {
  override readonly name = 'ResolveError';
}

/** `dns.lookup` with `all: true`. */
export type Resolve = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface AddressGuardOptions {
  /** `DELIVERY_ALLOW_NETWORKS`: addresses and CIDR ranges that are allowed although they are special. */
  readonly allow: readonly string[];
  /** Default: the system's, with its hosts file. */
  readonly resolve?: Resolve;
}

export interface AddressGuard {
  /** What is wrong with the URL of a destination, as a sentence that begins with "the"; null if nothing can be told from it alone. */
  checkUrl(url: string): string | null;
  /** The same for an address: null if deliveries may go there. */
  checkAddress(address: string): string | null;
  /** For `net.connect`: gives those of the name's addresses to which deliveries may go. Fails with one of the errors above. */
  readonly lookup: LookupFunction;
}

/** @throws RangeError for what is neither an address nor a range */
export function createAddressGuard({ allow, resolve = systemLookup }: AddressGuardOptions): AddressGuard {
  const allowed = parseNetworks(allow);

  const checkAddress = (address: string): string | null => {
    const special = specialAddress(address);
    if (special === null || allowed.contains(address)) return null;
    if (special.inner !== null && allowed.contains(special.inner)) return null;
    return `the address ${address} is ${special.kind}, and DELIVERY_ALLOW_NETWORKS does not allow it: add it there and restart the gateway if deliveries may go to it`;
  };

  const checkName = (name: string): string | null => {
    if (name === '') return 'the URL names no host';
    // Of every name these alone say by themselves where they lead.
    if (!/(?:^|\.)localhost$/.test(name)) return null;
    const [v4, v6] = [checkAddress('127.0.0.1'), checkAddress('::1')];
    return v4 !== null && v6 !== null ? `the host is this machine itself: ${v4}` : null;
  };

  return {
    checkAddress,
    checkUrl(text) {
      if (text.length > URL_MAX_LENGTH) return `the URL has more than ${URL_MAX_LENGTH} characters`;
      if (!URL.canParse(text)) return 'the URL cannot be read: write one such as https://example.com/webhooks';
      const url = new URL(text);
      if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'the URL must begin with https:// or http://';
      if (url.username !== '' || url.password !== '') {
        return 'the URL holds a user or password: put them into a secret header (Authorization)';
      }
      if (url.port === '0') return 'the port 0 is none that can be connected to';
      const host = hostOf(url);
      return isIP(host) === 0 ? checkName(host) : checkAddress(host);
    },
    lookup(hostname, options, callback) {
      // Node asks for several where it tries them side by side (Happy Eyeballs), else for one.
      resolve(hostname, { ...options, all: true }, (error, addresses) => {
        if (error !== null || addresses.length === 0) {
          return callback(new ResolveError(`the name cannot be resolved (${error?.code ?? 'no address'})`), []);
        }
        const good = addresses.filter(({ address }) => checkAddress(address) === null);
        const [first] = good;
        if (first === undefined) {
          const reason = checkAddress(addresses[0]?.address ?? '') ?? '';
          return callback(new ForbiddenAddressError(reason), []);
        }
        if (options.all === true) callback(null, good);
        else callback(null, first.address, first.family);
      });
    },
  };
}

/** The host without brackets and without the dot that ends an absolute name. The URL parser has already made it lower-case and decimal. */
function hostOf({ hostname }: Pick<URL, 'hostname'>): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}
