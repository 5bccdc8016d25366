/** A replay: events that an operator has owed anew, one by one or by filter and time, as a job in the background. */
import type { Change } from './audit.ts';
import type { NewDelivery } from './delivery.ts';
import type { DestinationFilter, Route } from './destination.ts';
import type { OwedEvent } from './dispatch.ts';
import type { Page, PageRequest } from './page.ts';

/**
 * `done`: everything is owed. `cancelling`: no more is owed, what waits of it is being cancelled and what is under way is waited
 * for. `cancelled`: nothing of it is sent any more. `failed`: it cannot go on, `error` says why.
 */
export const REPLAY_STATES = ['running', 'done', 'cancelling', 'cancelled', 'failed'] as const;
export type ReplayState = (typeof REPLAY_STATES)[number];

/** Either these events, or those of a filter that arrived within a time. */
export type ReplayScope =
  /** At most 1,000; those that are gone are left out. */
  | { readonly kind: 'events'; readonly eventIds: readonly string[] }
  /** Arrived at or after `from`, before `to`. */
  | { readonly kind: 'filter'; readonly filter: DestinationFilter; readonly from: Date; readonly to: Date };

export interface ReplayOrder {
  /** UUID v7. */
  readonly id: string;
  readonly scope: ReplayScope;
  /** Null: all that there are when an event's turn comes. */
  readonly destinationIds: readonly string[] | null;
  /** False: a destination is owed only what passes its own filter, as it is when the event's turn comes. */
  readonly ignoreFilter: boolean;
  /** Events a second at most, of those that are owed to at least one destination; null: as fast as it goes. */
  readonly ratePerSecond: number | null;
}

/** What became of the deliveries. */
export interface ReplayedDeliveries {
  readonly pending: number;
  readonly delivered: number;
  readonly dead: number;
  readonly cancelled: number;
}

export interface ReplaySummary extends ReplayOrder {
  readonly state: ReplayState;
  /** Id of the API key, or `ADMIN_API_KEY`. */
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
  /** Events looked at. */
  readonly scanned: number;
  /** Of those, owed to at least one destination. */
  readonly matched: number;
  /** Deliveries made. */
  readonly owed: number;
  /** How much of the time, or of the list, has been walked: 0 to 1. */
  readonly progress: number;
  /** For people; nothing of a payload. */
  readonly error: string | null;
}

export interface ReplayDetail extends ReplaySummary {
  readonly deliveries: ReplayedDeliveries;
}

/** `conflict`: it has ended, and nothing of it is left to be sent. */
export type ReplayChange = 'done' | 'not_found' | 'conflict';

/** What operators do with replays. Every change and its entry of the audit log are one transaction. Rejects with a `StoreError`. */
export interface ReplayAdmin {
  /** Null if one of the destinations is none. */
  create(order: ReplayOrder, change: Change): Promise<ReplaySummary | null>;
  /** Newest first. */
  list(page: PageRequest): Promise<Page<ReplaySummary>>;
  find(id: string): Promise<ReplayDetail | null>;
  /**
   * Nothing more is owed, and what waits of it is cancelled, soon; what is under way is not called back. Also of one that has
   * owed everything, for as long as some of that waits. Nothing happens to one that is being cancelled already.
   */
  cancel(id: string, change: Change): Promise<ReplayChange>;
}

/** An event of a replay. */
export type ReplayedEvent = Omit<OwedEvent, 'attempts' | 'routed'>;
/** The same before anybody has looked into it. */
export type ReplayedHead = Omit<ReplayedEvent, 'payload'>;

/** What is owed of some events. */
export interface ReplayedBatch {
  /** In the order of the events; those of the format `original` once for each request. */
  readonly deliveries: readonly NewDelivery[];
  /** Events judged, from the first: all of them, or as many as had to be until so many were owed. */
  readonly taken: number;
  /** Of those, owed to at least one destination. */
  readonly matched: number;
}

/** Which deliveries events are owed anew: of the destinations that the replay is for, as they are now. Pure. */
export interface ReplayPlan {
  /** Does it depend on the payload who is owed this event? Where it does not, `owe` looks at none. @throws ReplayFault */
  readsPayload(event: ReplayedHead): boolean;
  /** @param limit no more events are judged once so many are owed @throws ReplayFault */
  owe(events: readonly ReplayedEvent[], limit: number): ReplayedBatch;
}

/** @throws ReplayFault */
export type PlanReplay = (order: ReplayOrder, routes: readonly Route[]) => ReplayPlan;

/** A replay cannot go on. The message is for people and holds nothing of a payload. */
export class ReplayFault extends Error {
  override readonly name = 'ReplayFault';
}

/** What one step did, and what the replay has come to. */
export interface ReplayStep {
  readonly replayId: string;
  readonly state: ReplayState;
  /** Deliveries made by this step. */
  readonly made: number;
  /** Since it began. */
  readonly scanned: number;
  readonly matched: number;
  readonly owed: number;
}

/** The job's own side. Rejects with a `StoreError` only. */
export interface ReplayStore {
  /**
   * Takes the replay that has waited longest and that nobody else has in hand, walks its next events (500, or as many as its
   * rate allows in a second), owes them and remembers its place, all in one transaction; of one that is being cancelled it
   * cancels the next thousand deliveries. One whose plan throws, or whose rows PostgreSQL refuses, has `failed`. Null: nothing is
   * due. Resolves after the commit; whoever dies, nothing is owed twice.
   *
   * Walked once, from the oldest event to the newest. What becomes visible behind it (a spool is drained, a commit takes its
   * time) is dispatched by then to whoever is there, and is not owed here.
   */
  step(plan: PlanReplay): Promise<ReplayStep | null>;
  /** Milliseconds until something is due; null: nothing runs. */
  nextDueInMs(): Promise<number | null>;
}
