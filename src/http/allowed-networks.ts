/** Who may see what operators see: addresses of the allowed networks, and nobody where the address cannot be trusted. */
import type { FastifyRequest } from 'fastify';
import { type Networks, parseNetworks } from '../core/networks.ts';
import type { Logger } from '../observability/logger.ts';

const FORWARDING_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip'];

/** True if the request was forwarded in a way from which its sender's address is not known: only X-Forwarded-For is read. */
function isForwarded({ headers }: FastifyRequest, proxyTrusted: boolean): boolean {
  if (proxyTrusted && headers['x-forwarded-for'] !== undefined) return false;
  return FORWARDING_HEADERS.some((name) => headers[name] !== undefined);
}

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
    if (isForwarded(request, options.proxyTrusted)) {
      if (!warned) {
        options.logger.warn(
          'a request was forwarded by a proxy that is not trusted, or without X-Forwarded-For: the rules of ' +
            'ADMIN_ALLOWED_IPS refuse it, since the address of its sender is not known. Set TRUST_PROXY to your proxy',
        );
      }
      warned = true;
      return false;
    }
    return networks.contains(request.ip);
  };
}
