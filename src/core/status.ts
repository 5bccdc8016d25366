/** How the gateway is doing, for operators. */
import type { DeliveryCounts } from './delivery.ts';
import type { DispatchCounts } from './dispatch.ts';
import type { Health } from './health.ts';
import type { SpoolCounts } from './spool.ts';

/** Of this process. */
export interface ProcessStatus extends Health {
  readonly service: string;
  readonly version: string;
  /** Of Node.js. */
  readonly node: string;
  readonly role: 'all' | 'ingest' | 'worker';
  readonly uptimeSeconds: number;
  /** Verified requests that wait for their commit. */
  readonly queueDepth: number;
  /** Webhooks go to the spool without asking PostgreSQL. */
  readonly breakerOpen: boolean;
  /** Null in a process that takes no webhooks. */
  readonly spool: SpoolCounts | null;
}

export interface StatusReader {
  /** Touches nothing. */
  process(): ProcessStatus;
  /** @throws StoreError */
  dispatch(): Promise<DispatchCounts>;
  /** @throws StoreError */
  deliveries(): Promise<DeliveryCounts>;
}
