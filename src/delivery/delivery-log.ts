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
    onAttempt({ destination, receivedAt, replay }, report) {
      const { failure, durationMs, deliveryId, number, error, answer, startedAt, pause } = report;
      metrics.attempted(failure ?? 'delivered', durationMs);
      if (failure === null) {
        if (!replay) metrics.delivered(startedAt.getTime() + durationMs - receivedAt.getTime());
        return;
      }
      const { message, ...follows } = consequence(report);
      const fields = {
        destination: destination.name,
        deliveryId,
        attempt: number,
        error,
        ...(answer === null ? {} : { status: answer.status }),
        ...follows,
        ...(pause === null ? {} : { pause }),
      };
      traffic.failure('delivery', failure, fields, message);
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

function consequence({ next, probe, destinationHealthy }: AttemptReport): { message: string; retryInMs?: number } {
  if (probe && destinationHealthy === false) return { message: 'a probe failed: the destination is not back yet' };
  if (next.state === 'dead') return { message: 'a delivery is dead: it failed for good' };
  const message = 'a delivery failed for now';
  return next.state === 'pending' ? { message, retryInMs: next.inMs } : { message };
}
