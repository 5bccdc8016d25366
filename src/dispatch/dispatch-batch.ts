/** One batch of events out of the store, whatever is in it: repeated where that helps, split where an event is at fault. */
import {
  BatchError,
  type BatchStore,
  type DispatchPlan,
  type DueClaim,
  type OwedEvent,
  type PartClaim,
  type ProjectionFailure,
  ReductionError,
} from '../core/dispatch.ts';
import { StoreError } from '../core/errors.ts';
import { type Projectors, projectBatch } from './project-batch.ts';
import { failureOf } from './retry-schedule.ts';
import type { RouteEvents, RouteFault } from './route.ts';

/** Workers never deadlock among themselves; others may write the tables too. A limit only so that nothing can repeat for ever. */
const MAX_REPEATS = 5;

/** How much a batch takes. */
interface Bounded {
  readonly bytes: number;
}

/** Of dispatch, unless a claim of another store is named. */
export interface DispatchBatchOptions<Next extends Bounded = DueClaim> {
  readonly store: BatchStore<Next>;
  readonly projectors: Projectors;
  readonly route: RouteEvents;
  /** Milliseconds before each further attempt of an event that failed; after the last it is parked. */
  readonly retryDelays: readonly number[];
}

/** What became of the events of a batch. */
export interface DispatchedBatch {
  /** Projected, or with nothing to project. Their marks are gone. */
  readonly done: readonly OwedEvent[];
  /** Their projection failed. */
  readonly failures: readonly ProjectionFailure[];
  /** Deliveries made; with the format `original` also those that were there. */
  readonly deliveries: number;
  /** Events that were routed now and not before: they have got their positions. */
  readonly positions: number;
  readonly routeFaults: readonly RouteFault[];
}

const NOTHING: DispatchedBatch = { done: [], failures: [], deliveries: 0, positions: 0, routeFaults: [] };

/**
 * Resolves when every event claimed is either dispatched or marked as failed; with none of either if nothing is due.
 *
 * @throws BatchError on an outage: nothing is lost, and nothing is counted as an attempt
 */
export async function dispatchBatch<Next extends Bounded>(
  claim: Next | PartClaim,
  options: DispatchBatchOptions<Next>,
): Promise<DispatchedBatch> {
  const { retryDelays } = options;
  try {
    return await dispatchWhole(claim, options);
  } catch (error) {
    if (!(error instanceof BatchError) || faultOf(error) !== 'data') throw error;
    const [first] = error.claimed;
    if (first === undefined) throw error;
    if (error.claimed.length === 1) {
      return await failAlone(failureOf(first, error.message, retryDelays), { ...options, bytes: claim.bytes });
    }
    const ids = error.claimed.map(({ eventId }) => eventId);
    const middle = ids.length >> 1;
    const left = await dispatchBatch({ only: ids.slice(0, middle), bytes: claim.bytes }, options);
    const right = await dispatchBatch({ only: ids.slice(middle), bytes: claim.bytes }, options);
    return {
      done: [...left.done, ...right.done],
      failures: [...left.failures, ...right.failures],
      deliveries: left.deliveries + right.deliveries,
      positions: left.positions + right.positions,
      routeFaults: [...left.routeFaults, ...right.routeFaults],
    };
  }
}

/**
 * Records the failure of an event that cannot be projected, and routes it all the same. If it cannot be routed either, only the
 * failure is recorded.
 *
 * @param isFault does this error mean so? Any other is thrown
 */
export async function failAlone<Next extends Bounded>(
  failure: ProjectionFailure,
  { bytes, store, route }: Bounded & Pick<DispatchBatchOptions<Next>, 'store' | 'route'>,
  isFault: (error: unknown) => boolean = (error) => faultOf(error) === 'data',
): Promise<DispatchedBatch> {
  let routed: ReturnType<RouteEvents> | undefined;
  let events: readonly OwedEvent[];
  try {
    events = await store.project({ only: [failure.eventId], bytes }, (claimed, routes) => {
      routed = route(claimed, routes);
      return { tables: [], failures: [failure], deliveries: routed.deliveries, assertReduced: () => undefined };
    });
  } catch (error) {
    if (!isFault(error)) throw error;
    await store.fail(failure);
    return { ...NOTHING, failures: [failure] };
  }
  const { deliveries = [], faults = [] } = routed ?? {};
  const positions = countUnrouted(events);
  return { ...NOTHING, failures: [failure], deliveries: deliveries.length, positions, routeFaults: faults };
}

async function dispatchWhole<Next extends Bounded>(
  claim: Next | PartClaim,
  { store, projectors, route, retryDelays }: DispatchBatchOptions<Next>,
): Promise<DispatchedBatch> {
  const faults = new Map<string, string>();
  for (let repeats = 0; ; ) {
    let plan: DispatchPlan | undefined;
    let routeFaults: readonly RouteFault[] = [];
    try {
      const events = await store.project(claim, (claimed, routes) => {
        const routed = route(claimed, routes);
        routeFaults = routed.faults;
        plan = { ...projectBatch(claimed, { projectors, faults, retryDelays }), deliveries: routed.deliveries };
        return plan;
      });
      const { failures = [], deliveries = [] } = plan ?? {};
      const failed = new Set(failures.map(({ eventId }) => eventId));
      const done = events.filter(({ id }) => !failed.has(id));
      return { done, failures, deliveries: deliveries.length, positions: countUnrouted(events), routeFaults };
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

function countUnrouted(events: readonly OwedEvent[]): number {
  return events.filter(({ routed }) => !routed).length;
}

function faultOf(error: unknown): StoreError['fault'] | null {
  const cause = error instanceof BatchError ? error.cause : null;
  return cause instanceof StoreError ? cause.fault : null;
}
