/** The gateway's vocabulary: what a request is, and the events that are found in it. */

/** Who signs. */
export type WebhookProviderName = 'stripe' | 'whatsapp';

/** Whom an event is from: who signed it, or the gateway itself. Each has a folder under `src/providers`. */
export type ProviderName = WebhookProviderName | 'gateway';

/** Source of the gateway's own events: no configured source has this name, so that nobody can post them. */
export const OWN_SOURCE = 'gateway';

/**
 * One thing that happened, as a provider's `parse` found it in a verified body.
 * Every field is already safe for SQL: the store writes it as it is.
 */
export interface ParsedEvent {
  /** For instance `invoice.paid` or `message.text`; `unknown` where the body does not say. At most 200 characters. */
  readonly type: string;
  /** The identity of the event within its source: printable ASCII, parts joined by `:`, well below 2,700 bytes (a B-tree row). */
  readonly dedupeKey: string;
  /** Whom or what the event is about (a customer, a phone number, a subscription); null where that cannot be said. */
  readonly subject: string | null;
  /** The provider's own time, between 2000 and 2100; null where it is absent or absurd. */
  readonly occurredAt: Date | null;
  /** JSON text that PostgreSQL's jsonb accepts; null where none could be made (the bytes are kept in any case). */
  readonly payload: string | null;
}

/** A parsed event with its row id and its source; as it stands a `SeenKey`. */
export interface NewEvent extends ParsedEvent {
  /** UUID v7 of the same millisecond as the request's: `eventRowId`. */
  readonly id: string;
  readonly source: string;
}

/** What is stored together: bytes as they came, and the events in them. */
export interface NewRequest {
  /** UUID v7. */
  readonly id: string;
  readonly source: string;
  readonly provider: ProviderName;
  readonly receivedAt: Date;
  /** The headers worth keeping, lower-case names; never authorization or cookie. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes exactly as received: what the signature covers. */
  readonly body: Buffer;
  /** At least one; no two with the same dedupe key. */
  readonly events: readonly NewEvent[];
}

/** One HTTP POST whose signature is right, with the events found in it. What is queued, spooled and stored. */
export interface VerifiedRequest extends NewRequest {
  /** Also the `x-request-id` of the answer, so that an operator finds the row by it. */
  readonly id: string;
  readonly provider: WebhookProviderName;
  /** Position of the secret that matched, from 0. */
  readonly secret: number;
}

/** About the bytes that the payloads of these events take in memory and on the way to the database. */
export function payloadBytes(events: readonly ParsedEvent[]): number {
  return events.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0);
}
