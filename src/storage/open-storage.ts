/** Opens everything the gateway keeps its data in: PostgreSQL (outside or embedded), and Redis or the cache in its place. */
import type { DeliveryCounts, DeliveryStore } from '../core/delivery.ts';
import type { DeliveryRetention } from '../core/delivery-retention.ts';
import type { DispatchSignals, DispatchStore } from '../core/dispatch.ts';
import type { DependencyState, ReadinessCheck } from '../core/health.ts';
import type { EventStore, SeenStore } from '../core/ports.ts';
import type { ReplayStore } from '../core/replay.ts';
import type { RetentionStore } from '../core/retention.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Logger } from '../observability/logger.ts';
import { createMemorySeenStore } from './memory/seen-store.ts';
import type { AdminStores } from './postgres/admin-stores.ts';
import { type Database, openDatabase } from './postgres/database.ts';
import { startEmbeddedPostgres } from './postgres/embedded/embedded-postgres.ts';
import { createRedisConnection, type RedisConnection } from './redis/connection.ts';
import { createRedisSeenStore } from './redis/seen-store.ts';

export interface StorageOptions {
  /** Undefined: the embedded server in `dataDir`. */
  readonly databaseUrl: string | undefined;
  /** Undefined: a cache in memory. */
  readonly redisUrl: string | undefined;
  /** Absolute. */
  readonly dataDir: string;
  /** Connections for batches, and for everything else. */
  readonly ingestConnections: number;
  readonly otherConnections: number;
  /** Milliseconds for one batch. */
  readonly commitTimeoutMs: number;
  readonly dedupeTtlSeconds: number;
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
}

export interface Storage {
  readonly events: EventStore;
  /** For the drain of the spool: one connection, and a statement may take half a minute. */
  readonly drainEvents: EventStore;
  /** One connection: for the one worker of this process. */
  readonly dispatch: DispatchStore;
  readonly dispatchSignals: DispatchSignals;
  /** One connection, closed while there is nothing to remove. */
  readonly retention: RetentionStore;
  readonly deliveries: DeliveryStore;
  readonly deliveryRetention: DeliveryRetention;
  /** One connection: for the one worker of this process. */
  readonly replays: ReplayStore;
  /** Answers within a second. @throws StoreError */
  deliveryCounts(): Promise<DeliveryCounts>;
  /** Deliveries have been made. */
  readonly deliverySignals: DispatchSignals;
  /** Positions have been given or acknowledged, or a follower has another stream. */
  readonly positionSignals: DispatchSignals;
  /** For the API. */
  readonly admin: AdminStores;
  readonly seen: SeenStore;
  /** Null without REDIS_URL. */
  readonly redis: RedisConnection | null;
  /** What start-up must tell about the embedded server; empty with an outside one. */
  readonly notes: readonly string[];
  /** Where the embedded server's files are; null with an outside server. */
  readonly embeddedDirectory: string | null;
  /** Last known states; touch nothing. */
  databaseState(): DependencyState;
  redisState(): DependencyState;
  /** Could PostgreSQL take a webhook now? Never rejects. */
  checkDatabase(): Promise<ReadinessCheck>;
  /** Resolves when the tables are up to date and connections are open, or when it has become clear that this takes longer. */
  settled(signal?: AbortSignal): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** @throws StartupError if the embedded server cannot run here */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { logger, dataDir, databaseUrl } = options;
  const embedded = databaseUrl === undefined ? await startEmbeddedPostgres({ dataDir, logger }) : null;
  let redisState: DependencyState = options.redisUrl === undefined ? 'off' : 'unknown';
  const redis = openRedis(options, (up) => {
    redisState = up ? 'up' : 'down';
  });
  const seen = openSeenStore(options, redis);
  const database: Database = openDatabase({
    databaseUrl: embedded?.databaseUrl ?? databaseUrl ?? '',
    ingestConnections: options.ingestConnections,
    otherConnections: options.otherConnections,
    commitTimeoutMs: options.commitTimeoutMs,
    migrateOnStart: options.migrateOnStart,
    disableDestinationAfterMs: options.disableDestinationAfterMs,
    secretBox: options.secretBox,
    opensSecrets: options.opensSecrets,
    auditRetentionDays: options.auditRetentionDays,
    logger,
    onIngestConnected: (databaseId) => seen.databaseConnected(databaseId),
    onIngestLost: () => seen.databaseLost(),
  });
  let closing: Promise<void> | undefined;
  return {
    events: database.events,
    drainEvents: database.drainEvents,
    dispatch: database.dispatch,
    dispatchSignals: database.dispatchSignals,
    retention: database.retention,
    deliveries: database.deliveries,
    deliveryRetention: database.deliveryRetention,
    replays: database.replays,
    deliveryCounts: () => database.deliveryCounts(),
    deliverySignals: database.deliverySignals,
    positionSignals: database.positionSignals,
    admin: database.admin,
    seen,
    redis,
    notes: embedded?.notes ?? [],
    embeddedDirectory: embedded?.dataDirectory ?? null,
    databaseState: () => database.state(),
    redisState: () => redisState,
    checkDatabase: () => database.check(),
    settled: (signal) => database.settled(signal),
    close() {
      closing ??= (async () => {
        await seen.close();
        await redis?.close();
        await database.close();
        await embedded?.stop();
      })();
      return closing;
    },
  };
}

function openRedis(options: StorageOptions, onState: (up: boolean) => void): RedisConnection | null {
  if (options.redisUrl === undefined) return null;
  return createRedisConnection({ url: options.redisUrl, logger: options.logger, onState });
}

function openSeenStore(options: StorageOptions, connection: RedisConnection | null): SeenStore {
  const { dedupeTtlSeconds: ttlSeconds, logger } = options;
  if (connection === null) return createMemorySeenStore({ ttlSeconds });
  return createRedisSeenStore({ connection, ttlSeconds, logger });
}
