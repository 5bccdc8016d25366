/** Who follows the events as they are dispatched, and by what place: a position, which dispatch gives in the order of commit. */
import type { Change } from './audit.ts';
import type { DestinationFilter } from './destination.ts';
import type { ProviderName } from './event.ts';
import type { Page, PageRequest } from './page.ts';

/**
 * From 1 upwards, without gaps. Given when an event is routed, in the same transaction, and in the order of commit: whoever has
 * read up to a position will never find a new one below it. Ids and times do not have that property: they are made at arrival,
 * and become visible at the commit, or hours later when a spool is drained.
 */
export type Position = number;

/** What a follower is sent: our envelope, or a body of the provider's own shape. */
export const FOLLOWED_FORMATS = ['event', 'native'] as const;
export type FollowedFormat = (typeof FOLLOWED_FORMATS)[number];

/** Which events, in which form. */
export interface FollowedEvents {
  readonly filter: DestinationFilter;
  readonly format: FollowedFormat;
}

/** An event at its place, with what every format needs of it. */
export interface PositionedEvent {
  readonly position: Position;
  readonly id: string;
  readonly requestId: string;
  readonly source: string;
  readonly provider: ProviderName;
  readonly type: string;
  readonly dedupeKey: string;
  readonly subject: string | null;
  readonly occurredAt: Date | null;
  readonly receivedAt: Date;
  /** JSON text as PostgreSQL prints it; null where none was kept, or it was not asked for. */
  readonly payload: string | null;
  /** Null if its row has been removed, or where it was not asked for. */
  readonly request: { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer } | null;
}

/** An event without its contents. */
export type EventSummary = Omit<PositionedEvent, 'payload' | 'request'>;

export interface PositionPage {
  /** Those that are wanted, in the order of their positions. */
  readonly events: readonly PositionedEvent[];
  /** Everything up to here has been looked at. */
  readonly to: Position;
  /** True if there is more at once. */
  readonly more: boolean;
  /** Bytes of the first event where it alone has more than was allowed: the page is empty then. Else null. */
  readonly tooLarge: number | null;
}

/** What of an event a page is to hold. */
export interface PageWish {
  /** Asked before anything is loaded. What a condition says of the payload is the caller's business. */
  wants(event: EventSummary): boolean;
  /** `body`: the request, and the payload only where there is no request any more. */
  contents(event: EventSummary): 'payload' | 'body' | 'both';
}

export interface PageLimits {
  /** Positions looked at, at most; at least 1. */
  readonly positions: number;
  /** Events that are wanted, at most; at least 1. */
  readonly events: number;
  /** Bytes of payloads and requests at most. */
  readonly bytes: number;
}

/** Reads what dispatch has handed on. Rejects with a `StoreError` only. */
export interface PositionReader {
  /** The last one given; 0 if none was. On the server's disk as well: see `read`. */
  last(): Promise<Position>;
  /**
   * What follows after a position. What it resolves to is on the server's disk: dispatch does not wait for that, and a position
   * that a crash takes back would be given to another event, which whoever has read the first one would miss.
   */
  read(after: Position, wish: PageWish, limits: PageLimits): Promise<PositionPage>;
}

/**
 * Somebody who follows and acknowledges each event, `listen` for instance: a destination that comes and goes. Whatever is not
 * acknowledged is sent again when it comes back.
 */
export interface Follower extends FollowedEvents {
  /** UUID v7. With an event's id it makes the `webhook-id`, which is the same whenever that event is repeated to it. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** Up to here everything is acknowledged, or was not wanted. */
  readonly ackedTo: Position;
  /** What is acknowledged above that. */
  readonly acked: readonly Position[];
  readonly createdAt: Date;
  /** To the minute; after `FOLLOWER_DAYS` without a stream it is removed. */
  readonly seenAt: Date;
}

/** Days for which the place of a follower that does not come back is kept. */
export const FOLLOWER_DAYS = 3;
/** At a time: nobody is to fill the database with them by mistake. */
export const MAX_FOLLOWERS = 1_000;

export interface NewFollower extends FollowedEvents {
  readonly id: string;
  readonly name: string;
  /** Events after this position. */
  readonly after: Position;
}

/** Rejects with a `StoreError` only. */
export interface FollowerStore {
  /** Null: there are `MAX_FOLLOWERS`. Removes those that have not been seen for `FOLLOWER_DAYS` first. */
  create(follower: NewFollower, change: Change): Promise<Follower | null>;
  list(page: PageRequest): Promise<Page<Follower>>;
  remove(id: string, change: Change): Promise<boolean>;
  /**
   * A stream begins: from now on it is the one, and an earlier one, of whatever process, finds that out at its next `advance`.
   *
   * @param connection UUID of the stream
   */
  connect(id: string, connection: string): Promise<Follower | null>;
  /**
   * Remembers acknowledgements: false if there is no such follower. Positions that are acknowledged already, or have not been
   * given yet, change nothing.
   */
  acknowledge(id: string, positions: readonly Position[]): Promise<boolean>;
  /**
   * Up to `ackedTo` nothing is left to be acknowledged; keeps what is acknowledged above. Also says that the follower is there.
   *
   * @returns the follower as it is then, or what has become of it: it has been removed, or another stream has taken over
   */
  advance(id: string, connection: string, ackedTo: Position): Promise<Follower | 'removed' | 'replaced'>;
}
