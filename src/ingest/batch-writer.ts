/**
 * Requests wait here for the commit of their batch.
 *
 * A batch leaves as soon as a flight is free, so a lone request waits for nothing, and under load batches form by
 * themselves while the flights are out. Nobody is answered before the commit; whoever has waited too long is refused,
 * though the commit may still happen, which the unique index makes harmless when the provider sends it again.
 */
import { Refusal, type StoreError } from '../core/errors.ts';
import { payloadBytes, type VerifiedRequest } from '../core/event.ts';
import type { EventStore, SeenStore } from '../core/ports.ts';
import { type Appended, appendBatch, type DataFaultListener } from './append-batch.ts';

/** What a batch may hold; bytes of bodies and payloads. A request that is larger by itself travels alone. */
const MAX_EVENTS = 5_000;
const MAX_BYTES = 8 * 1024 * 1024;
/** Requests that may wait. Their bytes are bounded by the byte budget; this bounds what each costs besides. */
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
  readonly dataFaults: DataFaultListener;
}

interface Waiting {
  readonly request: VerifiedRequest;
  readonly deadline: number;
  readonly resolve: (newEvents: number) => void;
  readonly reject: (refusal: Refusal) => void;
  /** The writer no longer holds the body. */
  readonly release: () => void;
}

export class BatchWriter {
  readonly #options: BatchWriterOptions;
  #queue: Waiting[] = [];
  /** Everyone not yet answered, in order of arrival and so of deadline. */
  readonly #unanswered = new Set<Waiting>();
  #inFlight = 0;
  #flights = 0;
  #launching = false;
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

  /**
   * Resolves after the commit, with the number of events that were new.
   *
   * @param release called once, when the writer no longer holds the body: that can be later than the answer
   * @throws Refusal `overloaded` at once if the queue is full; `unavailable` if the store cannot take it, or not in time
   */
  submit(request: VerifiedRequest, release: () => void): Promise<number> {
    if (this.#closed || this.depth >= MAX_WAITING) {
      release();
      const why = this.#closed ? 'the gateway is stopping' : 'too many webhooks are waiting for the database';
      return Promise.reject(new Refusal(this.#closed ? 'unavailable' : 'overloaded', why));
    }
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#options.commitTimeoutMs;
      const waiting = { request, deadline, resolve, reject, release };
      this.#queue.push(waiting);
      this.#unanswered.add(waiting);
      this.#armDeadline();
      this.#launchSoon();
    });
  }

  /** Takes nothing more, and resolves when everything taken has been committed or refused. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.depth > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    clearTimeout(this.#deadlineTimer);
  }

  /** Once per turn of the event loop, so that what arrives together leaves together. */
  #launchSoon(): void {
    if (this.#launching) return;
    this.#launching = true;
    setImmediate(() => {
      this.#launching = false;
      while (this.#queue.length > 0 && this.#flights < this.#options.flights) void this.#fly(this.#takeBatch());
    });
  }

  #takeBatch(): Waiting[] {
    let events = 0;
    let bytes = 0;
    let size = 0;
    for (const { request } of this.#queue) {
      events += request.events.length;
      bytes += request.body.length + payloadBytes(request.events);
      const over = size >= this.#options.maxRequests || events > MAX_EVENTS || bytes > MAX_BYTES;
      if (over && size > 0) break;
      size++;
    }
    const batch = this.#queue.slice(0, size);
    this.#queue = this.#queue.slice(size);
    return batch;
  }

  async #fly(batch: readonly Waiting[]): Promise<void> {
    this.#flights++;
    this.#inFlight += batch.length;
    const { store, seen, onBatch, dataFaults } = this.#options;
    // Taken before the statement is sent: a commit belongs to the generation in which it began.
    const generation = seen.generation();
    const startedAt = performance.now();
    const requests = batch.map(({ request }) => request);
    const results = await appendBatch(store, requests, dataFaults);
    const failed = results.find((result) => !result.ok);
    onBatch({ size: batch.length, seconds: (performance.now() - startedAt) / 1000, error: failed?.error ?? null });
    const committed = requests.filter((_, index) => results[index]?.ok);
    seen.remember(
      generation,
      committed.flatMap(({ source, events }) => events.map(({ dedupeKey }) => ({ source, dedupeKey }))),
    );
    batch.forEach((waiting, index) => {
      this.#answer(waiting, results[index]);
      waiting.release();
    });
    this.#flights--;
    this.#inFlight -= batch.length;
    if (this.#queue.length > 0) this.#launchSoon();
    else if (this.depth === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #answer(waiting: Waiting, result: Appended | undefined): void {
    if (!this.#unanswered.delete(waiting)) return;
    if (result?.ok) waiting.resolve(result.newEvents);
    else waiting.reject(new Refusal('unavailable', 'the database cannot take webhooks at the moment'));
  }

  #armDeadline(): void {
    if (this.#deadlineTimer !== undefined) return;
    const [first] = this.#unanswered;
    if (first === undefined) return;
    this.#deadlineTimer = setTimeout(() => this.#refuseLate(), Math.max(1, first.deadline - performance.now()));
  }

  #refuseLate(): void {
    this.#deadlineTimer = undefined;
    const now = performance.now();
    const late = new Set<Waiting>();
    for (const waiting of this.#unanswered) {
      if (waiting.deadline > now) break;
      late.add(waiting);
      this.#unanswered.delete(waiting);
      waiting.reject(new Refusal('unavailable', 'the database did not commit in time'));
    }
    // Those in flight stay with their flight, which lets go of them when it ends.
    for (const waiting of this.#queue) if (late.has(waiting)) waiting.release();
    this.#queue = this.#queue.filter((waiting) => !late.has(waiting));
    this.#armDeadline();
    if (this.depth === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
