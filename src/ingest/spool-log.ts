/** What the log and the metrics are told of requests that PostgreSQL refuses, and of the drain. */
import type { Spool } from '../core/spool.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { TrafficLog } from '../observability/traffic-log.ts';
import type { DataFaultListener } from './append-batch.ts';
import type { DrainListener } from './spool-drain.ts';

export function dataFaultLog(logger: Logger): DataFaultListener {
  return {
    onUnparsed({ id: requestId, source }, { sqlState }) {
      logger.warn({ requestId, source, sqlState }, 'a webhook is kept without its content: PostgreSQL refuses it');
    },
    onUnstorable({ id: requestId, source }, error) {
      logger.error({ requestId, source, sqlState: error.sqlState }, `a webhook cannot be stored: ${error.message}`);
    },
  };
}

/** Milliseconds between two lines that say so: an outage can take days. */
const STALLED_MS = 60_000;

export interface DrainLogOptions {
  readonly spool: Pick<Spool, 'counts'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly traffic: TrafficLog;
  /** Events have been committed. */
  readonly onCommitted: () => void;
}

export function drainLog({ spool, logger, metrics, traffic, onCommitted }: DrainLogOptions): DrainListener {
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    ...dataFaultLog(logger),
    onDrained({ source, events }, newEvents) {
      metrics.spoolDrained.inc();
      traffic.count(source, 'drained');
      if (newEvents > 0) {
        metrics.events.inc({ source, result: 'new' }, newEvents);
        onCommitted();
      }
      if (newEvents < events.length) metrics.events.inc({ source, result: 'duplicate' }, events.length - newEvents);
    },
    onRejected({ id: requestId, source }, reason) {
      logger.error({ requestId, source, reason }, 'a spooled webhook cannot be stored: it lies in a .rejected file');
    },
    onStalled(reason) {
      if (performance.now() - toldAt < STALLED_MS) return;
      toldAt = performance.now();
      const { records, oldest } = spool.counts();
      logger.warn({ reason, records, oldest }, 'the spool is not drained');
    },
  };
}
