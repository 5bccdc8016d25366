/** What the log and the metrics are told of attempts, and who is woken by what the gateway says of itself. */
import type { AttemptReport, LeasedDelivery } from '../core/delivery.ts';
import type { PausedDestination } from '../core/own-event.ts';
import type { DeliveryMetrics } from '../observability/delivery-metrics.ts';
import type { Logger } from '../observability/logger.ts';
import type { TrafficLog } from '../observability/traffic-log.ts';

export interface DeliveryListener {
  onAttempt(delivery: LeasedDelivery, report: AttemptReport): void;
  /** By the gateway, with an event of each. */
  onPaused(destinations: readonly PausedDestination[]): void;
}

export interface DeliveryLogOptions {
  readonly metrics: DeliveryMetrics;
  readonly traffic: Pick<TrafficLog, 'failure'>;
  readonly logger: Pick<Logger, 'warn'>;
  /** Events of our own have been committed. */
  readonly onOwnEvents: () => void;
}

/** A line names the destination and the delivery, never a URL, a header or a body. */
export function deliveryLog({ metrics, traffic, logger, onOwnEvents }: DeliveryLogOptions): DeliveryListener {
  return {
    onAttempt({ destination, receivedAt, replay }, { failure, durationMs, deliveryId, ...report }) {
      const { number, next, error, answer, startedAt, pause, probe, destinationHealthy } = report;
      metrics.attempted(failure ?? 'delivered', durationMs);
      if (failure === null) {
        if (!replay) metrics.delivered(startedAt.getTime() + durationMs - receivedAt.getTime());
        return;
      }
      const fields = {
        destination: destination.name,
        deliveryId,
        attempt: number,
        error,
        ...(answer === null ? {} : { status: answer.status }),
        ...(pause === null ? {} : { pause }),
      };
      if (probe && destinationHealthy === false) {
        traffic.failure('delivery', failure, fields, 'a probe failed: the destination is not back yet');
        return;
      }
      const retry = next.state === 'pending' ? { retryInMs: next.inMs } : {};
      const message = next.state === 'dead' ? 'a delivery is dead: it failed for good' : 'a delivery failed for now';
      traffic.failure('delivery', failure, { ...fields, ...retry }, message);
    },
    onPaused(destinations) {
      metrics.autoPaused(destinations.length);
      for (const { id, name, reason, failingSince } of destinations) {
        const fields = { destination: name, destinationId: id, cause: reason, failingSince };
        logger.warn(fields, 'a destination is paused by the gateway: what it is owed waits until somebody resumes it');
      }
      onOwnEvents();
    },
  };
}
