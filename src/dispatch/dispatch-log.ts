/** What the log and the metrics are told of dispatched events. */
import type { DispatchMetrics } from '../observability/dispatch-metrics.ts';
import type { TrafficLog } from '../observability/traffic-log.ts';
import type { DispatchListener } from './dispatcher.ts';
import { isProjected, type Projectors } from './project-batch.ts';

export interface DispatchLogOptions {
  readonly projectors: Projectors;
  readonly metrics: DispatchMetrics;
  readonly traffic: TrafficLog;
}

export function dispatchLog({ projectors, metrics, traffic }: DispatchLogOptions): DispatchListener {
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
  };
}
