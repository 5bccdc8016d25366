/** The one place where everything is wired, and where the role picks its routes. */
import { resolve } from 'node:path';
import { type Config, clusterInstance } from './config.ts';
import type { Health, Readiness } from './core/health.ts';
import type { Source } from './core/source.ts';
import { allowedNetworks } from './http/allowed-networks.ts';
import { listen } from './http/listen.ts';
import { handshakeRoutes } from './http/routes/handshake.ts';
import { opsRoutes } from './http/routes/ops.ts';
import { webhookRoutes } from './http/routes/webhooks.ts';
import { createHttpServer, type HttpServer } from './http/server.ts';
import { createIngest, type Ingest } from './ingest/pipeline.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics, type Metrics } from './observability/metrics.ts';
import { TrafficLog } from './observability/traffic-log.ts';
import { SERVICE, VERSION } from './package.ts';
import { configuredSources } from './sources.ts';
import { leaveDaemonFile, removeDaemonFile } from './storage/disk/daemon-file.ts';
import { ensureGeneratedSecret } from './storage/disk/generated-secrets.ts';
import { openStorage, type Storage } from './storage/open-storage.ts';

/** A running daemon. */
export interface Gateway {
  /** Base URL, for instance `http://127.0.0.1:3000`. */
  readonly url: string;
  /** Sources served; none in the role `worker`. */
  readonly sources: readonly Source[];
  /** Names of the secrets that are generated ones, because none was configured. */
  readonly generated: readonly string[];
  readonly storage: Storage;
  /** Not ready, serve on for `SHUTDOWN_DELAY_MS`, finish what is in flight, close everything. Idempotent. */
  stop(): Promise<void>;
}

interface Parts {
  readonly config: Config;
  readonly logger: Logger;
  readonly sources: readonly Source[];
  readonly storage: Storage;
  readonly ingest: Ingest;
  readonly metrics: Metrics;
  readonly traffic: TrafficLog;
  readonly phase: () => Phase;
}

type Phase = 'starting' | 'running' | 'stopping';
const now = () => new Date();

/**
 * @param signal cuts the start short: what has been opened is closed again, and the promise resolves to null
 * @throws StartupError if the daemon cannot run here, and trying again does not help
 */
export async function startGateway(config: Config, logger: Logger, signal?: AbortSignal): Promise<Gateway | null> {
  const dataDir = resolve(config.DATA_DIR);
  const closers: (() => unknown)[] = [];
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    let phase: Phase = 'starting';
    // First: it decides the modes of DATA_DIR, where another user may have to pass.
    const storage = await openStorage({
      databaseUrl: config.DATABASE_URL,
      redisUrl: config.REDIS_URL,
      dataDir,
      ingestConnections: config.BATCH_FLIGHTS,
      otherConnections: config.DATABASE_POOL_SIZE,
      commitTimeoutMs: config.COMMIT_TIMEOUT_MS,
      dedupeTtlSeconds: config.DEDUPE_TTL_SECONDS,
      migrateOnStart: config.MIGRATE_ON_START,
      logger,
    });
    closers.push(() => storage.close());
    const generated: string[] = [];
    const allSources = configuredSources(config, (name) => {
      generated.push(name);
      return ensureGeneratedSecret(dataDir, name);
    });
    const sources = config.ROLE === 'worker' ? [] : allSources;
    const metrics = createMetrics({
      version: VERSION,
      sources: sources.map(({ name, secrets }) => ({ name, secrets: secrets.length })),
    });
    metrics.watchDependencies({
      database: () => storage.databaseState() === 'up',
      redis: () => storage.redisState() === 'up',
    });
    const traffic = new TrafficLog(logger);
    closers.push(() => traffic.close());
    const ingest = createIngest({
      store: storage.events,
      seen: storage.seen,
      maxBytes: config.INGEST_MAX_BYTES,
      batchMaxRequests: config.BATCH_MAX_REQUESTS,
      batchFlights: config.BATCH_FLIGHTS,
      commitTimeoutMs: config.COMMIT_TIMEOUT_MS,
      metrics,
      traffic,
      logger,
      clock: now,
    });
    closers.push(() => ingest.close());
    // Whoever is sent here finds the tables ready, if PostgreSQL is there at all.
    await storage.settled(signal);
    if (signal?.aborted) {
      await closeAll();
      return null;
    }

    const parts: Parts = { config, logger, sources, storage, ingest, metrics, traffic, phase: () => phase };
    const server = await publicServer(parts);
    closers.push(() => server.close());
    const url = await listen(server.app, { host: config.HOST, port: config.PORT, variable: 'PORT' });
    if (config.METRICS_PORT !== undefined) closers.push(await serveMetricsApart(parts, config.METRICS_PORT));
    const webhooks = Object.fromEntries(sources.map(({ name, path }) => [name, `${url}${path}`]));
    leaveDaemonFile(dataDir, { pid: process.pid, url, webhooks });
    phase = 'running';

    let stopping: Promise<void> | undefined;
    const stop = async () => {
      phase = 'stopping';
      removeDaemonFile(dataDir);
      server.beginClosing();
      await new Promise((done) => setTimeout(done, config.SHUTDOWN_DELAY_MS));
      await closeAll();
    };
    return {
      url,
      sources,
      generated,
      storage,
      stop: () => {
        stopping ??= stop();
        return stopping;
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
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
  const { sources, ingest, metrics, traffic, logger, config } = parts;
  return createHttpServer({
    ...serverSettings(parts),
    async routes(app, limiter) {
      await app.register(opsRoutes({ ...opsSettings(parts, clusterInstance()), limiter }));
      await app.register(handshakeRoutes({ sources, limiter, metrics, traffic }));
      const { receive, budget } = ingest;
      const bodyLimit = config.BODY_LIMIT_BYTES;
      await app.register(
        webhookRoutes({ sources, receive, budget, bodyLimit, limiter, metrics, traffic, logger, clock: now }),
      );
    },
  });
}

/** A port that no other instance of a cluster shares, so that each can be scraped. */
async function serveMetricsApart(parts: Parts, port: number): Promise<() => Promise<void>> {
  const server = await createHttpServer({
    ...serverSettings(parts),
    async routes(scope, limiter) {
      await scope.register(opsRoutes({ ...opsSettings(parts, null), limiter }));
    },
  });
  const own = port === 0 ? 0 : port + (clusterInstance() ?? 0);
  const url = await listen(server.app, { host: parts.config.HOST, port: own, variable: 'METRICS_PORT' });
  parts.logger.info({ url: `${url}/metrics` }, 'the metrics have a port of their own');
  return () => server.close();
}

function opsSettings({ config, logger, storage, ingest, metrics, phase }: Parts, instance: number | null) {
  return {
    service: SERVICE,
    version: VERSION,
    registry: metrics.registry,
    instance,
    allowed: allowedNetworks({
      networks: config.ADMIN_ALLOWED_IPS,
      proxyTrusted: config.TRUST_PROXY !== undefined,
      logger,
    }),
    health: (): Health => ({ database: storage.databaseState(), redis: storage.redisState() }),
    async readiness(): Promise<Readiness> {
      const lifecycle = phase() === 'running' ? { ok: true } : { ok: false, detail: `the gateway is ${phase()}` };
      const checks = { lifecycle, database: await storage.checkDatabase(), ingest: ingest.check() };
      // Redis is told of and never decides: without it every webhook is still taken.
      const redis = { ok: storage.redisState() !== 'down', detail: storage.redisState() };
      return { ready: Object.values(checks).every(({ ok }) => ok), checks: { ...checks, redis } };
    },
  };
}
