/** Where events are forwarded to: what an operator configures, and what the deliveries there have taught. */
import type { JsonObject } from './json.ts';

/** Which events a destination is owed. */
export interface DestinationFilter {
  /** Names of sources; null: all but `gateway`, which those name who want to hear of the gateway itself. */
  readonly sources: readonly string[] | null;
  /** Types such as `invoice.paid`; a `*` at the end stands for any rest: `invoice.*`, or `*` for everything. */
  readonly types: readonly string[];
  /** A query over the payload in MongoDB's form, with a fixed set of operators; null: none. */
  readonly condition: JsonObject | null;
}

/**
 * What a delivery carries. `event`: our JSON envelope. `native`: a body of the provider's own shape that holds only that item.
 * `original`: the exact bytes as received, owed once for each request.
 */
export const FORMATS = ['event', 'native', 'original'] as const;
export type DeliveryFormat = (typeof FORMATS)[number];

/** `standard`: the headers of Standard Webhooks. `provider`: the provider's own signature header, made with the destination's secret. */
export const SIGNINGS = ['standard', 'provider', 'none'] as const;
export type Signing = (typeof SIGNINGS)[number];

/** `subject`: the next delivery of a subject starts when the one before is delivered, dead or cancelled. */
export const ORDERINGS = ['none', 'subject'] as const;
export type Ordering = (typeof ORDERINGS)[number];

/** `auto_paused`: by the gateway, after it kept failing or answered 410. A paused destination is owed events all the same. */
export const DESTINATION_STATES = ['active', 'paused', 'auto_paused'] as const;
export type DestinationState = (typeof DESTINATION_STATES)[number];

/** Whom deliveries are sent to. */
export type Target =
  | { readonly kind: 'http'; readonly url: string }
  /** XADD to this key of `REDIS_URL`, trimmed to about so many entries. */
  | { readonly kind: 'redis_stream'; readonly stream: string; readonly maxLength: number };

/** Seconds before each further attempt; after the last one a delivery is dead. About three days in all. */
export const DEFAULT_RETRY_SCHEDULE: readonly number[] = [
  5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
];

export const DEFAULT_FORMAT: DeliveryFormat = 'event';
export const DEFAULT_SIGNING: Readonly<Record<Target['kind'], Signing>> = { http: 'standard', redis_stream: 'none' };
export const DEFAULT_TIMEOUT_MS = 15_000;
export const DEFAULT_CONCURRENCY = 10;
export const DEFAULT_ORDERING: Ordering = 'none';
/** Entries of a stream. */
export const DEFAULT_MAX_LENGTH = 100_000;

/** What an operator sets. Secrets are in plain text here, and encrypted wherever they are stored. */
export interface DestinationSettings {
  /** Unique; for people and for metrics. */
  readonly name: string;
  readonly target: Target;
  readonly filter: DestinationFilter;
  readonly format: DeliveryFormat;
  readonly signing: Signing;
  /** Two during a roll: the first signs, with `standard` all do. `whsec_…` for `standard`. */
  readonly secrets: readonly string[];
  /** Sent with every delivery. */
  readonly headers: Readonly<Record<string, string>>;
  /** The same, but encrypted at rest and never shown again, an `Authorization` for instance. */
  readonly secretHeaders: Readonly<Record<string, string>>;
  /** Milliseconds for an answer. */
  readonly timeoutMs: number;
  /** Deliveries under way at a time, over all processes. */
  readonly concurrency: number;
  /** Deliveries a second at most, over all processes; null: no limit. */
  readonly ratePerSecond: number | null;
  /** Seconds before each further attempt. */
  readonly retrySchedule: readonly number[];
  readonly ordering: Ordering;
}

export interface Destination extends DestinationSettings {
  /** UUID. */
  readonly id: string;
  readonly state: DestinationState;
  /** Why it is paused; null while it is active. */
  readonly pauseReason: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What routing needs to know of a destination, read in each batch of dispatch. */
export interface Route {
  readonly destinationId: string;
  readonly filter: DestinationFilter;
  readonly format: DeliveryFormat;
}
