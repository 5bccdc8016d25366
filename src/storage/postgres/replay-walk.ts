/** The events of a replay, read along the primary key: first without their payloads, then those that have to be looked into. */
import type pg from 'pg';
import type { NewDelivery } from '../../core/delivery.ts';
import type { JsonObject } from '../../core/json.ts';
import type { ReplayedEvent, ReplayedHead, ReplayScope } from '../../core/replay.ts';
import { firstIdAt } from '../../core/row-id.ts';
import { uuidArray } from './binary-arrays.ts';
import { ID_SLACK_MS } from './event-walk.ts';

/** Bytes of payloads that one step brings; the first in any case. */
const MAX_BYTES = 8 * 1024 * 1024;
/** Payloads looked into for each event that may be owed: at a low rate hundreds would be read for the sake of one. */
const PAYLOADS_EACH = 20;
/** Below every id. */
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

const HEAD = `id, request_id AS "requestId", source, provider, type, dedupe_key AS "dedupeKey", subject,
  occurred_at AS "occurredAt", received_at AS "receivedAt"`;
const IN_RANGE = `SELECT ${HEAD} FROM events WHERE id > $1::uuid AND id < $2::uuid ORDER BY id LIMIT $3::int`;
const LISTED = `SELECT ${HEAD} FROM events WHERE id > $1::uuid AND id = ANY ($2::uuid[]) ORDER BY id LIMIT $3::int`;

/** In the order given; `fits` tells whether it stays within so many bytes. A large one is compressed, and only its text tells. */
const PAYLOADS = `
SELECT id, fits, CASE WHEN fits THEN payload END AS payload
  FROM (SELECT e.id, e.payload,
               position = 1 OR sum(CASE WHEN pg_column_size(e.payload) > 2000 THEN octet_length(e.payload::text)
                                        ELSE COALESCE(pg_column_size(e.payload), 0) END)
                               OVER (ORDER BY position) <= $2::bigint AS fits
          FROM unnest($1::uuid[]) WITH ORDINALITY AS o(event_id, position) JOIN events e ON e.id = o.event_id) AS e`;

/** Whoever erases a person holds her events. */
const LOCK_SUBJECTS = 'SELECT id, subject FROM events WHERE id = ANY ($1::uuid[]) ORDER BY id FOR KEY SHARE';

export interface Heads {
  /** Of the replay's events, in the order of their ids. */
  readonly heads: readonly ReplayedHead[];
  /** How far the walk is once they are done with. */
  readonly end: string;
  /** There are no more. */
  readonly last: boolean;
}

/** @param rows to look at, at most */
export async function readHeads(
  client: pg.ClientBase,
  scope: ReplayScope,
  cursor: string | null,
  rows: number,
): Promise<Heads> {
  const listed = scope.kind === 'events';
  const begin = listed ? BEFORE_ALL : firstIdAt(shifted(scope.from, -ID_SLACK_MS));
  const bound = listed ? uuidArray(scope.eventIds) : firstIdAt(shifted(scope.to, ID_SLACK_MS));
  const values = [cursor ?? begin, bound, rows];
  const found = (await client.query<ReplayedHead>({ text: listed ? LISTED : IN_RANGE, values })).rows;
  const last = found.length < rows;
  const walkEnd = listed ? scope.eventIds.at(-1) : firstIdAt(shifted(scope.to, ID_SLACK_MS));
  return {
    heads: listed ? found : found.filter(({ receivedAt }) => receivedAt >= scope.from && receivedAt < scope.to),
    end: (last ? walkEnd : found.at(-1)?.id) ?? BEFORE_ALL,
    last,
  };
}

export interface ReadEvents {
  readonly events: readonly ReplayedEvent[];
  /** False: there was no room for those behind them. */
  readonly all: boolean;
}

/**
 * The events with their payloads, where these are asked for, as far as there is room for them: the rest is for another step.
 * One that has just been removed is left out.
 *
 * @param limit events that may be owed
 */
export async function readPayloads(
  client: pg.ClientBase,
  heads: readonly ReplayedHead[],
  asked: ReadonlySet<string>,
  limit: number,
): Promise<ReadEvents> {
  const ids = heads.flatMap(({ id }) => (asked.has(id) ? [id] : []));
  const read = ids.slice(0, limit * PAYLOADS_EACH);
  const payloads = new Map<string, PayloadRow>();
  if (read.length > 0) {
    const { rows } = await client.query<PayloadRow>({ text: PAYLOADS, values: [uuidArray(read), MAX_BYTES] });
    for (const row of rows) payloads.set(row.id, row);
  }
  const firstLeft = read.find((id) => payloads.get(id)?.fits === false) ?? ids[read.length];
  const cut = heads.findIndex(({ id }) => id === firstLeft);
  const events = (cut < 0 ? heads : heads.slice(0, cut)).flatMap((head) => {
    if (!asked.has(head.id)) return [{ ...head, payload: null }];
    const row = payloads.get(head.id);
    return row === undefined ? [] : [{ ...head, payload: row.payload }];
  });
  return { events, all: cut < 0 };
}

interface PayloadRow {
  readonly id: string;
  readonly fits: boolean;
  readonly payload: JsonObject | null;
}

/**
 * With their subjects as they are now, and without those whose event has gone. From here to the commit nobody erases them: who
 * wants to finds these deliveries afterwards, and whom we have waited for has left nothing to tell.
 */
export async function lockSubjects(
  client: pg.ClientBase,
  deliveries: readonly NewDelivery[],
): Promise<readonly NewDelivery[]> {
  const ids = [...new Set(deliveries.flatMap(({ eventId }) => eventId ?? []))];
  if (ids.length === 0) return deliveries;
  const { rows } = await client.query<{ id: string; subject: string | null }>(LOCK_SUBJECTS, [uuidArray(ids)]);
  const subjects = new Map(rows.map(({ id, subject }) => [id, subject]));
  return deliveries.flatMap((delivery) => {
    if (delivery.eventId === null) return [delivery];
    const subject = subjects.get(delivery.eventId);
    return subject === undefined ? [] : [{ ...delivery, subject }];
  });
}

function shifted(time: Date, milliseconds: number): Date {
  return new Date(time.getTime() + milliseconds);
}
