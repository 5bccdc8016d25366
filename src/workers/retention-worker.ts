/** The worker that removes what is old enough: page after page with rests between them, then nothing for some minutes. */
import type { Clock } from '../core/ports.ts';
import {
  type RemovedBatch,
  type RetentionLimits,
  type RetentionStore,
  type RetentionWalk,
  walksOf,
} from '../core/retention.ts';
import type { Logger } from '../observability/logger.ts';
import { Loop, type Pause } from './loop.ts';

/** Milliseconds from the start of the process: a start has better things to do. */
const START_DELAY_MS = 5_000;
/** Milliseconds from the end of a round to the next. */
const POLL_MS = 10 * 60_000;
/** Milliseconds until it is seen whether the process that was at it still is: as long as its lease. */
const HELD_MS = 60_000;
/** Milliseconds between two pages, at least; and for each millisecond that a page took, so many: live traffic has the rest. */
const REST_MS = 100;
const REST_SHARE = 3;
/** Milliseconds for which it gives way to webhooks that wait for their commit, and how often in a row at most. */
const BUSY_MS = 1_000;
const MAX_GIVING_WAY = 10;

export interface RetentionWorkerOptions {
  readonly store: RetentionStore;
  readonly limits: RetentionLimits;
  /** Is the queue of webhooks growing in this process? */
  readonly busy: () => boolean;
  readonly onRemoved: (batch: RemovedBatch) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly startDelayMs?: number;
  readonly pollMs?: number;
  readonly restMs?: number;
  readonly busyMs?: number;
  readonly heldMs?: number;
}

export interface RetentionWorker {
  /** Does nothing where everything is kept for ever. */
  start(): void;
  /** Gives the page under way a second to end; what is cut is rolled back. Idempotent. */
  close(): Promise<void>;
}

export function createRetentionWorker(options: RetentionWorkerOptions): RetentionWorker {
  const { limits, logger, startDelayMs = START_DELAY_MS } = options;
  const walks = walksOf(limits);
  const round = new RetentionRound(walks, options);
  let waited = false;
  const loop = new Loop({
    async turn() {
      if (waited) return round.turn();
      waited = true;
      return after(startDelayMs);
    },
    onFailure(error, failures) {
      if (failures === 1) logger.warn({ reason: (error as Error).message }, 'old rows are not removed for now');
    },
    onRecovery: () => logger.info('old rows are removed again'),
  });
  return {
    start() {
      if (walks.length > 0) loop.start();
    },
    close: () => loop.close(),
  };
}

/** Over all tables, by turns, until none has old rows left to look at; then from the beginning. */
class RetentionRound {
  readonly #walks: readonly RetentionWalk[];
  readonly #options: RetentionWorkerOptions;
  #left: readonly RetentionWalk[];
  #removed = { events: 0, requests: 0 };
  #gaveWay = 0;

  constructor(walks: readonly RetentionWalk[], options: RetentionWorkerOptions) {
    this.#walks = walks;
    this.#left = walks;
    this.#options = options;
  }

  /** @throws StoreError */
  async turn(): Promise<Pause> {
    const { store, busy, onRemoved, clock, restMs = REST_MS, busyMs = BUSY_MS, heldMs = HELD_MS } = this.#options;
    if (busy() && this.#gaveWay < MAX_GIVING_WAY) {
      this.#gaveWay++;
      return after(busyMs);
    }
    this.#gaveWay = 0;
    const [walk, ...others] = this.#left;
    if (walk === undefined) return this.#end();
    const startedAt = performance.now();
    // A walk that fails lets the others have their turn.
    this.#left = [...others, walk];
    const batch = await store.removeSome(walk, clock());
    if (batch === null) {
      this.#end();
      return after(heldMs);
    }
    onRemoved(batch);
    this.#removed.events += batch.events;
    this.#removed.requests += batch.requests;
    if (batch.done) this.#left = others;
    if (this.#left.length === 0) return this.#end();
    return after(Math.max(restMs, REST_SHARE * (performance.now() - startedAt)));
  }

  #end(): Pause {
    const { logger, pollMs = POLL_MS } = this.#options;
    const { events, requests } = this.#removed;
    if (events + requests > 0) logger.info({ events, requests }, 'old rows have been removed');
    this.#left = this.#walks;
    this.#removed = { events: 0, requests: 0 };
    return after(pollMs);
  }
}

function after(milliseconds: number): Pause {
  return { restMs: milliseconds, waitMs: milliseconds };
}
