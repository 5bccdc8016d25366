/** The worker that removes finished deliveries, in small steps and with pauses: it has all the time in the world. */
import type { DeliveryRetention } from '../core/delivery-retention.ts';
import type { Clock } from '../core/ports.ts';
import type { Logger } from '../observability/logger.ts';
import { Loop } from './loop.ts';

/** Deliveries of one step. */
const STEP = 500;
/** Milliseconds between two steps, and between two walks. */
const STEP_REST = 100;
const WALK_REST = 600_000;
const DAY_MS = 86_400_000;
/** Dead ones stay so many times as long: somebody may have to look into them. */
const DEAD_FACTOR = 3;

export interface DeliveryRetentionWorkerOptions {
  readonly store: DeliveryRetention;
  /** Days for which delivered and cancelled ones stay. */
  readonly days: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly step?: number;
}

export interface DeliveryRetentionWorker {
  start(): void;
  /** Idempotent. */
  close(): Promise<void>;
}

export function createDeliveryRetentionWorker(options: DeliveryRetentionWorkerOptions): DeliveryRetentionWorker {
  const { store, days, clock, logger, step = STEP } = options;
  let after: string | null = null;
  return new Loop({
    async turn() {
      const now = clock().getTime();
      const finishedBefore = new Date(now - days * DAY_MS);
      const deadBefore = new Date(now - DEAD_FACTOR * days * DAY_MS);
      const { next } = await store.removeFinished({ finishedBefore, deadBefore, after, limit: step });
      after = next;
      if (next === null) await store.removeReplays(finishedBefore);
      const restMs = next === null ? WALK_REST : STEP_REST;
      return { restMs, waitMs: restMs };
    },
    onFailure(error, failures) {
      if (failures === 1) logger.warn({ reason: (error as Error).message }, 'old deliveries are not removed for now');
    },
    onRecovery: () => logger.info('old deliveries are removed again'),
  });
}
