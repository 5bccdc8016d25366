/**
 * What an erasure changes, each within a transaction.
 *
 * Whom it may wait for. Marks are taken before the event that they are of, in the order of their ids: a dispatcher that has
 * them waits for rows, never for marks or events, so it finishes and its rows are there to be removed. Rows of projections are
 * locked by table and key as `row-writer.ts` says, one table in each transaction, and nothing else beside them: a dispatcher
 * that finds rows removed that it has seen begins anew. An event that is being rewritten keeps ingest waiting if just then it
 * is sent again; we wait for nobody there but for retention, which may deadlock with us: one of both begins anew.
 */
import type pg from 'pg';
import type { Changed, KeyedRow, Remains, TableKeys } from '../../core/erasure.ts';
import { isObject, type JsonObject, readJson } from '../../core/json.ts';
import { exactJson } from '../../core/json-print.ts';
import type { ProjectionRow, ProjectionTable } from '../../core/projection.ts';
import { uuidArray } from './binary-arrays.ts';
import { fromValues, keyParameters, quoted, rowParameters, statementsOf } from './projection-table.ts';

const LOCK_MARKS = 'SELECT FROM event_dispatch WHERE event_id = ANY ($1::uuid[]) ORDER BY event_id FOR UPDATE';
const DELETE_MARKS = 'DELETE FROM event_dispatch WHERE event_id = ANY ($1::uuid[])';
const PARK = `UPDATE event_dispatch SET next_attempt_at = 'infinity' WHERE event_id = ANY ($1::uuid[])`;
/** One that was parked for a failure is tried once more: what made it fail may be gone. */
const UNPARK = `
UPDATE event_dispatch SET next_attempt_at = NULL, attempts = 0
 WHERE event_id = ANY ($1::uuid[]) AND next_attempt_at = 'infinity'`;
const LOCK_EVENTS =
  'SELECT id, payload::text AS payload FROM events WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE';
const ERASE_EVENTS = `
UPDATE events SET payload = NULL, subject = NULL
 WHERE id = ANY ($1::uuid[]) AND (payload IS NOT NULL OR subject IS NOT NULL)`;
/** There is nothing left to deliver. One that is under way ends by itself. */
const FORGET_DELIVERIES = `
UPDATE deliveries
   SET subject = NULL, finished_at = coalesce(finished_at, CASE WHEN state = 'pending' THEN now() END),
       state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END
 WHERE event_id = ANY ($1::uuid[])`;
const FORGET_ANSWERS = `
UPDATE delivery_attempts AS a SET response_body = NULL, response_headers = NULL
  FROM deliveries d WHERE d.id = a.delivery_id AND d.event_id = ANY ($1::uuid[])`;
const REWRITE_EVENTS = `
UPDATE events AS e SET payload = r.payload FROM unnest($1::uuid[], $2::jsonb[]) AS r(id, payload) WHERE e.id = r.id`;

const REWRITE_REQUEST = `
UPDATE webhook_requests
   SET body = $2::bytea, body_sha256 = sha256($2::bytea),
       headers = (headers - $3::text) || jsonb_build_object('x-webhook-erased', to_jsonb(now()))
 WHERE id = $1::uuid`;

export async function removeMarks(client: pg.ClientBase, eventIds: readonly string[]): Promise<number> {
  const ids = uuidArray(eventIds);
  await client.query(LOCK_MARKS, [ids]);
  const { rowCount } = await client.query(DELETE_MARKS, [ids]);
  return rowCount ?? 0;
}

export async function parkEvents(client: pg.ClientBase, eventIds: readonly string[]): Promise<void> {
  const ids = uuidArray(eventIds);
  await client.query(LOCK_MARKS, [ids]);
  await client.query(PARK, [ids]);
}

export async function rewriteEvents(
  client: pg.ClientBase,
  eventIds: readonly string[],
  cut: (payload: JsonObject) => Remains<JsonObject>,
): Promise<Changed> {
  const ids = uuidArray(eventIds);
  await client.query(LOCK_MARKS, [ids]);
  const { rows } = await client.query<{ id: string; payload: string | null }>(LOCK_EVENTS, [ids]);
  const erased: string[] = [];
  const rewritten: { readonly id: string; readonly text: string }[] = [];
  for (const { id, payload } of rows) {
    const remains = payload === null ? 'nothing' : cut(parsed(payload));
    if (remains === 'nothing') erased.push(id);
    else if (remains !== 'all') rewritten.push({ id, text: exactJson(remains.rest) });
  }
  const { rowCount } = await client.query(ERASE_EVENTS, [uuidArray(erased)]);
  await client.query(FORGET_DELIVERIES, [uuidArray(erased)]);
  await client.query(FORGET_ANSWERS, [uuidArray(erased)]);
  if (rewritten.length > 0) {
    const texts = rewritten.map(({ text }) => text);
    await client.query(REWRITE_EVENTS, [uuidArray(rewritten.map(({ id }) => id)), texts]);
    await client.query(UNPARK, [ids]);
  }
  return { erased: rowCount ?? 0, rewritten: rewritten.length };
}

/** With every digit of its numbers, which are to be written again. */
function parsed(payload: string): JsonObject {
  const { value } = readJson(Buffer.from(payload));
  return isObject(value) ? value : {};
}

export async function rewriteRows(
  client: pg.ClientBase,
  { table, keys }: TableKeys,
  cut: (row: KeyedRow) => Remains<ProjectionRow>,
): Promise<Changed> {
  const values = keyParameters(table, keys);
  const found = await client.query<unknown[]>({ text: statementsOf(table).lock, values, rowMode: 'array' });
  const erased: (readonly string[])[] = [];
  const rewritten: KeyedRow[] = [];
  for (const keyed of found.rows.map((row) => fromValues(table, row))) {
    const remains = cut(keyed);
    if (remains === 'nothing') erased.push(keyed.key);
    else if (remains !== 'all') rewritten.push({ key: keyed.key, row: remains.rest });
  }
  if (erased.length > 0) await client.query(deleteRows(table), keyParameters(table, erased));
  if (rewritten.length > 0) await client.query(statementsOf(table).upsert, rowParameters(table, rewritten));
  return { erased: erased.length, rewritten: rewritten.length };
}

function deleteRows({ name, key }: ProjectionTable): string {
  const arrays = key.map((_, index) => `$${index + 1}::text[]`).join(', ');
  const same = key.map((column) => `t.${quoted(column)} = k.${quoted(column)}`).join(' AND ');
  return `DELETE FROM ${quoted(name)} AS t USING unnest(${arrays}) AS k(${key.map(quoted).join(', ')}) WHERE ${same}`;
}

export async function rewriteRequest(
  client: pg.ClientBase,
  requestId: string,
  body: Buffer | null,
  signatureHeader: string,
): Promise<void> {
  if (body === null) await client.query('DELETE FROM webhook_requests WHERE id = $1::uuid', [requestId]);
  else await client.query(REWRITE_REQUEST, [requestId, body, signatureHeader]);
}
