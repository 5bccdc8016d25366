/** The metric of retention, declared once with its help text. */
import { Counter, type Registry } from 'prom-client';
import type { RemovedBatch } from '../core/retention.ts';

export interface RetentionMetrics {
  /** Rows whose removal has just been committed. */
  removed(batch: Pick<RemovedBatch, 'events' | 'requests'>): void;
}

export function createRetentionMetrics(registry: Registry): RetentionMetrics {
  const removed = new Counter({
    name: 'webhook_retention_removed_total',
    help: 'Rows that this process has removed because they were older than RAW_RETENTION_DAYS or EVENT_RETENTION_DAYS',
    labelNames: ['what'],
    registers: [registry],
  });
  removed.inc({ what: 'requests' }, 0);
  removed.inc({ what: 'events' }, 0);
  return {
    removed({ events, requests }) {
      removed.inc({ what: 'requests' }, requests);
      removed.inc({ what: 'events' }, events);
    },
  };
}
