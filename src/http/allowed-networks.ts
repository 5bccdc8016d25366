/** Who may see what operators see: addresses of the allowed networks, and nobody where the address cannot be trusted. */
import type { FastifyRequest } from 'fastify';
import { type Networks, parseNetworks } from '../core/networks.ts';
import type { Logger } from '../observability/logger.ts';

const FORWARDING_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip'];

export interface AllowedNetworksOptions {
  readonly networks: readonly string[];
  /** True if TRUST_PROXY is set, so that `request.ip` is the client's own address. */
  readonly proxyTrusted: boolean;
  readonly logger: Logger;
}

/**
 * A test for requests. Behind a proxy that is not configured every request seems to come from the proxy's own address,
 * which usually lies in an allowed network: a request that was forwarded is then refused, and the log says why, once.
 */
export function allowedNetworks(options: AllowedNetworksOptions): (request: FastifyRequest) => boolean {
  const networks: Networks = parseNetworks(options.networks);
  let warned = false;
  return (request) => {
    const forwarded = FORWARDING_HEADERS.some((name) => request.headers[name] !== undefined);
    if (forwarded && !options.proxyTrusted) {
      if (!warned) {
        options.logger.warn(
          'a request was forwarded by a proxy and TRUST_PROXY is not set: the rules of ADMIN_ALLOWED_IPS refuse it, ' +
            'since the address of its sender is not known. Set TRUST_PROXY to the address of your proxy',
        );
      }
      warned = true;
      return false;
    }
    return networks.contains(request.ip);
  };
}
