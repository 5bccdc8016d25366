/** The rows of `event_dispatch`: claimed, loaded with their events, deleted or marked as failed. */
import type pg from 'pg';
import type { Claim, ClaimedMark, OwedEvent, ProjectionFailure } from '../../core/dispatch.ts';
import { firstIdAt } from '../../core/row-id.ts';
import { textArray, uuidArray } from './binary-arrays.ts';

/** Null: never tried. A parked one is due at `infinity`. */
const DUE = '(next_attempt_at IS NULL OR next_attempt_at <= now())';

/**
 * Ids are UUIDs of version 7, so the primary key has them in the order of arrival. What has just arrived comes first: after an
 * outage or a long stop it would else wait behind everything that was left over.
 *
 * No further index is needed. The marks of 200,000 events dispatched since the last vacuum, which lie before the first one
 * owed, cost 20 ms once and 0.7 ms from then on; 100,000 parked ones cost 7 ms each time.
 */
const CLAIM = `
WITH live AS MATERIALIZED (
  SELECT event_id, attempts, routed_at FROM event_dispatch
   WHERE event_id >= $1::uuid AND ${DUE} AND event_id <> ALL ($2::uuid[])
   ORDER BY event_id LIMIT $3 FOR UPDATE SKIP LOCKED
), backlog AS MATERIALIZED (
  SELECT event_id, attempts, routed_at FROM event_dispatch
   WHERE event_id < $1::uuid AND ${DUE} AND event_id <> ALL ($2::uuid[])
   ORDER BY event_id LIMIT (SELECT $3 - count(*) FROM live) FOR UPDATE SKIP LOCKED
)
SELECT event_id, attempts, routed_at IS NOT NULL FROM live
UNION ALL SELECT event_id, attempts, routed_at IS NOT NULL FROM backlog`;

const CLAIM_ONLY = `
SELECT event_id, attempts, routed_at IS NOT NULL FROM event_dispatch WHERE event_id = ANY ($1::uuid[]) AND ${DUE}
 ORDER BY event_id FOR UPDATE SKIP LOCKED`;

/**
 * In the order given, as far as the payloads stay within so many bytes; the first in any case. A large one is compressed, and
 * only its text tells how much it will be here; to ask that of small ones too would cost more than it is worth. A mark without
 * an event comes back with nulls.
 */
const LOAD = `
SELECT mark, id, request_id, source, provider, type, dedupe_key, subject, occurred_at, received_at, payload
  FROM (SELECT m.id AS mark, m.position, e.*,
               sum(CASE WHEN pg_column_size(e.payload) > 2000 THEN octet_length(e.payload::text)
                        ELSE pg_column_size(e.payload) END) OVER (ORDER BY m.position) AS bytes
          FROM unnest($1::uuid[]) WITH ORDINALITY AS m(id, position) LEFT JOIN events e ON e.id = m.id) AS owed
 WHERE position = 1 OR bytes IS NULL OR bytes <= $2::bigint`;

const DELETE = 'DELETE FROM event_dispatch WHERE event_id = ANY ($1::uuid[])';

/** An attempt is counted once, also if two processes have made it. */
const FAIL = `
UPDATE event_dispatch AS d
   SET attempts = f.attempts, error = f.error, routed_at = CASE WHEN $5 THEN COALESCE(d.routed_at, now()) ELSE d.routed_at END,
       next_attempt_at = CASE WHEN f.retry_ms IS NULL THEN 'infinity'
                              ELSE clock_timestamp() + f.retry_ms * interval '1 millisecond' END
  FROM unnest($1::uuid[], $2::int[], $3::text[], $4::float8[]) AS f(event_id, attempts, error, retry_ms)
 WHERE d.event_id = f.event_id AND d.attempts = f.attempts - 1`;

/** A mark that this transaction holds. */
export interface HeldMark extends ClaimedMark {
  readonly routed: boolean;
}

export async function claimMarks(client: pg.ClientBase, claim: Claim): Promise<HeldMark[]> {
  const [text, values] =
    'only' in claim
      ? [CLAIM_ONLY, [uuidArray(claim.only)]]
      : [CLAIM, [firstIdAt(claim.liveSince), uuidArray(claim.except), claim.events]];
  const { rows } = await client.query<[string, number, boolean]>({ text, values, rowMode: 'array' });
  return rows.map(([eventId, attempts, routed]) => ({ eventId, attempts, routed }));
}

export interface LoadedMarks {
  /** In the order of their ids. */
  readonly events: OwedEvent[];
  /** Marks whose event has been removed. */
  readonly orphans: readonly string[];
}

export async function loadEvents(
  client: pg.ClientBase,
  marks: readonly HeldMark[],
  bytes: number,
): Promise<LoadedMarks> {
  const values = [uuidArray(marks.map(({ eventId }) => eventId)), bytes];
  const { rows } = await client.query<EventRow>({ text: LOAD, values });
  const held = new Map(marks.map((mark) => [mark.eventId, mark]));
  const events = rows.flatMap((row) => (row.id === null ? [] : [toEvent(row, held.get(row.id))]));
  events.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { events, orphans: rows.filter(({ id }) => id === null).map(({ mark }) => mark) };
}

export async function deleteMarks(client: pg.ClientBase, eventIds: readonly string[]): Promise<void> {
  if (eventIds.length > 0) await client.query({ text: DELETE, values: [uuidArray(eventIds)] });
}

/** @param routed their deliveries are made, or were before */
export async function markFailed(
  client: pg.ClientBase,
  failures: readonly ProjectionFailure[],
  { routed }: { readonly routed: boolean },
): Promise<void> {
  if (failures.length === 0) return;
  const values = [
    uuidArray(failures.map(({ eventId }) => eventId)),
    failures.map(({ attempts }) => attempts),
    textArray(failures.map(({ error }) => error)),
    failures.map(({ retryInMs }) => retryInMs),
    routed,
  ];
  await client.query({ text: FAIL, values });
}

interface EventRow {
  readonly mark: string;
  /** Null, and with it everything after it, if there is no such event. */
  readonly id: string | null;
  readonly request_id: string;
  readonly source: string;
  readonly provider: OwedEvent['provider'];
  readonly type: string;
  readonly dedupe_key: string;
  readonly subject: string | null;
  readonly occurred_at: Date | null;
  readonly received_at: Date;
  readonly payload: OwedEvent['payload'];
}

function toEvent(row: EventRow, held: HeldMark | undefined): OwedEvent {
  return {
    id: row.id ?? row.mark,
    requestId: row.request_id,
    source: row.source,
    provider: row.provider,
    type: row.type,
    dedupeKey: row.dedupe_key,
    subject: row.subject,
    occurredAt: row.occurred_at,
    receivedAt: row.received_at,
    payload: row.payload,
    attempts: held?.attempts ?? 0,
    routed: held?.routed ?? false,
  };
}
