/** Ingest as a whole: the receiver, the batch writer behind it, and the byte budget over both. */
import type { ReadinessCheck } from '../core/health.ts';
import type { Clock, EventStore, SeenStore } from '../core/ports.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { TrafficLog } from '../observability/traffic-log.ts';
import { BatchWriter } from './batch-writer.ts';
import { ByteBudget } from './byte-budget.ts';
import { createReceiver, type Receive } from './receive.ts';

/** Milliseconds for which a failed batch speaks against readiness. Not longer: without traffic nothing would disprove it. */
const FAILURE_MEMORY = 10_000;

export interface IngestOptions {
  readonly store: EventStore;
  readonly seen: SeenStore;
  /** Bytes of webhook bodies in memory. */
  readonly maxBytes: number;
  /** Requests in one statement. */
  readonly batchMaxRequests: number;
  /** Statements under way at a time. */
  readonly batchFlights: number;
  /** Milliseconds that a request may wait for its commit. */
  readonly commitTimeoutMs: number;
  readonly metrics: Metrics;
  readonly traffic: TrafficLog;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface Ingest {
  readonly receive: Receive;
  readonly budget: ByteBudget;
  /** Could a webhook be taken now, as far as ingest itself can tell? */
  check(): ReadinessCheck;
  /** Commits or refuses everything taken, then lets go of its timers. Idempotent. */
  close(): Promise<void>;
}

export function createIngest(options: IngestOptions): Ingest {
  const { store, seen, metrics, traffic, logger, clock } = options;
  const budget = new ByteBudget({ maxBytes: options.maxBytes });
  let failedAt = Number.NEGATIVE_INFINITY;
  let failure = '';

  const writer = new BatchWriter({
    store,
    seen,
    maxRequests: options.batchMaxRequests,
    flights: options.batchFlights,
    commitTimeoutMs: options.commitTimeoutMs,
    onBatch({ size, seconds, error }) {
      metrics.batchSize.observe(size);
      metrics.batchDuration.observe(seconds);
      failedAt = error === null ? Number.NEGATIVE_INFINITY : performance.now();
      if (error === null) return;
      failure = error.message;
      traffic.failure('database', error.fault, { requests: size }, `a batch was not stored: ${error.message}`);
    },
    dataFaults: {
      onUnparsed({ id: requestId, source }, { sqlState }) {
        logger.warn({ requestId, source, sqlState }, 'a webhook is kept without its content: PostgreSQL refuses it');
      },
      onUnstorable({ id: requestId, source }, error) {
        logger.error({ requestId, source, sqlState: error.sqlState }, `a webhook cannot be stored: ${error.message}`);
      },
    },
  });
  metrics.watchQueue({ depth: () => writer.depth, bytes: () => budget.used });

  return {
    receive: createReceiver({ seen, writer, metrics, clock }),
    budget,
    check() {
      if (budget.full) return { ok: false, detail: 'as many webhooks are in memory as INGEST_MAX_BYTES allows' };
      if (performance.now() - failedAt < FAILURE_MEMORY)
        return { ok: false, detail: `the last batch failed: ${failure}` };
      return { ok: true };
    },
    async close() {
      await writer.close();
      budget.close();
    },
  };
}
