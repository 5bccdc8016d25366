/** The provider's check of the URL: a GET that must be answered with the bare challenge. */
import type { FastifyInstance } from 'fastify';
import { Refusal } from '../../core/errors.ts';
import type { Source } from '../../core/source.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { TrafficLog } from '../../observability/traffic-log.ts';
import type { FailureLimiter } from '../failure-limiter.ts';

export interface HandshakeRoutesOptions {
  readonly sources: readonly Source[];
  readonly limiter: FailureLimiter;
  readonly metrics: Metrics;
  readonly traffic: TrafficLog;
}

export function handshakeRoutes(options: HandshakeRoutesOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    for (const source of options.sources) {
      if (source.provider.handshake !== undefined) handshakeRoute(app, source, options);
    }
  };
}

function handshakeRoute(app: FastifyInstance, source: Source, options: HandshakeRoutesOptions): void {
  const { name, path, provider, verifyTokens } = source;
  const { limiter, metrics, traffic } = options;
  app.get(path, { exposeHeadRoute: false }, async (request, reply) => {
    const query = request.query as Record<string, unknown>;
    const result = provider.handshake?.(query, verifyTokens) ?? { ok: false, reason: 'malformed' as const };
    metrics.handshakes.inc({ source: name, result: result.ok ? 'accepted' : 'refused' });
    if (result.ok) {
      // The challenge is the caller's own text: sent as plain text, which no browser takes for a page.
      reply.header('x-content-type-options', 'nosniff');
      return reply.type('text/plain; charset=utf-8').send(result.challenge);
    }
    const { ip, id: requestId } = request;
    traffic.failure(name, `handshake_${result.reason}`, { requestId, ip }, 'handshake refused');
    if (await limiter.tooMany(request, 'handshake')) {
      throw new Refusal('rate_limited', 'too many failed handshakes from this address');
    }
    throw result.reason === 'malformed'
      ? new Refusal('bad_request', 'a handshake has hub.mode=subscribe, hub.verify_token and hub.challenge')
      : new Refusal('forbidden', 'the verify token is wrong');
  });
}
