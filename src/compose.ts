/** The one place where everything is wired, in the order in which it is opened, and closed again the other way round. */
import { join, resolve } from 'node:path';
import { createApi } from './api.ts';
import type { Config } from './config.ts';
import { createSecretBox, lazySecretBox } from './core/secret-box.ts';
import type { Source } from './core/source.ts';
import { createDeliveries } from './deliveries.ts';
import { createDispatching, createQueueMetrics } from './dispatching.ts';
import { encryptionKeys } from './encryption-keys.ts';
import { createIngest } from './ingest/pipeline.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics } from './observability/metrics.ts';
import { createRetentionMetrics } from './observability/retention-metrics.ts';
import { TrafficLog } from './observability/traffic-log.ts';
import { VERSION } from './package.ts';
import { providers } from './providers/index.ts';
import { openServers, type Phase } from './servers.ts';
import { configuredSources } from './sources.ts';
import { leaveDaemonFile, removeDaemonFile } from './storage/disk/daemon-file.ts';
import { ensureGeneratedSecret, type SecretName } from './storage/disk/generated-secrets.ts';
import { openSpool } from './storage/disk/spool/spool.ts';
import { openStorage, type Storage } from './storage/open-storage.ts';
import { createDeliveryRetentionWorker } from './workers/delivery-retention-worker.ts';
import { createRetentionWorker } from './workers/retention-worker.ts';

/** A running daemon. */
export interface Gateway {
  /** Base URL, for instance `http://127.0.0.1:3000`. */
  readonly url: string;
  /** Of the API, for instance `http://127.0.0.1:3000/api/v1`; null in the role `ingest`. */
  readonly apiUrl: string | null;
  /** Sources served; none in the role `worker`. */
  readonly sources: readonly Source[];
  /** Names of the secrets that are generated ones, because none was configured. */
  readonly generated: readonly string[];
  readonly storage: Storage;
  /** Not ready, serve on for `SHUTDOWN_DELAY_MS`, finish what is in flight, close everything. Idempotent. */
  stop(): Promise<void>;
}

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
    let keys: readonly string[] = [];
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
      disableDestinationAfterMs: config.DESTINATION_DISABLE_AFTER_SECONDS * 1000,
      secretBox: lazySecretBox(() => createSecretBox(keys)),
      opensSecrets: config.ROLE !== 'ingest',
      auditRetentionDays: config.AUDIT_RETENTION_DAYS,
      logger,
    });
    closers.push(() => storage.close());
    const generated: string[] = [];
    const generate = (name: SecretName) => {
      generated.push(name);
      return ensureGeneratedSecret(dataDir, name);
    };
    const allSources = configuredSources(config, generate);
    if (config.ROLE !== 'ingest') keys = encryptionKeys(config, () => generate('ENCRYPTION_KEYS'));
    const takesWebhooks = config.ROLE !== 'worker';
    const sources = takesWebhooks ? allSources : [];
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
    const spool = takesWebhooks
      ? await openSpool({ directory: join(dataDir, 'spool'), maxBytes: config.SPOOL_MAX_BYTES, logger })
      : null;
    const dispatchMetrics = createQueueMetrics(metrics, storage, now);
    const outgoing = { storage, traffic, logger, clock: now };
    const onOwnEvents = () => worker?.wake();
    const deliveries =
      config.ROLE === 'ingest' ? null : createDeliveries({ ...outgoing, config, metrics, onOwnEvents });
    closers.push(() => deliveries?.close());
    const onRouted = () => deliveries?.routed();
    const worker =
      config.ROLE === 'ingest'
        ? null
        : createDispatching({ ...outgoing, busy: () => ingest.busy(), onRouted, metrics: dispatchMetrics });
    closers.push(() => worker?.close());
    const deliveryRetention =
      config.ROLE === 'ingest'
        ? null
        : createDeliveryRetentionWorker({
            store: storage.deliveryRetention,
            days: config.DELIVERY_RETENTION_DAYS,
            clock: now,
            logger,
          });
    closers.push(() => deliveryRetention?.close());
    const retentionMetrics = createRetentionMetrics(metrics.registry);
    const retention =
      config.ROLE === 'ingest'
        ? null
        : createRetentionWorker({
            store: storage.retention,
            limits: { rawDays: config.RAW_RETENTION_DAYS, eventDays: config.EVENT_RETENTION_DAYS },
            busy: () => ingest.busy(),
            onRemoved: (batch) => retentionMetrics.removed(batch),
            clock: now,
            logger,
          });
    closers.push(() => retention?.close());
    const ingest = createIngest({
      store: storage.events,
      drainStore: storage.drainEvents,
      seen: storage.seen,
      spool,
      providers,
      maxBytes: config.INGEST_MAX_BYTES,
      batchMaxRequests: config.BATCH_MAX_REQUESTS,
      batchFlights: config.BATCH_FLIGHTS,
      commitTimeoutMs: config.COMMIT_TIMEOUT_MS,
      onCommitted: () => (worker === null ? storage.dispatchSignals.notify() : worker.wake()),
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
    worker?.start();
    deliveries?.start();
    retention?.start();
    deliveryRetention?.start();

    const parts = { config, logger, sources, storage, spool, ingest, metrics, traffic, clock: now, phase: () => phase };
    const api = deliveries && createApi({ ...parts, deliveries, generate });
    const servers = await openServers({ ...parts, api });
    closers.push(() => servers.close());
    const { url, apiUrl } = servers;
    const webhooks = Object.fromEntries(sources.map(({ name, path }) => [name, `${url}${path}`]));
    leaveDaemonFile(dataDir, { pid: process.pid, url, api: apiUrl, webhooks });
    phase = 'running';

    let stopping: Promise<void> | undefined;
    const stop = async () => {
      phase = 'stopping';
      removeDaemonFile(dataDir);
      servers.beginClosing();
      await new Promise((done) => setTimeout(done, config.SHUTDOWN_DELAY_MS));
      await closeAll();
    };
    return {
      url,
      apiUrl,
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
