/** What delivery needs of storage: deliveries that are due, leased to one worker at a time, and what became of them. */
import type { Destination, DestinationState } from './destination.ts';
import type { ProviderName } from './event.ts';
import type { PausedDestination } from './own-event.ts';

/**
 * `pending`: waits for its time. `sending`: leased to a worker; a lease that has ended is as good as pending. The others are
 * final: `dead` after the last attempt of the schedule, `cancelled` by an operator.
 */
export const DELIVERY_STATES = ['pending', 'sending', 'delivered', 'dead', 'cancelled'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** Why an attempt failed; a label of metrics. */
export const ATTEMPT_FAILURES = [
  /** An answer other than 2xx. */
  'status',
  'redirect',
  'gone',
  'timeout',
  'connection',
  'tls',
  'dns',
  /** The address is none that deliveries may go to. */
  'forbidden_address',
  /** The body cannot be made: the bytes or the payload are gone or never were. */
  'no_content',
  /** The secret or a secret header cannot be decrypted, or is none that can be signed or sent with. */
  'no_key',
  'sink',
] as const;
export type AttemptFailure = (typeof ATTEMPT_FAILURES)[number];

/** A delivery that dispatch has found to be owed. */
export interface NewDelivery {
  /** UUID v7; of one process's deliveries each is above those made before, so that ids have the order of dispatch. */
  readonly id: string;
  readonly destinationId: string;
  /** Null with the format `original`, which is owed for a request. */
  readonly eventId: string | null;
  readonly requestId: string;
  readonly source: string;
  readonly provider: ProviderName;
  readonly type: string;
  /** Null with `original`: a request may speak of several. */
  readonly subject: string | null;
  readonly receivedAt: Date;
}

/** The event of a delivery, as its formats need it. */
export interface DeliveredEvent {
  readonly id: string;
  readonly type: string;
  readonly dedupeKey: string;
  readonly subject: string | null;
  readonly occurredAt: Date | null;
  /** JSON text as PostgreSQL prints it (`payload::text`): parsed, its long numbers would lose digits. Null where none was kept. */
  readonly payload: string | null;
}

/** The request of a delivery. */
export interface DeliveredRequest {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The exact bytes as received. */
  readonly body: Buffer;
}

/** A delivery that this worker holds, with all that an attempt needs. */
export interface LeasedDelivery {
  /** UUID v7. `webhook-id` is made of it: the same at every attempt. */
  readonly id: string;
  readonly destination: Destination;
  /** Which secret of the destination cannot be decrypted, and why, without the secret; it is left out then. Null: all can. */
  readonly undecryptable: string | null;
  readonly source: string;
  readonly provider: ProviderName;
  readonly receivedAt: Date;
  /** Null for `original`, which is owed for a request. */
  readonly event: DeliveredEvent | null;
  /** Null if its row has been removed, or where the format does not need it. */
  readonly request: DeliveredRequest | null;
  /** Attempts so far. */
  readonly attempts: number;
  /** True if an operator asked for it anew: it is not as recent as `receivedAt` says. */
  readonly replay: boolean;
  /** True for the one delivery that finds out whether a failing destination is back. */
  readonly probe: boolean;
  /** How many of its destination this worker may have under way from now on: all that other workers' leases leave. */
  readonly places: number;
}

/** Deliveries that one worker may have leased ahead. */
export const MAX_AHEAD = 2048;

export interface ClaimOptions {
  /** UUID of the worker. */
  readonly owner: string;
  /** At most so many, over all destinations. */
  readonly limit: number;
  /** Milliseconds beyond the destination's timeout for which nobody else takes them. */
  readonly leaseMs: number;
  /**
   * How many beyond its concurrency a destination may have leased to this worker, by id; they are to begin when others of it
   * have ended. None where it is missing, or the destination has a rate or an open circuit. At most `MAX_AHEAD` each.
   */
  readonly ahead: ReadonlyMap<string, number>;
}

/** What came back, as far as it is worth keeping. */
export interface AttemptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** At most 64 KiB; what came on top was not read. */
  readonly body: Buffer;
}

/** One attempt, and what follows from it. */
export interface AttemptReport {
  /** UUID v7, made for the attempt: by it a report that comes twice, because nobody knew of its commit, is recognised. */
  readonly id: string;
  /** Who held the lease: `owner` as it was given to `claim`. */
  readonly owner: string;
  readonly deliveryId: string;
  readonly destinationId: string;
  /** This one's number, from 1. */
  readonly number: number;
  readonly startedAt: Date;
  /** Milliseconds until the answer, or until it was given up. */
  readonly durationMs: number;
  readonly answer: AttemptAnswer | null;
  /** Null if it was delivered. */
  readonly failure: AttemptFailure | null;
  /** For people; nothing of a body, a secret or a header. */
  readonly error: string | null;
  readonly next:
    | { readonly state: 'delivered' | 'dead' }
    /** Milliseconds until the next attempt. */
    | { readonly state: 'pending'; readonly inMs: number };
  /** Does this attempt speak for or against the destination? Null: neither (a body that cannot be made says nothing of it). */
  readonly destinationHealthy: boolean | null;
  /** As the lease had it. A failed probe counts neither as an attempt of the delivery nor moves its time. */
  readonly probe: boolean;
  /** Milliseconds for which the receiver asks to be left alone; null if it says nothing. */
  readonly retryAfterMs: number | null;
  /** Pause the destination at once: it answered 410. */
  readonly pause: string | null;
}

export interface DeliveryStore {
  /**
   * Leases what is due, of each destination no more than its concurrency and its rate allow over all processes, fairly between
   * destinations, live deliveries before replays, and of a subject only the first where `ordering` asks for it. Of a
   * destination whose circuit is open one probe at most, of a paused one nothing. Resolves after the commit.
   */
  claim(options: ClaimOptions): Promise<readonly LeasedDelivery[]>;

  /**
   * Records attempts and what follows, in one transaction. A report about a lease that has been lost to another worker keeps
   * its attempt visible and changes the state only if that is a `delivered`. A destination that is paused by them and the event
   * that tells of it are written together.
   *
   * @returns the destinations paused. Of a commit that got no answer nobody learns them; their events are there
   */
  report(reports: readonly AttemptReport[]): Promise<readonly PausedDestination[]>;

  /** Gives leases back unused: at a stop, or where nothing was sent. No attempt is counted, and no probe. */
  release(owner: string, deliveries: readonly Pick<LeasedDelivery, 'id' | 'probe'>[]): Promise<void>;

  /** Milliseconds until something may be due again; null if nothing is waiting. */
  nextDueInMs(): Promise<number | null>;
}

/** What waits, of the whole database. */
export interface DeliveryCounts {
  /** Unfinished ones, those under way included. */
  readonly pending: number;
  readonly dead: number;
  /** Arrival of the oldest that is unfinished; replays aside. Null if there is none. */
  readonly oldest: Date | null;
  /** `failing`: active, but its circuit is open. */
  readonly destinations: Readonly<Record<DestinationState | 'failing', number>>;
}
