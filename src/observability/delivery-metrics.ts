/** The metrics of deliveries, declared once with their help text. None is labelled by destination: operators name those. */
import { Counter, Histogram, type Registry } from 'prom-client';
import { ATTEMPT_FAILURES, type AttemptFailure } from '../core/delivery.ts';

export interface DeliveryMetrics {
  attempted(outcome: AttemptFailure | 'delivered', durationMs: number): void;
  /** @param lagMs since the arrival of the event; for live deliveries only */
  delivered(lagMs: number): void;
  autoPaused(destinations: number): void;
}

export function createDeliveryMetrics(registry: Registry): DeliveryMetrics {
  const registers = [registry];
  const attempts = new Counter({
    name: 'webhook_delivery_attempts_total',
    help: 'Attempts of deliveries by how they ended: delivered, or why not',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['delivered', ...ATTEMPT_FAILURES]) attempts.inc({ outcome }, 0);
  const duration = new Histogram({
    name: 'webhook_delivery_duration_seconds',
    help: 'Seconds from the start of an attempt to its answer, or until it was given up',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const lag = new Histogram({
    name: 'webhook_delivery_lag_seconds',
    help: 'Seconds from the arrival of a request to its delivery, attempts that failed included; replays are left out',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400],
    registers,
  });
  const autoPaused = new Counter({
    name: 'webhook_destinations_auto_paused_total',
    help: 'Destinations that this process paused because they kept failing or answered 410',
    registers,
  });
  return {
    attempted(outcome, durationMs) {
      attempts.inc({ outcome });
      duration.observe(durationMs / 1000);
    },
    autoPaused: (destinations) => autoPaused.inc(destinations),
    delivered: (lagMs) => lag.observe(Math.max(0, lagMs / 1000)),
  };
}
