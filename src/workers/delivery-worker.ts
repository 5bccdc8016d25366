/**
 * The worker that delivers: it leases what is due, sends all of that side by side, and reports what became of each as soon as
 * it is known. Nobody waits for the slowest. What is under way when the process dies is sent again by another worker once its
 * lease has run out, with the same `webhook-id`.
 */
import { type DeliveryStore, MAX_AHEAD } from '../core/delivery.ts';
import type { Attempt } from '../delivery/attempt.ts';
import type { DeliveryListener } from '../delivery/delivery-log.ts';
import { ReportOutbox } from '../delivery/report-outbox.ts';
import type { Logger } from '../observability/logger.ts';
import { Loop, type Pause } from './loop.ts';
import { Pace } from './pace.ts';
import { Sending } from './sending.ts';
import { within } from './within.ts';

/** Milliseconds between two looks where nobody wakes the worker. */
const POLL_MS = 5_000;
/**
 * Milliseconds for which answers are gathered, to be reported in one transaction. Where all places of a destination are taken and
 * nothing was leased ahead, half of the answers are enough: more waits for their places.
 */
const SPACING_MS = 10;
/** Milliseconds between two looks at least, where nobody wakes the worker: what is due may have to wait for its destination. */
const LEAST_WAIT_MS = 100;
/** Deliveries under way at a time in this process, those included whose report has not arrived. */
const MAX_UNDER_WAY = 256;
/** Deliveries of one claim: a lease begins before its payloads have been loaded. */
const MAX_CLAIM = 1000;
/** Milliseconds of a lease beyond the destination's timeout: for the report, also if PostgreSQL is away for a moment. */
const LEASE_MS = 30_000;
/** Milliseconds that a stop waits for answers, and then for the last reports. */
const STOP_WAIT = 1_000;
const LAST_REPORTS_WAIT = 2_000;

export interface DeliveryWorkerOptions {
  readonly store: DeliveryStore;
  readonly attempt: Attempt;
  /** UUID of the worker, as its `attempt` has it. */
  readonly owner: string;
  readonly listener: DeliveryListener;
  readonly logger: Logger;
  readonly maxUnderWay?: number;
  readonly pollMs?: number;
}

export interface DeliveryWorker {
  start(): void;
  /** There may be deliveries that are due. */
  wake(): void;
  /** Claims nothing more, gives answers a second, gives up the rest, and reports what is known. Idempotent. */
  close(): Promise<void>;
}

export function createDeliveryWorker(options: DeliveryWorkerOptions): DeliveryWorker {
  const deliveries = new Deliveries(options);
  return {
    start: () => deliveries.start(),
    wake: () => deliveries.wake(),
    close: () => deliveries.close(),
  };
}

class Deliveries {
  readonly #options: DeliveryWorkerOptions;
  readonly #maxUnderWay: number;
  readonly #pollMs: number;
  readonly #loop: Loop;
  readonly #outbox: ReportOutbox;
  readonly #sending: Sending;
  readonly #pace: Pace;
  /** The last claim filled up a destination, and brought nothing ahead. */
  #pressed = false;
  #turning = false;
  #stopping = false;
  #closing: Promise<void> | undefined;

  constructor(options: DeliveryWorkerOptions) {
    const { store, listener, logger } = options;
    this.#options = options;
    this.#maxUnderWay = options.maxUnderWay ?? MAX_UNDER_WAY;
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#sending = new Sending({
      maxUnderWay: this.#maxUnderWay,
      maxAhead: MAX_AHEAD,
      attempt: options.attempt,
      onReport: (delivery, report) => {
        this.#outbox.add(report);
        listener.onAttempt(delivery, report);
      },
      onEnded: () => this.#askForReport(),
    });
    this.#outbox = new ReportOutbox({
      store,
      onPaused: (paused) => listener.onPaused(paused),
      onDropped: ({ deliveryId }, { message }) =>
        logger.error({ deliveryId, reason: message }, 'an attempt cannot be recorded: its delivery will be sent again'),
    });
    this.#loop = new Loop({
      turn: async () => {
        this.#turning = true;
        try {
          return await this.#turn();
        } finally {
          this.#turning = false;
          this.#askForReport();
        }
      },
      onFailure(error, failures) {
        if (failures === 1) logger.warn({ reason: (error as Error).message }, 'nothing is delivered for now');
      },
      onRecovery: () => logger.info('deliveries go on'),
    });
    this.#pace = new Pace(SPACING_MS, () => this.#loop.wake());
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    if (!this.#stopping) this.#pace.spaced();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #turn(): Promise<Pause> {
    this.#pace.began();
    // Before anything new: during an outage no more is sent than can be told of later.
    await this.#outbox.flush();
    await this.#release();
    const claimed = await this.#claim();
    if (claimed === MAX_CLAIM) return { restMs: 0, waitMs: 0 };
    if (this.#stopping || this.#free() <= 0) return { restMs: 0, waitMs: this.#pollMs };
    // Answers bring the next turn. Only if none comes it is asked what is due.
    if (claimed > 0 || this.#outbox.size > 0 || this.#sending.waiting > 0) return { restMs: 0, waitMs: LEAST_WAIT_MS };
    const dueInMs = (await this.#options.store.nextDueInMs()) ?? this.#pollMs;
    return { restMs: 0, waitMs: Math.max(LEAST_WAIT_MS, Math.min(this.#pollMs, dueInMs)) };
  }

  /** What was leased ahead is not counted: it has a limit of its own. */
  #free(): number {
    return this.#maxUnderWay - this.#sending.underWay - this.#outbox.size;
  }

  /** Returns how many. */
  async #claim(): Promise<number> {
    const { store, owner } = this.#options;
    const ahead = this.#sending.ahead();
    const room = [...ahead.values()].reduce((sum, count) => sum + count, 0) - this.#sending.waiting;
    const limit = Math.min(MAX_CLAIM, this.#free() + Math.max(0, room));
    if (this.#stopping || limit <= 0) return 0;
    const claimed = await store.claim({ owner, limit, leaseMs: LEASE_MS, ahead });
    this.#sending.add(claimed);
    // It was under way for longer than the stop has waited.
    if (this.#stopping) await this.#release();
    const nothingAhead = this.#sending.waiting === 0;
    this.#pressed = nothingAhead && claimed.some(({ destination }) => this.#sending.isFull(destination.id));
    return claimed.length;
  }

  /** Of what a turn under way has missed it is asked at its end: by then there is more. */
  #askForReport(): void {
    if (this.#turning || this.#stopping || this.#outbox.size === 0) return;
    if (this.#pressed && this.#outbox.size >= this.#sending.underWay) this.#loop.wake();
    else this.#pace.gathered();
  }

  async #close(): Promise<void> {
    this.#stopping = true;
    this.#pace.stop();
    this.#sending.stop();
    await Promise.all([this.#loop.close(), this.#sending.settled(STOP_WAIT)]);
    await this.#sending.cut();
    await within(LAST_REPORTS_WAIT, Promise.all([this.#outbox.flush(), this.#release()]));
  }

  async #release(): Promise<void> {
    const { store, owner } = this.#options;
    await this.#sending.giveBack((deliveries) => store.release(owner, deliveries));
  }
}
