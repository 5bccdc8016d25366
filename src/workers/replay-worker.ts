/** The worker behind replays: step after step while one runs, with rests in between, since live traffic comes first. */
import type { PlanReplay, ReplayStore } from '../core/replay.ts';
import type { Logger } from '../observability/logger.ts';
import { Loop } from './loop.ts';

/** Milliseconds between two looks where nobody wakes the worker, and at least: others may have in hand what is due. */
const POLL_MS = 5_000;
const LEAST_WAIT_MS = 100;

export interface ReplayWorkerOptions {
  readonly store: ReplayStore;
  readonly plan: PlanReplay;
  /** Deliveries have been committed. */
  readonly onOwed: () => void;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

export interface ReplayWorker {
  start(): void;
  /** One has been ordered, or cancelled. */
  wake(): void;
  /** Gives the step under way a second to end; what is cut is rolled back. Idempotent. */
  close(): Promise<void>;
}

export function createReplayWorker({ store, plan, onOwed, logger }: ReplayWorkerOptions): ReplayWorker {
  return new Loop({
    async turn() {
      const startedAt = performance.now();
      const step = await store.step(plan);
      if (step === null) {
        const dueInMs = (await store.nextDueInMs()) ?? POLL_MS;
        return { restMs: 0, waitMs: Math.min(POLL_MS, Math.max(LEAST_WAIT_MS, dueInMs)) };
      }
      const { made, state, ...counts } = step;
      if (made > 0) onOwed();
      if (state !== 'running' && state !== 'cancelling') logger.info({ state, ...counts }, 'a replay has ended');
      // As long as it took: half of the time is everybody else's.
      const restMs = performance.now() - startedAt;
      return { restMs, waitMs: restMs };
    },
    onFailure(error, failures) {
      if (failures === 1) logger.warn({ reason: (error as Error).message }, 'replays do not go on for now');
    },
    onRecovery: () => logger.info('replays go on'),
  });
}
