/** The worker that dispatches: woken by commits of this process and by signals of others, and else looking by itself. */
import type { DispatchSignals } from '../core/dispatch.ts';
import { Dispatcher, type DispatcherOptions } from '../dispatch/dispatcher.ts';
import type { Logger } from '../observability/logger.ts';
import { Loop } from './loop.ts';

/** Milliseconds between two looks where nobody wakes the worker. */
const POLL_MS = 5_000;
/**
 * Milliseconds between the starts of two batches that are not full. Every transaction has its price, and at hundreds of commits
 * a second a batch for each would take half of a processor.
 */
const SPACING_MS = 20;

/** Milliseconds after the moment at which an event is due again: timers are cut to whole ones, and times in a table rounded. */
const LATE_MS = 5;
/** While webhooks wait for their commit: how many times as long as a batch took the worker rests after it. */
const REST_BESIDE_INGEST = 3;

export interface DispatchWorkerOptions extends DispatcherOptions {
  readonly signals: DispatchSignals;
  readonly logger: Logger;
  readonly pollMs?: number;
}

export interface DispatchWorker {
  start(): void;
  /** Events have been committed by this process. */
  wake(): void;
  /** Gives the batch under way a second to end; what is cut is rolled back and stays owed. Idempotent. */
  close(): Promise<void>;
}

export function createDispatchWorker(options: DispatchWorkerOptions): DispatchWorker {
  const { busy, logger, signals, pollMs = POLL_MS } = options;
  const dispatcher = new Dispatcher(options);
  let listening: ReturnType<DispatchSignals['listen']> | undefined;
  const loop = new Loop({
    async turn() {
      const startedAt = performance.now();
      const { events, full, retryInMs } = await dispatcher.turn();
      const took = performance.now() - startedAt;
      const spacing = full ? 0 : Math.max(0, SPACING_MS - took);
      const restMs = events > 0 && busy() ? Math.max(spacing, took * REST_BESIDE_INGEST) : spacing;
      const retryAtMs = retryInMs === null ? pollMs : retryInMs + LATE_MS;
      return { restMs, waitMs: full ? restMs : Math.min(pollMs, retryAtMs) };
    },
    onFailure(error, failures) {
      if (failures === 1) logger.warn({ reason: (error as Error).message }, 'events are not dispatched for now');
    },
    onRecovery: () => logger.info('events are dispatched again'),
  });
  return {
    start() {
      listening ??= signals.listen(() => loop.wake());
      loop.start();
    },
    wake: () => loop.wake(),
    async close() {
      await Promise.all([loop.close(), listening?.close()]);
    },
  };
}
