/** The ingest statement: requests and events of a whole batch in one round trip, the unique index deciding what is new. */
import { hash } from 'node:crypto';
import type pg from 'pg';
import type { NewRequest, VerifiedRequest } from '../../core/event.ts';
import { UNKNOWN } from '../../core/event-columns.ts';
import { bodyKey } from '../../core/identity.ts';
import type { EventStore } from '../../core/ports.ts';
import { byteaArray, jsonbArray, textArray, timestamptzArray, uuidArray } from './binary-arrays.ts';
import { isMissingRelation, sqlStateOf, toStoreError } from './store-error.ts';

/**
 * One array for each column, of the requests (`$1` to `$6`) and of the events (`$7` to `$16`).
 *
 * `ON CONFLICT DO NOTHING` names no target, so that whatever index objects, the row is a duplicate and not an error.
 * A request is inserted only if one of its events was. The statement is a transaction by itself.
 */
export const APPEND = `
WITH event AS (
  INSERT INTO events (id, request_id, source, provider, type, dedupe_key, subject, occurred_at, received_at, payload)
  SELECT * FROM unnest($7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
                       $14::timestamptz[], $15::timestamptz[], $16::jsonb[])
  ON CONFLICT DO NOTHING
  RETURNING id, request_id, received_at
), mark AS (
  INSERT INTO event_dispatch (event_id, received_at) SELECT id, received_at FROM event
), request AS (
  INSERT INTO webhook_requests (id, source, provider, received_at, headers, body, body_sha256)
  SELECT id, source, provider, received_at, headers, body, sha256(body)
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::bytea[])
    AS r(id, source, provider, received_at, headers, body)
  WHERE id IN (SELECT request_id FROM event)
)
SELECT id FROM event`;

/** Of this very text: behind a proxy, `append` could be the statement of another version. */
const STATEMENT_NAME = `append_${hash('sha256', APPEND, 'hex').slice(0, 16)}`;

/** Prepared under a name, the statement is not there, or is there already. */
const NAME_UNUSABLE = ['26000', '42P05'];

/**
 * Stores events in PostgreSQL, through `pg` and not through Prisma: `npm run bench -- --only statement` shows what that
 * saves.
 *
 * @param pool ingest's own
 * @param onTablesMissing told when the statement finds a table or column missing
 */
export function createEventStore(pool: Pick<pg.Pool, 'connect'>, onTablesMissing: () => void): EventStore {
  // With a name the server keeps the plan: half of its work where a batch is a single request.
  let name: string | undefined = STATEMENT_NAME;
  const run = async (client: pg.PoolClient, values: Buffer[]): Promise<readonly [string][]> => {
    const used = name;
    try {
      const { rows } = await client.query<[string]>({ name: used, text: APPEND, values, rowMode: 'array' });
      return rows;
    } catch (error) {
      // A proxy that gives each transaction another of its connections loses names between them. Nothing has been stored.
      if (used === undefined || !NAME_UNUSABLE.includes(sqlStateOf(error) ?? '')) throw error;
      name = undefined;
      return run(client, values);
    }
  };
  const insert = async (requests: readonly VerifiedRequest[]): Promise<ReadonlySet<string>> => {
    try {
      const values = appendValues(requests);
      const rows = await onConnection(pool, (client) => run(client, values));
      return new Set(rows.map(([id]) => id));
    } catch (thrown) {
      const error = toStoreError(thrown);
      if (isMissingRelation(error)) onTablesMissing();
      throw error;
    }
  };
  return {
    append: insert,
    async appendUnparsed(request) {
      const fresh = await insert([withoutContent(request)]);
      return fresh.size > 0;
    },
  };
}

/**
 * Keeps the connection after an error that speaks of rows only: with a connection goes what the seen store knows. After any
 * other it is destroyed, since a fresh one may reach a server that has taken over.
 */
async function onConnection<T>(pool: Pick<pg.Pool, 'connect'>, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // The query rejects too; without a listener the process would end.
  client.on('error', ignore);
  let destroy = false;
  try {
    return await use(client);
  } catch (error) {
    const { fault } = toStoreError(error);
    destroy = fault !== 'data' && fault !== 'contention';
    throw error;
  } finally {
    client.off('error', ignore);
    client.release(destroy);
  }
}

function ignore(): void {}

/** The parameters of `APPEND`. */
export function appendValues(requests: readonly NewRequest[]): Buffer[] {
  const rows = sortedEvents(requests);
  return [
    uuidArray(requests.map(({ id }) => id)),
    textArray(requests.map(({ source }) => source)),
    textArray(requests.map(({ provider }) => provider)),
    timestamptzArray(requests.map(({ receivedAt }) => receivedAt)),
    jsonbArray(requests.map(({ headers }) => JSON.stringify(headers))),
    byteaArray(requests.map(({ body }) => body)),
    uuidArray(rows.map(({ event }) => event.id)),
    uuidArray(rows.map(({ request }) => request.id)),
    textArray(rows.map(({ request }) => request.source)),
    textArray(rows.map(({ request }) => request.provider)),
    textArray(rows.map(({ event }) => event.type)),
    textArray(rows.map(({ event }) => event.dedupeKey)),
    textArray(rows.map(({ event }) => event.subject)),
    timestamptzArray(rows.map(({ event }) => event.occurredAt)),
    timestamptzArray(rows.map(({ request }) => request.receivedAt)),
    jsonbArray(rows.map(({ event }) => event.payload)),
  ];
}

/**
 * Every event of the batch in the order of the unique index, bytewise (keys are ASCII, and so are source names): two
 * statements that insert common keys in different order deadlock, even with DO NOTHING. The sort is stable, so of equal
 * keys the first to arrive wins.
 */
function sortedEvents(requests: readonly NewRequest[]) {
  const rows = requests.flatMap((request) => request.events.map((event) => ({ request, event })));
  return rows.sort(
    (a, b) => compare(a.request.source, b.request.source) || compare(a.event.dedupeKey, b.event.dedupeKey),
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The request with a single event in which nothing comes from the body, and with none of its headers. */
function withoutContent(request: VerifiedRequest): VerifiedRequest {
  const id = request.events[0]?.id ?? request.id;
  const dedupeKey = bodyKey(request.body);
  const event = {
    id,
    source: request.source,
    type: UNKNOWN,
    dedupeKey,
    subject: null,
    occurredAt: null,
    payload: null,
  };
  return { ...request, headers: {}, events: [event] };
}
