/** What a rebuild of projections needs of storage: to read all events again, batch by batch, and to remember how far it has come. */
import type { BatchStore, OwedEvent, ProjectionFailure } from './dispatch.ts';
import type { ProviderName } from './event.ts';
import type { ProjectionTable } from './projection.ts';

/** What is to be rebuilt. */
export interface RebuildScope {
  /** Sorted by name. */
  readonly tables: readonly ProjectionTable[];
  /** Whose events touch these tables. */
  readonly providers: readonly ProviderName[];
  /** Events received since then are applied to what is there. Null: the tables are emptied, and made of all events. */
  readonly from: Date | null;
}

/** A rebuild that was begun and has not come to its end. */
export interface UnfinishedRebuild {
  /** Names, sorted. */
  readonly tables: readonly string[];
  readonly from: Date | null;
  readonly startedAt: Date;
  /** Tables have been emptied, so until it is finished rows are missing in them. */
  readonly emptied: boolean;
  /** All of them have been, if any is to be, and it is known which event is the last to be read. */
  readonly measured: boolean;
  readonly eventsRead: number;
  /** Milliseconds for which its process still holds it; 0: nobody does. */
  readonly leaseMs: number;
}

/**
 * - `begun`, `resumed`: it is ours; a resumed one goes on where it ended.
 * - `held`: another process is at work.
 * - `other`: one with another scope is unfinished.
 * - `uncovered`: it was to be forgotten, but has emptied tables that this one would not fill.
 */
export type RebuildBeginning =
  | { readonly outcome: 'begun' | 'resumed'; readonly rebuild: Rebuild }
  | { readonly outcome: 'held' | 'other' | 'uncovered'; readonly unfinished: UnfinishedRebuild };

export interface RebuildProgress {
  /** Events passed, also those of other providers. */
  readonly eventsRead: number;
  /** Null: not known. Approximate where events are removed meanwhile. */
  readonly eventsTotal: number | null;
  readonly eventsFailed: number;
  /** Nothing is left to read. */
  readonly ended: boolean;
}

/** The next batch: at most so many events, and so many bytes of payload unless a single event has more. */
export interface NextClaim {
  readonly events: number;
  readonly bytes: number;
}

/**
 * A rebuild under way. `project` and `fail` move on behind the events that they are done with, in the same transaction, and
 * give a failed event its mark back, so that dispatch tries it again and shows it.
 *
 * Every method throws StartupError if another process has taken the rebuild over, and else StoreError, but for those of
 * `BatchStore`, which throw BatchError.
 */
export interface Rebuild extends BatchStore<NextClaim> {
  /** As it was when it was begun or taken up. */
  readonly state: UnfinishedRebuild;
  /**
   * Empties the tables, one after the other. Gives up if somebody uses a table for more than a second; called again, it goes
   * on with that one.
   *
   * @throws StartupError if events have been removed and the loss of their rows is not accepted
   */
  empty(options: { readonly acceptLoss: boolean }): Promise<void>;
  /** Once all tables are emptied: decides which event is the last to be read, and counts them. Later calls change nothing. */
  measure(): Promise<void>;
  progress(): Promise<RebuildProgress>;
  /** Somebody dispatches, and events have been waiting for that for more than a second. */
  liveEventsWait(): Promise<boolean>;
  /** Parked events that were passed become due again. Returns how many. */
  finish(): Promise<number>;
  /** Not finished, but nobody need wait for the lease to end. */
  release(): Promise<void>;
}

/** What the events of a batch touch. */
export interface TouchedKeys {
  readonly tables: readonly { readonly table: ProjectionTable; readonly keys: readonly (readonly string[])[] }[];
  readonly failures: readonly ProjectionFailure[];
}

/** What a rebuild would do. */
export interface RebuildSurvey {
  /** Events of the scope. */
  readonly events: number;
  readonly tables: readonly {
    readonly name: string;
    readonly rows: number;
    /** Rows that no event touches any longer. 0 if nothing is emptied. */
    readonly vanishing: number;
  }[];
  readonly failed: number;
}

export interface SurveyOptions {
  /** Pure. */
  readonly touch: (events: readonly OwedEvent[]) => TouchedKeys;
  readonly onProgress: (eventsRead: number) => void;
  readonly onFailed: (failure: ProjectionFailure) => void;
  /** Ends it between two batches. */
  readonly signal: AbortSignal;
}

export interface RebuildStore {
  unfinished(): Promise<UnfinishedRebuild | null>;
  /** Events that retention has ever removed. Never those of an erasure, which take their rows with them. */
  eventsRemoved(): Promise<number>;
  /** @param restart forgets an unfinished one, if nobody is at work on it */
  begin(scope: RebuildScope, options: { readonly restart: boolean }): Promise<RebuildBeginning>;
  /** Reads all events and changes nothing. Null if it was ended by the signal. @throws StoreError */
  survey(scope: RebuildScope, options: SurveyOptions): Promise<RebuildSurvey | null>;
  /** Idempotent. */
  close(): Promise<void>;
}
