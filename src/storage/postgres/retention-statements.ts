/**
 * What retention asks of PostgreSQL. Both tables are walked along their primary keys, which have the order of arrival.
 *
 * Conditions are scalar subqueries, put to each row of a page, which the planner cannot turn into joins: of a range whose ends
 * it does not know it expects far too many rows, and would rather read the whole of `events`.
 */

/** `e` is an event. A mark that a dispatcher has claimed is seen until he commits, so nobody waits for anybody here. */
const DISPATCH_OWED = '(SELECT true FROM event_dispatch d WHERE d.event_id = e.id) IS TRUE';

/** The bytes hold more than the payload of the event `e` does. */
const PAYLOAD_INCOMPLETE = `(e.payload IS NULL OR e.payload ? '$altered')`;

/** A delivery of the request, or of one of its events, is not finished: it needs the payload or the bytes. */
const deliveryOwed = (requestId: string) => `
  (SELECT true FROM deliveries d WHERE d.request_id = ${requestId} AND d.state IN ('pending', 'sending') LIMIT 1) IS TRUE`;

/** Does the event `e` need the bytes of its request? */
const BYTES_NEEDED = `(${PAYLOAD_INCOMPLETE} OR ${DISPATCH_OWED})`;

/** True if there is such an event of the request `r`, else null. Their ids have the millisecond of its own. */
const someEvent = (condition: string) => `
  (SELECT true FROM events e
    WHERE e.id BETWEEN (left(r.id::text, 13) || '-0000-0000-000000000000')::uuid
                   AND (left(r.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid
      AND e.request_id = r.id AND ${condition} LIMIT 1)`;

/**
 * The bytes of the request `r` may go. One of which no event is found stays until its events go: those of an early
 * build do not have the millisecond of their request in their ids.
 */
const BYTES_SPARE = `${someEvent('true')} AND ${someEvent(BYTES_NEEDED)} IS NULL AND NOT ${deliveryOwed('r.id')}`;

/**
 * The next page, and which of its rows may go. `$1`: after this id; `$2`: before this one; `$3`: received before; `$4`: most
 * rows; `$5`: most bytes, unless the first row has more: a large value lies in pieces, each of which is a row to delete.
 */
const looked = (table: string, columns: string, value: string, alias: string, removable: string) => `
WITH page AS MATERIALIZED (
  SELECT *, sum(bytes) OVER (ORDER BY id) - bytes AS before
    FROM (SELECT ${columns}, coalesce(pg_column_size(${value}), 0) AS bytes FROM ${table}
           WHERE id > $1::uuid AND id < $2::uuid ORDER BY id LIMIT $4::int) AS oldest
), looked AS MATERIALIZED (
  SELECT id, coalesce(received_at < $3::timestamptz AND ${removable}, false) AS removable FROM page AS ${alias} WHERE before < $5::bigint
)`;
const IDS = 'ARRAY(SELECT id FROM looked WHERE removable)';
const OUTCOME = `
  (SELECT id FROM looked ORDER BY id DESC LIMIT 1) AS last,
  (SELECT count(*) FROM removed)::int AS removed,
  (SELECT count(*) FROM looked) = $4::int OR (SELECT count(*) FROM looked) < (SELECT count(*) FROM page) AS more`;

export const REMOVE_REQUESTS = `${looked('webhook_requests', 'id, received_at', 'body', 'r', BYTES_SPARE)}
, removed AS (DELETE FROM webhook_requests WHERE id = ANY (${IDS}) RETURNING id)
SELECT ${OUTCOME}, '{}'::uuid[] AS requests`;

/** `requests`: those of the events removed. */
export const REMOVE_EVENTS = `${looked('events', 'id, received_at, request_id', 'payload', 'e', `NOT ${DISPATCH_OWED} AND NOT ${deliveryOwed('e.request_id')}`)}
, removed AS (DELETE FROM events WHERE id = ANY (${IDS}) RETURNING request_id)
SELECT ${OUTCOME}, ARRAY(SELECT DISTINCT request_id FROM removed) AS requests`;

/** Those of the requests `$1` that have no event left. A statement of its own, which sees what the other has removed. */
export const REMOVE_CHILDLESS = `
DELETE FROM webhook_requests r WHERE r.id = ANY ($1::uuid[]) AND ${someEvent('true')} IS NULL`;

/** Is one of the thousand oldest requests before the id `$1` and the time `$2` there for no reason? */
export const REQUESTS_OVERDUE = `
SELECT EXISTS (
  SELECT FROM (SELECT id, received_at FROM webhook_requests WHERE id < $1::uuid ORDER BY id LIMIT 1000) AS r
   WHERE r.received_at < $2::timestamptz AND ${BYTES_SPARE}) AS overdue`;
