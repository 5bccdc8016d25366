/** Stored events as people look for them. */
import type { DeliverySummary } from './delivery-admin.ts';
import type { ProviderName } from './event.ts';
import type { Page, PageRequest } from './page.ts';

/** An event without its payload: a list of them stays small. */
export interface EventSummary {
  /** UUID v7. */
  readonly id: string;
  /** Of its `webhook_requests` row, which may have been removed. */
  readonly requestId: string;
  readonly source: string;
  readonly provider: ProviderName;
  readonly type: string;
  readonly dedupeKey: string;
  readonly subject: string | null;
  readonly occurredAt: Date | null;
  readonly receivedAt: Date;
}

/** The request that an event came with. */
export interface RequestSummary {
  readonly id: string;
  readonly receivedAt: Date;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBytes: number;
  /** Hexadecimal. */
  readonly bodySha256: string;
}

/** What dispatch still owes an event. */
export interface DispatchState {
  /** True: its deliveries are made, only the projection is owed. */
  readonly routedAt: Date | null;
  /** Failed ones. */
  readonly attempts: number;
  /** Null: at once, or never if it is parked. */
  readonly nextAttemptAt: Date | null;
  /** It failed too often and is tried no longer. */
  readonly parked: boolean;
  readonly error: string | null;
}

export interface EventDetail extends EventSummary {
  /** JSON text as PostgreSQL has it, with every digit; null where none could be kept. */
  readonly payload: string | null;
  /** Null if it has been removed. */
  readonly request: RequestSummary | null;
  /** The newest hundred, those of its request included. */
  readonly deliveries: readonly DeliverySummary[];
  /** Null: everything is done. */
  readonly dispatch: DispatchState | null;
}

export interface EventFilter {
  readonly source?: string | undefined;
  /** A type such as `invoice.paid`; with `*` at the end every type that begins so. */
  readonly type?: string | undefined;
  readonly subject?: string | undefined;
  /** Arrived at or after. */
  readonly from?: Date | undefined;
  /** Arrived before. */
  readonly to?: Date | undefined;
  /** Somewhere in the payload's JSON text, upper and lower case alike. */
  readonly text?: string | undefined;
}

/** By an id: the provider's own, or an event's row id. */
export interface IdSearch {
  readonly id: string;
  /** The keys in which such an id can stand, as far as it goes. */
  keysOf(provider: ProviderName): readonly string[];
  readonly source?: string | undefined;
}

export interface EventPage {
  /** Newest first. */
  readonly events: readonly EventSummary[];
  /** What `after` is for the next page; null: there are no more. May stand though nothing was found: see `truncated`. */
  readonly next: string | null;
  /** The time was up before the page was full: what was not looked at yet follows after `next`. */
  readonly truncated: boolean;
}

/** Rejects with a `StoreError` only. */
export interface EventReader {
  /**
   * Walks back in the order of arrival for a few seconds at most: there is no index by type or subject.
   *
   * @throws StoreError also if not one step could be made
   */
  list(filter: EventFilter, page: PageRequest): Promise<EventPage>;
  /** The events of that dedupe key, at most one of each source. By index, so at once. */
  findByKey(dedupeKey: string, source?: string): Promise<readonly EventSummary[]>;
  /** The events whose dedupe key is one of those or goes on behind it with `:`, and the event of that row id. By index as well. */
  findById(search: IdSearch, page: PageRequest): Promise<Page<EventSummary>>;
  find(id: string): Promise<EventDetail | null>;
  /** The exact bytes of the request that the event came with; null if there is no such event, or they have been removed. */
  body(id: string): Promise<Buffer | null>;
}
