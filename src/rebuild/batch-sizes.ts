/** How many events a batch of a rebuild takes, and which event is at fault when nothing goes through. */
import { BatchError } from '../core/dispatch.ts';
import type { NextClaim, Rebuild } from '../core/rebuild.ts';
import { type DispatchedBatch, dispatchBatch } from '../dispatch/dispatch-batch.ts';
import { MAX_BYTES, MAX_EVENTS } from '../dispatch/dispatcher.ts';
import type { Projectors } from '../dispatch/project-batch.ts';
import { failureOf } from '../dispatch/retry-schedule.ts';
import { routeNowhere } from '../dispatch/route.ts';

/** Times that an event must have failed alone before that counts as its own fault. */
const MAX_STRIKES = 3;

/** Applies batch after batch. After a failure batches are smaller, so that an event that breaks each of its own ends up alone. */
export class RebuildBatches {
  readonly #rebuild: Rebuild;
  readonly #projectors: Projectors;
  #limit = MAX_EVENTS;
  #suspect: string | null = null;
  #strikes = 0;

  constructor(rebuild: Rebuild, projectors: Projectors) {
    this.#rebuild = rebuild;
    this.#projectors = projectors;
  }

  /** Resolves after the commit. @throws BatchError while PostgreSQL takes nothing: try again */
  async next(): Promise<DispatchedBatch> {
    const options = { store: this.#rebuild, projectors: this.#projectors, route: routeNowhere, retryDelays: [] };
    const claim: NextClaim = { events: this.#limit, bytes: MAX_BYTES };
    try {
      const batch = await dispatchBatch(claim, options);
      this.#limit = Math.min(MAX_EVENTS, this.#limit * 4);
      return batch;
    } catch (error) {
      this.#limit = Math.max(1, this.#limit >> 3);
      return await this.#blame(error);
    }
  }

  /** Passes over an event that has failed alone again and again, if PostgreSQL takes that much. */
  async #blame(error: unknown): Promise<DispatchedBatch> {
    const [mark, ...others] = error instanceof BatchError ? error.claimed : [];
    if (mark === undefined || others.length > 0) throw error;
    this.#strikes = this.#suspect === mark.eventId ? this.#strikes + 1 : 1;
    this.#suspect = mark.eventId;
    if (this.#strikes < MAX_STRIKES) throw error;
    const failure = failureOf(mark, (error as Error).message, []);
    await this.#rebuild.fail(failure);
    return { done: [], failures: [failure], deliveries: 0, positions: 0, routeFaults: [] };
  }
}
