/**
 * Requests wait here for the commit of their batch.
 *
 * A batch leaves as soon as a flight is free, so a lone request waits for nothing, and under load batches form by
 * themselves while the flights are out. Nobody is answered before the commit; whoever has waited too long is refused,
 * though the commit may still happen, which the unique index makes harmless when the provider sends it again.
 *
 * No Set or Map holds them: the tables that it outgrows, once promoted to the old generation of the heap, keep all requests of
 * their time alive until the next full collection (6.4 us of garbage collection a request, in place of 0.9).
 */
import { Refusal, type StoreError } from '../core/errors.ts';
import type { VerifiedRequest } from '../core/event.ts';
import type { EventStore, SeenStore } from '../core/ports.ts';
import { type Appended, appendBatch, type DataFaultListener } from './append-batch.ts';
import { BatchSize } from './batch-size.ts';

/**
 * Requests at which a batch leaves in the middle of a turn of the event loop. Waiting for its end makes gateway and database
 * take turns: what was answered together arrives together. A third more webhooks a second from 64 connections.
 */
const LAUNCH_AT = 16;
/** Milliseconds for which a crowd is remembered: at half of the maximum it comes and goes in less than ten. */
const CROWDED_MS = 100;
/** Requests that may wait. The byte budget bounds their bytes; this, what each costs besides. */
const MAX_WAITING = 20_000;

export interface BatchWriterOptions {
  readonly store: EventStore;
  readonly seen: SeenStore;
  /** Most requests in one statement. */
  readonly maxRequests: number;
  /** Statements that may be under way at a time. */
  readonly flights: number;
  /** Milliseconds from `submit` after which a request is refused. */
  readonly commitTimeoutMs: number;
  readonly onBatch: (batch: { size: number; seconds: number; error: StoreError | null }) => void;
  /** Requests were refused because their commit took too long. */
  readonly onLate: () => void;
  readonly dataFaults: DataFaultListener;
}

/** The body's share of the byte budget. */
export interface Held {
  /** Called once, when the writer no longer holds the body: that can be later than the answer. */
  release(): void;
}

interface Waiting {
  readonly request: VerifiedRequest;
  readonly deadline: number;
  readonly resolve: (newEvents: number) => void;
  readonly reject: (refusal: Refusal) => void;
  readonly lease: Held;
  answered: boolean;
}

type Batch = readonly Waiting[];

export class BatchWriter {
  readonly #options: BatchWriterOptions;
  /** In order of arrival and so of deadline. */
  readonly #queue: Waiting[] = [];
  readonly #flights = new Set<Batch>();
  #inFlight = 0;
  #launching = false;
  #crowdedAt = Number.NEGATIVE_INFINITY;
  #closed = false;
  #deadlineTimer: NodeJS.Timeout | undefined;
  readonly #idle: (() => void)[] = [];

  constructor(options: BatchWriterOptions) {
    this.#options = options;
  }

  /** Requests queued and in flight. */
  get depth(): number {
    return this.#queue.length + this.#inFlight;
  }
  /** As many requests as leave at once wait for their commit, or did a moment ago. */
  get crowded(): boolean {
    return performance.now() - this.#crowdedAt < CROWDED_MS;
  }

  /**
   * Resolves after the commit, with the number of events that were new.
   *
   * @throws Refusal `overloaded` at once if the queue is full; `unavailable` if the store cannot take it, or not in time
   */
  submit(request: VerifiedRequest, lease: Held): Promise<number> {
    if (this.#closed || this.depth >= MAX_WAITING) {
      lease.release();
      const why = this.#closed ? 'the gateway is stopping' : 'too many webhooks are waiting for the database';
      return Promise.reject(new Refusal(this.#closed ? 'unavailable' : 'overloaded', why));
    }
    return new Promise((resolve, reject) => {
      if (this.depth >= LAUNCH_AT) this.#crowdedAt = performance.now();
      const deadline = performance.now() + this.#options.commitTimeoutMs;
      this.#queue.push({ request, deadline, resolve, reject, lease, answered: false });
      this.#armDeadline(deadline);
      if (this.#queue.length >= LAUNCH_AT && this.#flights.size < this.#options.flights)
        void this.#fly(this.#takeBatch());
      else this.#launchSoon();
    });
  }

  /** Takes nothing more, and resolves when everything taken has been committed or refused. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.depth > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    clearTimeout(this.#deadlineTimer);
  }

  /** At the end of this turn of the event loop, so that the few that arrive together leave together. */
  #launchSoon(): void {
    if (this.#launching) return;
    this.#launching = true;
    setImmediate(() => {
      this.#launching = false;
      while (this.#queue.length > 0 && this.#flights.size < this.#options.flights) void this.#fly(this.#takeBatch());
    });
  }

  #takeBatch(): Batch {
    const size = new BatchSize(this.#options.maxRequests);
    const next = this.#queue.findIndex(({ request }) => !size.take(request));
    return this.#queue.splice(0, next === -1 ? this.#queue.length : next);
  }

  async #fly(batch: Batch): Promise<void> {
    this.#flights.add(batch);
    this.#inFlight += batch.length;
    const { store, seen, onBatch, dataFaults } = this.#options;
    // Taken before the statement is sent: a commit belongs to the generation in which it began.
    const generation = seen.generation();
    const startedAt = performance.now();
    const requests = batch.map(({ request }) => request);
    const results = await appendBatch(store, requests, dataFaults);
    const failed = results.find((result) => !result.ok);
    onBatch({ size: batch.length, seconds: (performance.now() - startedAt) / 1000, error: failed?.error ?? null });
    const committed = requests.filter((_, index) => {
      const result = results[index];
      // What is kept without its content does not stand under its own keys.
      return result?.ok && result.parsed;
    });
    seen.remember(
      generation,
      committed.flatMap(({ events }) => events),
    );
    batch.forEach((waiting, index) => {
      answer(waiting, results[index]);
      waiting.lease.release();
    });
    this.#flights.delete(batch);
    this.#inFlight -= batch.length;
    if (this.#queue.length > 0) this.#launchSoon();
    else this.#tellIfIdle();
  }

  /** One timer, set for the first deadline and when it rings for the next: almost every request is answered before. */
  #armDeadline(deadline: number): void {
    this.#deadlineTimer ??= setTimeout(() => this.#refuseLate(), Math.max(1, deadline - performance.now()));
  }

  #refuseLate(): void {
    this.#deadlineTimer = undefined;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    let anyLate = false;
    for (const batch of [...this.#flights, this.#queue]) {
      for (const waiting of batch) {
        if (waiting.answered) continue;
        if (waiting.deadline > now) {
          next = Math.min(next, waiting.deadline);
          break;
        }
        anyLate = true;
        waiting.answered = true;
        waiting.reject(new Refusal('unavailable', 'the database did not commit in time'));
      }
    }
    if (anyLate) this.#options.onLate();
    // Those in flight stay with their flight, which lets go of them when it ends.
    const firstInTime = this.#queue.findIndex(({ answered }) => !answered);
    const late = this.#queue.splice(0, firstInTime === -1 ? this.#queue.length : firstInTime);
    for (const { lease } of late) lease.release();
    if (next < Number.POSITIVE_INFINITY) this.#armDeadline(next);
    this.#tellIfIdle();
  }

  #tellIfIdle(): void {
    if (this.depth === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function answer(waiting: Waiting, result: Appended | undefined): void {
  if (waiting.answered) return;
  waiting.answered = true;
  if (result?.ok) waiting.resolve(result.newEvents);
  else waiting.reject(new Refusal('unavailable', 'the database cannot take webhooks at the moment'));
}
