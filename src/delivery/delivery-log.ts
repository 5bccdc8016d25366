/** What the log and the metrics are told of attempts. */
import type { AttemptReport, LeasedDelivery } from '../core/delivery.ts';
import type { DeliveryMetrics } from '../observability/delivery-metrics.ts';
import type { TrafficLog } from '../observability/traffic-log.ts';

export interface DeliveryListener {
  onAttempt(delivery: LeasedDelivery, report: AttemptReport): void;
}

export interface DeliveryLogOptions {
  readonly metrics: DeliveryMetrics;
  readonly traffic: Pick<TrafficLog, 'failure'>;
}

/** A line names the destination and the delivery, never a URL, a header or a body. */
export function deliveryLog({ metrics, traffic }: DeliveryLogOptions): DeliveryListener {
  return {
    onAttempt({ destination, receivedAt, replay }, { failure, durationMs, deliveryId, ...report }) {
      const { number, next, error, answer, startedAt, pause } = report;
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
        ...(next.state === 'pending' ? { retryInMs: next.inMs } : {}),
        ...(pause === null ? {} : { pause }),
      };
      const message = next.state === 'dead' ? 'a delivery is dead: it failed for good' : 'a delivery failed for now';
      traffic.failure('delivery', failure, fields, message);
    },
  };
}
