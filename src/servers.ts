/** Which routes stand on which port, and what they are told of the rest of the gateway. */
import type { Api } from './api.ts';
import { type Config, clusterInstance } from './config.ts';
import type { Health } from './core/health.ts';
import type { Clock } from './core/ports.ts';
import type { Source } from './core/source.ts';
import type { Spool } from './core/spool.ts';
import { allowedNetworks } from './http/allowed-networks.ts';
import { API_PREFIX, apiRoutes } from './http/api/api-scope.ts';
import { createApiAuth } from './http/api/auth.ts';
import type { FailureLimiter } from './http/failure-limiter.ts';
import { leaveCluster } from './http/leave-cluster.ts';
import { listen } from './http/listen.ts';
import { handshakeRoutes } from './http/routes/handshake.ts';
import { opsRoutes } from './http/routes/ops.ts';
import { webhookRoutes } from './http/routes/webhooks.ts';
import { createHttpServer, type HttpServer } from './http/server.ts';
import type { Ingest } from './ingest/pipeline.ts';
import type { Logger } from './observability/logger.ts';
import type { Metrics } from './observability/metrics.ts';
import type { TrafficLog } from './observability/traffic-log.ts';
import { SERVICE, VERSION } from './package.ts';
import { readiness } from './readiness.ts';
import type { Storage } from './storage/open-storage.ts';

/** Milliseconds of a stop that are kept for the last batch, the pools and the embedded PostgreSQL. */
const CLOSE_RESERVE = 2_500;

export type Phase = 'starting' | 'running' | 'stopping';

/** What the routes are made of. */
export interface Parts {
  readonly config: Config;
  readonly logger: Logger;
  readonly sources: readonly Source[];
  readonly storage: Storage;
  /** Null in a process that takes no webhooks. */
  readonly spool: Spool | null;
  readonly ingest: Ingest;
  /** Null in a process that does not serve the API. */
  readonly api: Api | null;
  readonly metrics: Metrics;
  readonly traffic: TrafficLog;
  readonly clock: Clock;
  readonly phase: () => Phase;
}

/** The open ports. */
export interface Servers {
  /** Base URL of the public one. */
  readonly url: string;
  /** Base URL of the API; null if it is not served. */
  readonly apiUrl: string | null;
  /** From now on each answer closes its connection, and those that go on for ever end. */
  beginClosing(): void;
  /** Answers what has arrived, and closes the ports. */
  close(): Promise<void>;
}

/** @throws StartupError if a port cannot be opened; none is open then */
export async function openServers(parts: Parts): Promise<Servers> {
  const { HOST: host, PORT: port, METRICS_PORT: metricsPort, ADMIN_PORT: apiPort } = parts.config;
  const main = await publicServer(parts);
  const apart = metricsPort === undefined ? null : await metricsServer(parts);
  const ofApi = apiPort === undefined || parts.api === null ? null : await apiServer(parts, parts.api);
  const servers = [main, apart, ofApi].filter((server) => server !== null);
  const close = async () => {
    const limit = closeLimit(parts.config);
    // Those that had no end yet: they would be waited for.
    parts.api?.streams.end();
    await Promise.all(servers.map((server) => server.close(limit)));
    await parts.api?.streams.close();
    await leaveCluster();
  };
  try {
    const url = await listen(main.app, { host, port, variable: 'PORT' });
    if (apart !== null && metricsPort !== undefined) {
      const own = metricsPort === 0 ? 0 : metricsPort + (clusterInstance() ?? 0);
      const metricsUrl = await listen(apart.app, { host, port: own, variable: 'METRICS_PORT' });
      parts.logger.info({ url: `${metricsUrl}/metrics` }, 'the metrics have a port of their own');
    }
    const apiBase =
      ofApi === null ? url : await listen(ofApi.app, { host, port: apiPort ?? 0, variable: 'ADMIN_PORT' });
    const apiUrl = parts.api === null ? null : `${apiBase}${API_PREFIX}`;
    const beginClosing = () => {
      for (const server of [main, ofApi]) server?.beginClosing();
      parts.api?.streams.end();
    };
    return { url, apiUrl, beginClosing, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Milliseconds for requests under way at a stop: what is left of its time, less what closing everything else takes. */
function closeLimit({ SHUTDOWN_TIMEOUT_MS, SHUTDOWN_DELAY_MS }: Config): number {
  return Math.max(1_000, SHUTDOWN_TIMEOUT_MS - SHUTDOWN_DELAY_MS - CLOSE_RESERVE);
}

function serverSettings({ config, logger, storage }: Parts) {
  return {
    logger,
    trustProxy: config.TRUST_PROXY,
    failuresAMinute: config.RATE_LIMIT_MAX,
    sharedCounters: storage.redis,
  };
}

function publicServer(parts: Parts): Promise<HttpServer> {
  const { sources, ingest, api, metrics, traffic, logger, config, clock } = parts;
  return createHttpServer({
    ...serverSettings(parts),
    async routes(app, limiter) {
      await app.register(opsRoutes({ ...opsSettings(parts, clusterInstance()), limiter }));
      await app.register(handshakeRoutes({ sources, limiter, metrics, traffic }));
      const { receive, budget } = ingest;
      const bodyLimit = config.BODY_LIMIT_BYTES;
      await app.register(
        webhookRoutes({ sources, receive, budget, bodyLimit, limiter, metrics, traffic, logger, clock }),
      );
      if (api !== null && config.ADMIN_PORT === undefined) await app.register(apiScope(parts, api, limiter));
    },
  });
}

/** On a port that may be closed to the outside while the webhooks are not. */
function apiServer(parts: Parts, api: Api): Promise<HttpServer> {
  return createHttpServer({
    ...serverSettings(parts),
    routes: async (app, limiter) => void (await app.register(apiScope(parts, api, limiter))),
  });
}

function apiScope(parts: Parts, { endpoints, checkKey }: Api, limiter: FailureLimiter) {
  const auth = createApiAuth({ allowed: adminNetworks(parts), limiter, checkKey });
  return apiRoutes({ endpoints, auth, origins: parts.config.ADMIN_ALLOWED_ORIGINS ?? [] });
}

function adminNetworks({ config, logger }: Parts) {
  const { ADMIN_ALLOWED_IPS: networks, TRUST_PROXY } = config;
  return allowedNetworks({ networks, proxyTrusted: TRUST_PROXY !== undefined, logger });
}

/** On a port that no other instance of a cluster shares, so that each can be scraped. */
function metricsServer(parts: Parts): Promise<HttpServer> {
  return createHttpServer({
    ...serverSettings(parts),
    async routes(app, limiter) {
      await app.register(opsRoutes({ ...opsSettings(parts, null), limiter }));
    },
  });
}

function opsSettings(parts: Parts, instance: number | null) {
  const { storage, metrics } = parts;
  return {
    service: SERVICE,
    version: VERSION,
    registry: metrics.registry,
    instance,
    allowed: adminNetworks(parts),
    health: (): Health => ({ database: storage.databaseState(), redis: storage.redisState() }),
    readiness: () => readiness(parts),
  };
}
