/** PostgreSQL as the daemon uses it: migrated as soon as it can be, watched, with ingest's connections apart from the others. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeliveryCounts, DeliveryStore } from '../../core/delivery.ts';
import type { DeliveryRetention } from '../../core/delivery-retention.ts';
import type { DispatchSignals, DispatchStore } from '../../core/dispatch.ts';
import type { DependencyState, ReadinessCheck } from '../../core/health.ts';
import type { EventStore } from '../../core/ports.ts';
import type { ReplayStore } from '../../core/replay.ts';
import type { RetentionStore } from '../../core/retention.ts';
import type { SecretBox } from '../../core/secret-box.ts';
import type { Logger } from '../../observability/logger.ts';
import { type AdminStores, openAdminStores } from './admin-stores.ts';
import { DatabaseMonitor } from './database-monitor.ts';
import { readDeliveryCounts } from './delivery-counts.ts';
import { createDeliveryPool } from './delivery-pool.ts';
import { createDeliveryRetention } from './delivery-retention.ts';
import { createDeliveryStore } from './delivery-store.ts';
import { readDispatchCounts } from './dispatch-counts.ts';
import { createDispatchPool } from './dispatch-pool.ts';
import { createDispatchSignals } from './dispatch-signals.ts';
import { createDrainPool } from './drain-pool.ts';
import { createEventStore } from './event-store.ts';
import { createIngestPool, type IngestPool } from './ingest-pool.ts';
import { createSharedPrisma } from './prisma.ts';
import { createProjectionStore } from './projection-store.ts';
import { createReplayPool } from './replay-pool.ts';
import { createReplayStore } from './replay-store.ts';
import { createRetentionStore } from './retention-store.ts';
import { SchemaGate } from './schema-gate.ts';
import { warnAtStart } from './start-warnings.ts';
import { toStoreError, withStoreErrors } from './store-error.ts';
import { createTransactionPool } from './transaction-pool.ts';

/** Milliseconds for the small questions that readiness asks. */
const PROBE_TIMEOUT = 1_000;
/** Milliseconds for a statement that removes old rows. */
const RETENTION_TIMEOUT = 10_000;
/** Milliseconds for which a start waits for PostgreSQL; after that it listens, and webhooks go to the spool until PostgreSQL is there. */
const SETTLE_TIMEOUT = 2_500;

export interface DatabaseOptions {
  readonly databaseUrl: string;
  readonly ingestConnections: number;
  readonly otherConnections: number;
  /** Milliseconds for one batch. */
  readonly commitTimeoutMs: number;
  readonly migrateOnStart: boolean;
  /** Milliseconds for which a destination may fail before it is paused. */
  readonly disableDestinationAfterMs: number;
  /** Seals and opens the secrets of destinations. */
  readonly secretBox: SecretBox;
  /** False where nothing is delivered: such a process need not have the keys. */
  readonly opensSecrets: boolean;
  /** Days for which changes made over the API stay on record. */
  readonly auditRetentionDays: number;
  readonly logger: Logger;
  /** Ingest has connections, to this storage; again after every loss. */
  readonly onIngestConnected: (storageId: string) => void;
  readonly onIngestLost: () => void;
}

export interface Database {
  readonly events: EventStore;
  /** The same for the drain of the spool: one connection, and a statement may take half a minute. */
  readonly drainEvents: EventStore;
  readonly dispatch: DispatchStore;
  readonly dispatchSignals: DispatchSignals;
  readonly retention: RetentionStore;
  readonly deliveries: DeliveryStore;
  readonly deliveryRetention: DeliveryRetention;
  readonly replays: ReplayStore;
  /** Answers within a second. @throws StoreError */
  deliveryCounts(): Promise<DeliveryCounts>;
  /** Deliveries have been made. */
  readonly deliverySignals: DispatchSignals;
  /** Positions have been given or acknowledged, or a follower has another stream. */
  readonly positionSignals: DispatchSignals;
  /** For the API. */
  readonly admin: AdminStores;
  /** Last known state; touches nothing. */
  state(): DependencyState;
  /** Could it take a webhook now? Never rejects. */
  check(): Promise<ReadinessCheck>;
  /** Resolves when the first attempt to get ready has ended, well or not, within 2.5 s; at once if the signal aborts. */
  settled(signal?: AbortSignal): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Begins to migrate at once and returns without waiting for it. */
export function openDatabase(options: DatabaseOptions): Database {
  const { databaseUrl, logger } = options;
  const stop = new AbortController();
  const schema = new SchemaGate({ databaseUrl, migrate: options.migrateOnStart, logger, signal: stop.signal });
  const ingest = createIngestPool({
    databaseUrl,
    size: options.ingestConnections,
    timeoutMs: options.commitTimeoutMs,
    onConnected: options.onIngestConnected,
    onLost: options.onIngestLost,
    onTablesMissing: () => schema.tablesMissing(),
  });
  const shared = createSharedPrisma(
    {
      databaseUrl,
      applicationName: 'webhook-gateway',
      connectTimeoutMs: PROBE_TIMEOUT,
      queryTimeoutMs: PROBE_TIMEOUT,
    },
    options.otherConnections,
  );
  const drain = createDrainPool(databaseUrl);
  const dispatch = createDispatchPool(databaseUrl);
  const retention = createTransactionPool({
    databaseUrl,
    applicationName: 'webhook-gateway retention',
    timeoutMs: RETENTION_TIMEOUT,
  });
  const delivery = createDeliveryPool(databaseUrl);
  const replay = createReplayPool(databaseUrl);
  const { secretBox, auditRetentionDays } = options;
  const signals = createDispatchSignals({ databaseUrl, prisma: shared.prisma });
  const onDue = () => signals.deliverySignals.notify();
  const onFollowed = () => signals.positionSignals.notify();
  const admin = openAdminStores({ databaseUrl, secretBox, auditRetentionDays, onDue, onFollowed });
  const monitor = new DatabaseMonitor(shared.prisma);
  monitor.start();
  const ready = schema.open().then(async () => {
    if (!schema.check().ok) return;
    await warnAtStart({ prisma: shared.prisma, box: options.opensSecrets ? secretBox : null, logger });
    await warmUp(ingest);
  });

  const onTablesMissing = () => schema.tablesMissing();
  let closing: Promise<void> | undefined;
  return {
    events: createEventStore(ingest.pool, onTablesMissing),
    drainEvents: createEventStore(drain.pool, onTablesMissing),
    dispatch: createProjectionStore({
      pool: dispatch,
      readCounts: () => readDispatchCounts(shared.prisma).catch((error) => Promise.reject(toStoreError(error))),
      onTablesMissing,
    }),
    dispatchSignals: signals.signals,
    retention: createRetentionStore({ pool: retention, onTablesMissing }),
    deliveries: createDeliveryStore({
      pool: delivery,
      box: secretBox,
      disableAfterMs: options.disableDestinationAfterMs,
      onTablesMissing,
    }),
    deliveryRetention: createDeliveryRetention({ pool: delivery, onTablesMissing }),
    replays: createReplayStore({ pool: replay, onTablesMissing }),
    deliveryCounts: () => withStoreErrors(() => readDeliveryCounts(shared.prisma)),
    deliverySignals: signals.deliverySignals,
    positionSignals: signals.positionSignals,
    admin: admin.stores,
    state: () => monitor.state,
    async check() {
      const tables = schema.check();
      return tables.ok ? monitor.check() : tables;
    },
    async settled(signal) {
      const timeout = new AbortController();
      const either = AbortSignal.any([timeout.signal, ...(signal ? [signal] : [])]);
      const firstAttempt = schema.attempted.then(() => (schema.check().ok ? ready : undefined));
      await Promise.race([firstAttempt, sleep(SETTLE_TIMEOUT, undefined, { signal: either }).catch(() => undefined)]);
      timeout.abort();
    },
    close() {
      closing ??= (async () => {
        stop.abort();
        monitor.close();
        await Promise.all([drain, dispatch, retention, delivery, replay, signals].map((each) => each.close()));
        await ready;
        await schema.idle();
        await ingest.close();
        await Promise.all([admin.close(), shared.close()]);
      })();
      return closing;
    },
  };
}

/** Opens a connection, so that the first webhook need not wait for it. If that fails now, the first batch tries again. */
async function warmUp({ pool }: IngestPool): Promise<void> {
  const client = await pool.connect().catch(() => null);
  client?.release();
}
