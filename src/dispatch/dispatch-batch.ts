/** One batch of events out of the store, whatever is in it: repeated where that helps, split where an event is at fault. */
import {
  BatchError,
  type Claim,
  type DispatchStore,
  type OwedEvent,
  type ProjectedBatch,
  type ProjectionFailure,
  ReductionError,
} from '../core/dispatch.ts';
import { StoreError } from '../core/errors.ts';
import { type Projectors, projectBatch } from './project-batch.ts';
import { failureOf } from './retry-schedule.ts';

/** Workers never deadlock among themselves; others may write the tables too. A limit only so that nothing can repeat for ever. */
const MAX_REPEATS = 5;

export interface DispatchBatchOptions {
  readonly store: DispatchStore;
  readonly projectors: Projectors;
  /** Milliseconds before each further attempt of an event that failed; after the last it is parked. */
  readonly retryDelays: readonly number[];
}

/** What became of the events of a batch. */
export interface DispatchedBatch {
  /** Projected, or with nothing to project. Their marks are gone. */
  readonly done: readonly OwedEvent[];
  readonly failures: readonly ProjectionFailure[];
}

/**
 * Resolves when every event claimed is either dispatched or marked as failed; with none of either if nothing is due.
 *
 * @throws BatchError on an outage: nothing is lost, and nothing is counted as an attempt
 */
export async function dispatchBatch(claim: Claim, options: DispatchBatchOptions): Promise<DispatchedBatch> {
  const { store, retryDelays } = options;
  try {
    return await dispatchWhole(claim, options);
  } catch (error) {
    if (!(error instanceof BatchError) || faultOf(error) !== 'data') throw error;
    const [first] = error.claimed;
    if (first === undefined) throw error;
    if (error.claimed.length === 1) {
      const failure = failureOf(first, error.message, retryDelays);
      await store.fail(failure);
      return { done: [], failures: [failure] };
    }
    const ids = error.claimed.map(({ eventId }) => eventId);
    const middle = ids.length >> 1;
    const left = await dispatchBatch({ only: ids.slice(0, middle), bytes: claim.bytes }, options);
    const right = await dispatchBatch({ only: ids.slice(middle), bytes: claim.bytes }, options);
    return { done: [...left.done, ...right.done], failures: [...left.failures, ...right.failures] };
  }
}

async function dispatchWhole(
  claim: Claim,
  { store, projectors, retryDelays }: DispatchBatchOptions,
): Promise<DispatchedBatch> {
  const faults = new Map<string, string>();
  for (let repeats = 0; ; ) {
    let batch: ProjectedBatch | undefined;
    try {
      const events = await store.project(claim, (claimed) => {
        batch = projectBatch(claimed, { projectors, faults, retryDelays });
        return batch;
      });
      const failures = batch?.failures ?? [];
      const failed = new Set(failures.map(({ eventId }) => eventId));
      return { done: events.filter(({ id }) => !failed.has(id)), failures };
    } catch (error) {
      if (error instanceof ReductionError) {
        for (const [eventId, fault] of error.faults) faults.set(eventId, fault);
        continue;
      }
      if (faultOf(error) !== 'contention' || repeats === MAX_REPEATS) throw error;
      repeats++;
    }
  }
}

function faultOf(error: unknown): StoreError['fault'] | null {
  const cause = error instanceof BatchError ? error.cause : null;
  return cause instanceof StoreError ? cause.fault : null;
}
