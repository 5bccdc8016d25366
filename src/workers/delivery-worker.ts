/**
 * The worker that delivers: it leases what is due, sends all of that side by side, and reports what became of each as soon as
 * it is known. Nobody waits for the slowest. What is under way when the process dies is sent again by another worker once its
 * lease has run out, with the same `webhook-id`.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeliveryStore, LeasedDelivery } from '../core/delivery.ts';
import type { Attempt } from '../delivery/attempt.ts';
import type { DeliveryListener } from '../delivery/delivery-log.ts';
import { ReportOutbox } from '../delivery/report-outbox.ts';
import type { Logger } from '../observability/logger.ts';
import { Loop, type Pause } from './loop.ts';

/** Milliseconds between two looks where nobody wakes the worker. */
const POLL_MS = 5_000;
/** Milliseconds between the starts of two turns: so long answers are gathered, to be reported in one transaction. */
const SPACING_MS = 10;
/** Milliseconds between two looks at least, where nobody wakes the worker: what is due may have to wait for its destination. */
const LEAST_WAIT_MS = 100;
/** Deliveries under way at a time in this process, those included whose report has not arrived. */
const MAX_UNDER_WAY = 256;
/** Deliveries of one claim: a lease begins before its payloads have been loaded. */
const MAX_CLAIM = 100;
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
  readonly #giveUp = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  /** Leases to give back. */
  readonly #unsent: string[] = [];
  #stopping = false;
  #closing: Promise<void> | undefined;

  constructor(options: DeliveryWorkerOptions) {
    const { store, logger } = options;
    this.#options = options;
    this.#maxUnderWay = options.maxUnderWay ?? MAX_UNDER_WAY;
    this.#pollMs = options.pollMs ?? POLL_MS;
    // Every attempt under way listens to it.
    setMaxListeners(0, this.#giveUp.signal);
    this.#outbox = new ReportOutbox({
      store,
      onDropped: ({ deliveryId }, { message }) =>
        logger.error({ deliveryId, reason: message }, 'an attempt cannot be recorded: its delivery will be sent again'),
    });
    this.#loop = new Loop({
      turn: () => this.#turn(),
      onFailure(error, failures) {
        if (failures === 1) logger.warn({ reason: (error as Error).message }, 'nothing is delivered for now');
      },
      onRecovery: () => logger.info('deliveries go on'),
    });
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #turn(): Promise<Pause> {
    const startedAt = performance.now();
    // Before anything new: during an outage no more is sent than can be told of later.
    await this.#outbox.flush();
    const full = await this.#claim();
    const restMs = Math.max(0, SPACING_MS - (performance.now() - startedAt));
    if (this.#stopping || this.#free() === 0) return { restMs, waitMs: this.#pollMs };
    if (full) return { restMs, waitMs: restMs };
    const dueInMs = (await this.#options.store.nextDueInMs()) ?? this.#pollMs;
    return { restMs, waitMs: Math.max(LEAST_WAIT_MS, Math.min(this.#pollMs, dueInMs)) };
  }

  #free(): number {
    return this.#maxUnderWay - this.#underWay.size - this.#outbox.size;
  }

  /** True if there may be more. */
  async #claim(): Promise<boolean> {
    const { store, owner } = this.#options;
    const limit = Math.min(MAX_CLAIM, this.#free());
    if (this.#stopping || limit <= 0) return false;
    const claimed = await store.claim({ owner, limit, leaseMs: LEASE_MS });
    for (const delivery of claimed) this.#begin(delivery);
    return claimed.length >= limit;
  }

  #begin(delivery: LeasedDelivery): void {
    const done = this.#deliver(delivery).finally(() => {
      this.#underWay.delete(done);
      this.#loop.wake();
    });
    this.#underWay.add(done);
  }

  async #deliver(delivery: LeasedDelivery): Promise<void> {
    const { attempt, listener } = this.#options;
    const result = await attempt(delivery, this.#giveUp.signal);
    if (result.kind === 'unsent') this.#unsent.push(delivery.id);
    if (result.kind !== 'report') return;
    this.#outbox.add(result.report);
    listener.onAttempt(delivery, result.report);
  }

  async #close(): Promise<void> {
    this.#stopping = true;
    await Promise.all([this.#loop.close(), within(STOP_WAIT, Promise.all(this.#underWay))]);
    this.#giveUp.abort();
    await Promise.all(this.#underWay);
    await within(LAST_REPORTS_WAIT, Promise.all([this.#outbox.flush(), this.#release()]));
  }

  async #release(): Promise<void> {
    const { store, owner } = this.#options;
    if (this.#unsent.length > 0) await store.release(owner, this.#unsent.splice(0));
  }
}

/** Until it has ended, well or not, or for so many milliseconds. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const timeout = new AbortController();
  const waited = sleep(milliseconds, undefined, { signal: timeout.signal }).catch(() => undefined);
  await Promise.race([work.catch(() => undefined), waited]);
  timeout.abort();
}
