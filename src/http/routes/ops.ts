/** The endpoints of operators and monitors: `/health`, `/ready`, `/metrics`. Served by every role. */
import helmet from '@fastify/helmet';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import { Refusal } from '../../core/errors.ts';
import type { Health, Readiness } from '../../core/health.ts';
import type { FailureLimiter } from '../failure-limiter.ts';

export interface OpsRoutesOptions {
  readonly service: string;
  readonly version: string;
  /** Last known states; must touch no dependency. */
  readonly health: () => Health;
  /** Can a webhook be made durable now? Never rejects. */
  readonly readiness: () => Promise<Readiness>;
  readonly registry: Registry;
  /** Number of this process among those that share the port; null if it has the port to itself. */
  readonly instance: number | null;
  /** Who may read the metrics and the detail of `/ready`. */
  readonly allowed: (request: FastifyRequest) => boolean;
  readonly limiter: FailureLimiter;
}

export function opsRoutes(options: OpsRoutesOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    await app.register(helmet);
    app.addHook('onSend', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
    });
    app.get('/health', async () => health(options));
    app.get('/ready', async (request, reply) => {
      const { status, checks } = await options.readiness();
      reply.code(status === 'not_ready' ? 503 : 200);
      if (status === 'not_ready') reply.header('retry-after', '5');
      return options.allowed(request) ? { status, checks } : { status };
    });
    app.get('/metrics', async (request, reply) => {
      await onlyAllowed(request, options);
      const text = await options.registry.metrics();
      reply.type(options.registry.contentType);
      return options.instance === null ? text : `${sharedPortNote(options.instance)}${text}`;
    });
  };
}

/** The process lives: a process that answers at all is healthy, whatever it waits for. */
function health(options: OpsRoutesOptions) {
  return {
    status: 'ok',
    service: options.service,
    version: options.version,
    uptime: Math.round(process.uptime()),
    ...options.health(),
  };
}

async function onlyAllowed(request: FastifyRequest, { allowed, limiter }: OpsRoutesOptions): Promise<void> {
  if (allowed(request)) return;
  if (await limiter.tooMany(request, 'ops')) throw new Refusal('rate_limited', 'too many requests from this address');
  throw new Refusal('forbidden', 'this network may not read the metrics (ADMIN_ALLOWED_IPS)');
}

function sharedPortNote(instance: number): string {
  return `# Instance ${instance} of a cluster: other instances answer on this port too. Set METRICS_PORT to scrape each.\n`;
}
