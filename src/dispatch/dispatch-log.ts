/** What the log and the metrics are told of dispatched events, and who is woken by their deliveries. */
import type { DispatchMetrics } from '../observability/dispatch-metrics.ts';
import type { Logger } from '../observability/logger.ts';
import type { TrafficLog } from '../observability/traffic-log.ts';
import type { DispatchListener } from './dispatcher.ts';
import { isProjected, type Projectors } from './project-batch.ts';

export interface DispatchLogOptions {
  readonly projectors: Projectors;
  /** Deliveries have been committed. */
  readonly onRouted: () => void;
  readonly metrics: DispatchMetrics;
  readonly traffic: TrafficLog;
  readonly logger: Pick<Logger, 'warn'>;
}

export function dispatchLog({ projectors, onRouted, metrics, traffic, logger }: DispatchLogOptions): DispatchListener {
  /** Destination to what was last told of its condition: an error is told once, and not again with each event. */
  const told = new Map<string, string>();
  return {
    onDispatched(events) {
      const projected = events.filter((event) => isProjected(event, projectors));
      metrics.projected(projected.map(({ receivedAt }) => receivedAt));
      metrics.notProjected(events.length - projected.length);
    },
    onFailed({ eventId, attempts, error, retryInMs }) {
      const parked = retryInMs === null;
      metrics.failed(parked);
      const what = parked ? 'an event is parked: its projection failed again and again' : 'an event was not projected';
      traffic.failure('dispatch', parked ? 'parked' : 'failed', { eventId, attempts, error, retryInMs }, what);
    },
    onRouted,
    onRouteFaults(faults) {
      metrics.conditionsFailed(faults.length);
      for (const { destinationId, error } of faults) {
        if (told.get(destinationId) === error) continue;
        told.set(destinationId, error);
        logger.warn({ destinationId, error }, 'a destination gets none of the events for which its condition fails');
      }
    },
  };
}
