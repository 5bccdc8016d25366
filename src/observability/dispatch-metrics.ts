/** The metrics of dispatch, declared once with their help text. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { DispatchCounts } from '../core/dispatch.ts';
import type { Clock } from '../core/ports.ts';
import { sharedReading } from './shared-reading.ts';

/** What became of an event; the label of `webhook_dispatched_total`. */
const OUTCOMES = ['projected', 'not_projected', 'failed', 'parked'];

export interface DispatchMetricsOptions {
  readonly registry: Registry;
  /** Answers within a second. */
  readonly readCounts: () => Promise<DispatchCounts>;
  readonly clock: Clock;
}

export interface DispatchMetrics {
  /** @param receivedAt arrivals of the events whose projection has just been committed */
  projected(receivedAt: readonly Date[]): void;
  /** Events for which there was nothing to do. */
  notProjected(events: number): void;
  failed(parked: boolean): void;
  /** Times that a destination's condition could not be asked of an event, which counts as not wanted. */
  conditionsFailed(times: number): void;
}

export function createDispatchMetrics({ registry, readCounts, clock }: DispatchMetricsOptions): DispatchMetrics {
  const registers = [registry];
  const events = new Counter({
    name: 'webhook_dispatched_total',
    help: 'Events by what dispatch made of them: projected, nothing to project, failed for now, parked for good',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of OUTCOMES) events.inc({ outcome }, 0);
  const seconds = new Histogram({
    name: 'webhook_dispatch_seconds',
    help: 'Seconds from the arrival of an event to the commit of its projection, time in the spool included',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
    registers,
  });
  const conditionFailures = new Counter({
    name: 'webhook_routing_condition_failures_total',
    help: 'Times that the condition of a destination failed on an event, which was not sent there then',
    registers,
  });
  const counts = sharedReading(readCounts);
  new Gauge({
    name: 'webhook_oldest_undispatched_seconds',
    help: 'Age of the oldest event that is not dispatched and not parked; 0 if there is none. Of the whole database',
    registers,
    async collect() {
      const reading = await counts();
      if (reading === null) this.set(Number.NaN);
      else if (reading.oldest === null) this.set(0);
      else this.set(Math.max(0, (clock().getTime() - reading.oldest.getTime()) / 1000));
    },
  });
  new Gauge({
    name: 'webhook_dispatch_parked',
    help: 'Events that are tried no longer, because their projection failed again and again. Of the whole database',
    registers,
    async collect() {
      this.set((await counts())?.parked ?? Number.NaN);
    },
  });
  return {
    projected(receivedAt) {
      events.inc({ outcome: 'projected' }, receivedAt.length);
      const now = clock().getTime();
      for (const time of receivedAt) seconds.observe(Math.max(0, (now - time.getTime()) / 1000));
    },
    notProjected: (count) => events.inc({ outcome: 'not_projected' }, count),
    failed: (parked) => events.inc({ outcome: parked ? 'parked' : 'failed' }),
    conditionsFailed: (times) => conditionFailures.inc(times),
  };
}
