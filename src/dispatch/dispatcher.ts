/**
 * Dispatch as one worker does it, batch after batch: how many events at a time, in which order, and who is at fault when
 * nothing goes through.
 */
import {
  BatchError,
  type ClaimedMark,
  type DispatchStore,
  type OwedEvent,
  type ProjectionFailure,
} from '../core/dispatch.ts';
import type { Clock } from '../core/ports.ts';
import { type DispatchBatchOptions, type DispatchedBatch, dispatchBatch, failAlone } from './dispatch-batch.ts';
import { failureOf } from './retry-schedule.ts';
import type { RouteFault } from './route.ts';

/** What one transaction may hold. */
export const MAX_EVENTS = 500;
export const MAX_BYTES = 8 * 1024 * 1024;
/** While webhooks wait for their commit: a batch keeps the event loop busy for some milliseconds at a stretch. */
const MAX_EVENTS_BESIDE_INGEST = 50;
/** Milliseconds since its arrival for which an event comes before the backlog. */
const LIVE_MS = 10_000;
/** Times that an event must have failed alone, while others went through, before that counts as an attempt. */
const MAX_STRIKES = 3;

export interface DispatchListener {
  onDispatched(events: readonly OwedEvent[]): void;
  onFailed(failure: ProjectionFailure): void;
  /** Deliveries have been committed: workers that send them may be woken. */
  onRouted(deliveries: number): void;
  /** Positions have been given: who follows may look. */
  onPositions(events: number): void;
  /** Conditions of destinations threw. */
  onRouteFaults(faults: readonly RouteFault[]): void;
}

export interface DispatcherOptions extends DispatchBatchOptions {
  readonly store: DispatchStore;
  /** Is the queue of webhooks growing in this process? */
  readonly busy: () => boolean;
  readonly listener: DispatchListener;
  readonly clock: Clock;
}

export interface Turn {
  /** Events claimed. */
  readonly events: number;
  /** Probably there are more. */
  readonly full: boolean;
  /** Milliseconds until the first of those that failed is due again; null if none is. */
  readonly retryInMs: number | null;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** Fewer after an outage: a small transaction gets through sooner, and an event that breaks each of its own ends up alone. */
  #limit = MAX_EVENTS;
  /** Failed alone, though its data is not what PostgreSQL complained of. Stays behind until another has been tried. */
  #suspect: { readonly mark: ClaimedMark; readonly reason: string } | null = null;
  readonly #strikes = new Map<string, number>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** @throws BatchError while PostgreSQL takes nothing: try again later */
  async turn(): Promise<Turn> {
    const { busy, clock } = this.#options;
    const events = Math.min(this.#limit, busy() ? MAX_EVENTS_BESIDE_INGEST : MAX_EVENTS);
    const suspect = this.#suspect;
    const liveSince = new Date(clock().getTime() - LIVE_MS);
    const except = suspect === null ? [] : [suspect.mark.eventId];
    try {
      const batch = await dispatchBatch({ events, bytes: MAX_BYTES, liveSince, except }, this.#options);
      return await this.#finish(batch, events);
    } catch (error) {
      this.#limit = Math.max(1, this.#limit >> 3);
      // If others fail as well, it is an outage.
      this.#suspect = suspect === null ? suspectOf(error) : null;
      throw error;
    }
  }

  async #finish(batch: DispatchedBatch, asked: number): Promise<Turn> {
    const { listener } = this.#options;
    const { done, failures, deliveries, positions, routeFaults } = batch;
    const events = done.length + failures.length;
    this.#limit = Math.min(MAX_EVENTS, this.#limit * 4);
    if (done.length > 0) listener.onDispatched(done);
    const judged = await this.#judge(done.length > 0);
    const all = [...failures, ...(judged?.failures ?? [])];
    for (const failure of all) listener.onFailed(failure);
    const made = deliveries + (judged?.deliveries ?? 0);
    if (made > 0) listener.onRouted(made);
    const placed = positions + (judged?.positions ?? 0);
    if (placed > 0) listener.onPositions(placed);
    const faults = [...routeFaults, ...(judged?.routeFaults ?? [])];
    if (faults.length > 0) listener.onRouteFaults(faults);
    const retries = all.flatMap(({ retryInMs }) => retryInMs ?? []);
    return { events, full: events >= asked, retryInMs: retries.length === 0 ? null : Math.min(...retries) };
  }

  /** Others went through where the suspect did not: after a few times that is its own fault. */
  async #judge(othersPassed: boolean): Promise<DispatchedBatch | null> {
    const suspect = this.#suspect;
    this.#suspect = null;
    if (suspect === null || !othersPassed) return null;
    const { eventId } = suspect.mark;
    const strikes = (this.#strikes.get(eventId) ?? 0) + 1;
    this.#strikes.set(eventId, strikes);
    if (strikes < MAX_STRIKES) return null;
    this.#strikes.delete(eventId);
    const failure = failureOf(suspect.mark, suspect.reason, this.#options.retryDelays);
    // Whatever it does to a transaction, it does to that one too.
    return await failAlone(failure, { ...this.#options, bytes: MAX_BYTES }, () => true);
  }
}

function suspectOf(error: unknown) {
  if (!(error instanceof BatchError)) return null;
  const [mark, ...others] = error.claimed;
  return mark === undefined || others.length > 0 ? null : { mark, reason: error.message };
}
