/** What dispatch needs of storage: the events that are still owed, and one transaction in which they are routed and projected. */
import type { NewDelivery } from './delivery.ts';
import type { Route } from './destination.ts';
import type { ProviderName } from './event.ts';
import type { JsonObject } from './json.ts';
import type { ProjectionRow, ProjectionTable } from './projection.ts';

/** An event whose mark still stands in `event_dispatch`. */
export interface OwedEvent {
  readonly id: string;
  readonly requestId: string;
  readonly source: string;
  readonly provider: ProviderName;
  readonly type: string;
  readonly dedupeKey: string;
  readonly subject: string | null;
  readonly occurredAt: Date | null;
  readonly receivedAt: Date;
  /** Null where none could be kept. */
  readonly payload: JsonObject | null;
  /** Failed attempts to project it so far. */
  readonly attempts: number;
  /** Its deliveries were made before: only the projection is owed. */
  readonly routed: boolean;
}

/** A mark that a transaction held when it failed. */
export interface ClaimedMark {
  readonly eventId: string;
  readonly attempts: number;
}

/**
 * Which of the events owed, and due, a transaction takes: never one that another transaction holds, never a parked one, and
 * not more than so many bytes of payload, unless a single one has more.
 */
export type Claim = DueClaim | PartClaim;

/** Those that arrived since `liveSince` first, and with what is left of `events` the oldest. */
export interface DueClaim {
  readonly events: number;
  readonly bytes: number;
  readonly liveSince: Date;
  readonly except: readonly string[];
}

/** These, as far as they are still owed. */
export interface PartClaim {
  readonly only: readonly string[];
  readonly bytes: number;
}

/** A row that events of a batch touch. */
export interface TouchedRow {
  /** Values of the key's columns, in order. */
  readonly key: readonly string[];
  /** The row after all of them, applied in the order of their ids; the very row given if they change nothing. Never throws. */
  readonly next: (row: ProjectionRow | null) => ProjectionRow;
}

export interface TouchedTable {
  readonly table: ProjectionTable;
  /** No two with the same key; sorted by key. */
  readonly rows: readonly TouchedRow[];
}

/** An event whose projection threw, or whose rows PostgreSQL refuses: its mark stays. */
export interface ProjectionFailure {
  readonly eventId: string;
  /** This one included. */
  readonly attempts: number;
  /** For people; nothing of the payload. */
  readonly error: string;
  /** Milliseconds until it is due again; null: never, it is parked. */
  readonly retryInMs: number | null;
}

/** What is to become of the rows that a batch touches. */
export interface ProjectedBatch {
  /** Sorted by name. */
  readonly tables: readonly TouchedTable[];
  readonly failures: readonly ProjectionFailure[];
  /** Called when rows have been made by `next`, before any of them is written. @throws ReductionError if an event threw in it */
  assertReduced(): void;
}

/** What is to become of a batch. */
export interface DispatchPlan extends ProjectedBatch {
  /** Of the events that are not routed yet, those whose projection fails included. In the order of their ids. */
  readonly deliveries: readonly NewDelivery[];
}

/** From the events of a batch, and all routes there are, to what is to become of them. Pure. */
export type PlanDispatch = (events: readonly OwedEvent[], routes: readonly Route[]) => DispatchPlan;

/** Events threw when they were applied to a row. Others of the batch may have been applied to it, so the batch is made anew. */
export class ReductionError extends Error {
  override readonly name = 'ReductionError';
  /** Event id to what is told of it. */
  readonly faults: ReadonlyMap<string, string>;

  constructor(faults: ReadonlyMap<string, string>) {
    super(`${faults.size} events cannot be applied to their rows`);
    this.faults = faults;
  }
}

/** The transaction of a batch failed, and was rolled back; `cause` is the `StoreError`. */
export class BatchError extends Error {
  override readonly name = 'BatchError';
  /** Empty if it failed before anything was claimed. */
  readonly claimed: readonly ClaimedMark[];

  constructor(claimed: readonly ClaimedMark[], cause: Error) {
    super(cause.message, { cause });
    this.claimed = claimed;
  }
}

export interface DispatchCounts {
  /** Arrival of the oldest event that is owed and not parked; null if there is none. */
  readonly oldest: Date | null;
  readonly parked: number;
}

/** A store out of which events are projected in batches. `Next` says which a batch takes that is not part of a failed one. */
export interface BatchStore<Next> {
  /**
   * Loads events, has them projected and writes the rows, all in one transaction: either all of that is there or nothing of
   * it, whatever dies meanwhile. Resolves after the commit to the events loaded, failed ones included, in the order of their
   * ids.
   *
   * Transactions that touch the same rows wait for each other and never deadlock.
   *
   * @param plan called once with the events loaded
   * @throws BatchError if PostgreSQL refuses; ReductionError as `assertReduced` does. Nothing has changed then, or, if the
   *   commit itself got no answer, everything
   */
  project(claim: Next | PartClaim, plan: PlanDispatch): Promise<readonly OwedEvent[]>;

  /** Records a failure outside a batch. @throws BatchError */
  fail(failure: ProjectionFailure): Promise<void>;
}

export interface DispatchStore extends BatchStore<DueClaim> {
  /**
   * The events are claimed before, their deliveries written and their marks deleted after, in the same transaction. A failed
   * event keeps its mark with what is told of it, and counts as routed from then on. None: nothing is due. A delivery that is
   * there already, or whose destination has been removed meanwhile, is left out without a word. If a commit got no answer, the
   * marks tell, and whoever claims again finds it right.
   */
  project(claim: Claim, plan: PlanDispatch): Promise<readonly OwedEvent[]>;

  /**
   * Whether the event is routed stays as it is. Nothing happens if it is no longer owed, or somebody else has counted an attempt
   * meanwhile.
   */
  fail(failure: ProjectionFailure): Promise<void>;

  /** Answers within a second. @throws StoreError */
  counts(): Promise<DispatchCounts>;
}

/**
 * Tells other processes that events, or deliveries, or positions, have been committed. May get lost: whoever depends on it
 * looks by himself as well.
 */
export interface DispatchSignals {
  /** After a commit. Fire and forget; calls that follow closely become one signal. */
  notify(): void;
  /** Calls `onSignal` at each signal of whatever process, and whenever some may have been missed. Close it before the storage. */
  listen(onSignal: () => void): { close(): Promise<void> };
}
