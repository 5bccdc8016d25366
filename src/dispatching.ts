/** Dispatch put together: the worker over the store, who is told of what it does, and how much is left to do. */
import type { Clock } from './core/ports.ts';
import { dispatchLog } from './dispatch/dispatch-log.ts';
import { RETRY_DELAYS } from './dispatch/retry-schedule.ts';
import { createRouter } from './dispatch/route.ts';
import { createDeliveryGauges } from './observability/delivery-gauges.ts';
import { createDispatchMetrics, type DispatchMetrics } from './observability/dispatch-metrics.ts';
import type { Logger } from './observability/logger.ts';
import type { Metrics } from './observability/metrics.ts';
import type { TrafficLog } from './observability/traffic-log.ts';
import { projectors } from './providers/projectors.ts';
import type { Storage } from './storage/open-storage.ts';
import { createDispatchWorker, type DispatchWorker } from './workers/dispatch-worker.ts';

export interface DispatchingParts {
  readonly storage: Pick<Storage, 'dispatch' | 'dispatchSignals' | 'positionSignals'>;
  /** Is the queue of webhooks growing in this process? */
  readonly busy: () => boolean;
  /** Deliveries have been committed. */
  readonly onRouted: () => void;
  readonly metrics: DispatchMetrics;
  readonly traffic: TrafficLog;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What waits in the whole database: every process can tell it, also one that dispatches nothing. */
export function createQueueMetrics(
  { registry }: Pick<Metrics, 'registry'>,
  storage: Pick<Storage, 'dispatch' | 'deliveryCounts'>,
  clock: Clock,
): DispatchMetrics {
  createDeliveryGauges({ registry, readCounts: () => storage.deliveryCounts(), clock });
  return createDispatchMetrics({ registry, readCounts: () => storage.dispatch.counts(), clock });
}

export function createDispatching(parts: DispatchingParts): DispatchWorker {
  const { storage, busy, onRouted, metrics, traffic, logger, clock } = parts;
  const onPositions = () => storage.positionSignals.notify();
  return createDispatchWorker({
    store: storage.dispatch,
    signals: storage.dispatchSignals,
    projectors,
    route: createRouter(),
    retryDelays: RETRY_DELAYS,
    busy,
    listener: dispatchLog({ projectors, onRouted, onPositions, metrics, traffic, logger }),
    clock,
    logger,
  });
}
