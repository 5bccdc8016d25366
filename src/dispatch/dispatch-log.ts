/** What the log and the metrics are told of dispatched events, and who is woken by their deliveries. */
import type { DispatchMetrics } from '../observability/dispatch-metrics.ts';
import type { Logger } from '../observability/logger.ts';
import type { TrafficLog } from '../observability/traffic-log.ts';
import type { DispatchListener } from './dispatcher.ts';
import { isProjected, type Projectors } from './project-batch.ts';
import type { RouteFault } from './route.ts';

export interface DispatchLogOptions {
  readonly projectors: Projectors;
  /** Deliveries have been committed. */
  readonly onRouted: () => void;
  /** Positions have been given. */
  readonly onPositions: () => void;
  readonly metrics: DispatchMetrics;
  readonly traffic: TrafficLog;
  readonly logger: Pick<Logger, 'warn'>;
}

export function dispatchLog(options: DispatchLogOptions): DispatchListener {
  const { projectors, onRouted, onPositions, metrics, traffic, logger } = options;
  const tell = conditionLog(logger);
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
    onPositions,
    onRouteFaults(faults) {
      metrics.conditionsFailed(faults.length);
      for (const fault of faults) tell(fault);
    },
  };
}

/** An error of a destination's condition is told once, and not again with each event. */
export function conditionLog(logger: Pick<Logger, 'warn'>): (fault: RouteFault) => void {
  const told = new Map<string, string>();
  return ({ destinationId, error }) => {
    if (told.get(destinationId) === error) return;
    told.set(destinationId, error);
    logger.warn({ destinationId, error }, 'a destination gets none of the events for which its condition fails');
  };
}
