/** Ingest as a whole: the receiver, the batch writer and the spool behind it, and the byte budget over all. */
import type { WebhookProviderName } from '../core/event.ts';
import type { ReadinessCheck } from '../core/health.ts';
import type { Clock, EventStore, SeenStore } from '../core/ports.ts';
import type { Provider } from '../core/provider.ts';
import type { Spool } from '../core/spool.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { TrafficLog } from '../observability/traffic-log.ts';
import { BatchWriter } from './batch-writer.ts';
import { ByteBudget } from './byte-budget.ts';
import { createKeep } from './keep.ts';
import { createReceiver, type Receive } from './receive.ts';
import { SpoolDrain } from './spool-drain.ts';
import { dataFaultLog, drainLog } from './spool-log.ts';
import { StoreBreaker } from './store-breaker.ts';

/** Milliseconds for which a failed batch speaks against readiness. Not longer: without traffic nothing would disprove it. */
const FAILURE_MEMORY = 10_000;

export interface IngestOptions {
  readonly store: EventStore;
  /** The same for the drain, with connections and a deadline of its own. */
  readonly drainStore: EventStore;
  readonly seen: SeenStore;
  /** Null in a process that takes no webhooks. */
  readonly spool: Spool | null;
  readonly providers: Readonly<Record<WebhookProviderName, Provider>>;
  /** Bytes of webhook bodies in memory. */
  readonly maxBytes: number;
  /** Requests in one statement. */
  readonly batchMaxRequests: number;
  /** Statements under way at a time. */
  readonly batchFlights: number;
  /** Milliseconds that a request may wait for its commit. */
  readonly commitTimeoutMs: number;
  /** Events may have been committed, by a batch or by the drain. */
  readonly onCommitted: () => void;
  readonly metrics: Metrics;
  readonly traffic: TrafficLog;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface Ingest {
  readonly receive: Receive;
  readonly budget: ByteBudget;
  /** Could PostgreSQL take a webhook now, as far as ingest itself can tell? */
  check(): ReadinessCheck;
  /** What it is doing right now. */
  activity(): { readonly queueDepth: number; readonly breakerOpen: boolean };
  /** Does it need the processor? A crowd of requests waits for its commit, or did a moment ago. */
  busy(): boolean;
  /** Commits, spools or refuses everything taken, then lets go of its timers and of the spool. Idempotent. */
  close(): Promise<void>;
}

export function createIngest(options: IngestOptions): Ingest {
  const { store, seen, spool, metrics, traffic, logger, clock, commitTimeoutMs } = options;
  const budget = new ByteBudget({ maxBytes: options.maxBytes });
  let failedAt = Number.NEGATIVE_INFINITY;
  let failure = '';
  const failed = (reason: string) => {
    failedAt = performance.now();
    failure = reason;
    breaker.failed(reason);
  };
  const breaker = new StoreBreaker({
    onOpen: (reason) => logger.warn({ reason }, 'PostgreSQL takes no webhooks: they go to the spool'),
    onClose: () => logger.info('PostgreSQL takes webhooks again'),
  });

  const writer = new BatchWriter({
    store,
    seen,
    maxRequests: options.batchMaxRequests,
    flights: options.batchFlights,
    commitTimeoutMs,
    onBatch({ size, seconds, error }) {
      metrics.batchSize.observe(size);
      metrics.batchDuration.observe(seconds);
      options.onCommitted();
      if (error === null) {
        failedAt = Number.NEGATIVE_INFINITY;
        if (seconds * 1000 < commitTimeoutMs) breaker.committed();
        return;
      }
      // A row that cannot be stored says nothing about the next.
      if (error.fault !== 'data') failed(error.message);
      traffic.failure('database', error.fault, { requests: size }, `a batch was not stored: ${error.message}`);
    },
    onLate: () => failed('no commit in time'),
    dataFaults: dataFaultLog(logger),
  });
  metrics.watchQueue({ depth: () => writer.depth, bytes: () => budget.used });

  const keep = createKeep({
    writer,
    spool,
    breaker,
    onSpoolFailure: (error) => traffic.failure('spool', error.fault, {}, `a webhook was not spooled: ${error.message}`),
  });
  const drain =
    spool === null
      ? null
      : new SpoolDrain({
          spool,
          store: options.drainStore,
          providers: options.providers,
          breaker,
          commitTimeoutMs,
          liveTraffic: () => writer.depth > 0,
          listener: drainLog({ spool, logger, metrics, traffic, onCommitted: options.onCommitted }),
        });
  if (spool !== null) metrics.watchSpool({ counts: () => spool.counts(), breakerOpen: () => breaker.open, clock });
  drain?.start();

  return {
    receive: createReceiver({ seen, keep, metrics, clock }),
    budget,
    check() {
      if (breaker.open) return { ok: false, detail: `PostgreSQL takes no webhooks: ${failure}` };
      if (performance.now() - failedAt < FAILURE_MEMORY)
        return { ok: false, detail: `the last batch failed: ${failure}` };
      return { ok: true };
    },
    activity: () => ({ queueDepth: writer.depth, breakerOpen: breaker.open }),
    busy: () => writer.crowded,
    async close() {
      await writer.close();
      await drain?.close();
      await spool?.close();
      budget.close();
    },
  };
}
