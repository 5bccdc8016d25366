/** What dispatch and replays do with deliveries: they read where events are to go, and make the rows of what is owed. */
import type pg from 'pg';
import type { NewDelivery } from '../../core/delivery.ts';
import type { DeliveryFormat, Route } from '../../core/destination.ts';
import type { JsonObject } from '../../core/json.ts';
import { textArray, timestamptzArray, uuidArray } from './binary-arrays.ts';

/** Paused ones too: they are owed events all the same. */
const ROUTES = 'SELECT id, sources, types, condition, format FROM destinations ORDER BY id';

/**
 * In the order given. Nobody can remove a destination between the look at it and the commit, so no delivery outlives its
 * destination; one that was removed before is left out. With its first delivery a destination gets its row of state.
 *
 * Two transactions can make the same row only with the format `original`, for events of one request: the second waits for the
 * first, then finds it made. All of them insert in one order, so none waits for one that waits for it.
 */
const INSERT = `
WITH owed AS (
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
                       $9::timestamptz[]) WITH ORDINALITY
    AS o(id, destination_id, event_id, request_id, source, provider, type, subject, received_at, position)
), destination AS MATERIALIZED (
  SELECT id FROM destinations WHERE id IN (SELECT destination_id FROM owed) ORDER BY id FOR KEY SHARE
), state AS (
  INSERT INTO destination_state (destination_id)
  SELECT id FROM destination d
   WHERE NOT EXISTS (SELECT FROM destination_state s WHERE s.destination_id = d.id)
   ORDER BY id
  ON CONFLICT DO NOTHING
)
INSERT INTO deliveries (id, destination_id, event_id, request_id, source, provider, type, subject, received_at,
                        replay_id, state, next_attempt_at, created_at)
SELECT o.id, o.destination_id, o.event_id, o.request_id, o.source, o.provider, o.type, o.subject, o.received_at,
       $10::uuid, 'pending', now(), now()
  FROM owed o JOIN destination d ON d.id = o.destination_id
 ORDER BY o.position
ON CONFLICT DO NOTHING`;

export async function readRoutes(client: pg.ClientBase): Promise<Route[]> {
  const { rows } = await client.query<RouteRow>(ROUTES);
  return rows.map(({ id, sources, types, condition, format }) => ({
    destinationId: id,
    filter: { sources, types, condition },
    format,
  }));
}

interface RouteRow {
  readonly id: string;
  readonly sources: string[] | null;
  readonly types: string[];
  readonly condition: JsonObject | null;
  readonly format: DeliveryFormat;
}

/** @param replayId null: owed for the first time @returns how many have been made */
export async function insertOwed(
  client: pg.ClientBase,
  deliveries: readonly NewDelivery[],
  replayId: string | null = null,
): Promise<number> {
  if (deliveries.length === 0) return 0;
  const sorted = [...deliveries].sort(
    (a, b) =>
      compare(a.destinationId, b.destinationId) || compare(a.requestId, b.requestId) || compare(a.eventId, b.eventId),
  );
  const values = [
    uuidArray(sorted.map(({ id }) => id)),
    uuidArray(sorted.map(({ destinationId }) => destinationId)),
    uuidArray(sorted.map(({ eventId }) => eventId)),
    uuidArray(sorted.map(({ requestId }) => requestId)),
    textArray(sorted.map(({ source }) => source)),
    textArray(sorted.map(({ provider }) => provider)),
    textArray(sorted.map(({ type }) => type)),
    textArray(sorted.map(({ subject }) => subject)),
    timestamptzArray(sorted.map(({ receivedAt }) => receivedAt)),
    replayId,
  ];
  const { rowCount } = await client.query({ text: INSERT, values });
  return rowCount ?? 0;
}

/** Two nulls are equal; null is never compared with an id, since a destination has one format. */
function compare(a: string | null, b: string | null): number {
  if (a === b) return 0;
  return (a ?? '') < (b ?? '') ? -1 : 1;
}
