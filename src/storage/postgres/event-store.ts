/** The ingest statement: requests and events of a whole batch in one round trip, the unique index deciding what is new. */
import type { VerifiedRequest } from '../../core/event.ts';
import { UNKNOWN } from '../../core/event-columns.ts';
import { bodyKey } from '../../core/identity.ts';
import type { EventStore } from '../../core/ports.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import { toStoreError } from './store-error.ts';

/**
 * `$1` holds the bodies end to end, `$7` and `$8` where each begins (from 1) and how long it is; `$18` to `$20` do the same
 * for the payloads, whose place is null where there is none. One bytea travels in binary; an array of them, or of texts, is
 * sent as text at three times the cost, and each quote in it is escaped once more.
 *
 * `ON CONFLICT DO NOTHING` names no target, so that whatever index objects, the row is a duplicate and not an error.
 * A request is inserted only if one of its events was. The statement is a transaction by itself.
 */
const APPEND = `
WITH event AS (
  INSERT INTO events (id, request_id, source, provider, type, dedupe_key, subject, occurred_at, received_at, payload)
  SELECT id, request_id, source, provider, type, dedupe_key, subject, occurred_at, received_at,
         convert_from(substring($18::bytea FROM start FOR size), 'UTF8')::jsonb
  FROM unnest($9::uuid[], $10::uuid[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
              $16::timestamptz[], $17::timestamptz[], $19::int[], $20::int[])
    AS e(id, request_id, source, provider, type, dedupe_key, subject, occurred_at, received_at, start, size)
  ON CONFLICT DO NOTHING
  RETURNING id, request_id, received_at
), mark AS (
  INSERT INTO event_dispatch (event_id, received_at) SELECT id, received_at FROM event
), request AS (
  INSERT INTO webhook_requests (id, source, provider, received_at, headers, body, body_sha256)
  SELECT id, source, provider, received_at, headers::jsonb, bytes, sha256(bytes)
  FROM unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::int[], $8::int[])
    AS r(id, source, provider, received_at, headers, start, size)
  CROSS JOIN LATERAL (SELECT substring($1::bytea FROM start FOR size)) AS b(bytes)
  WHERE id IN (SELECT request_id FROM event)
)
SELECT id::text AS id FROM event`;

/** A table, column or schema that the statement names is not there. */
const MISSING = ['42P01', '42703', '3F000'];

/**
 * Stores events in PostgreSQL.
 *
 * @param prisma runs on ingest's own pool
 * @param onTablesMissing told when the statement finds a table or column missing
 */
export function createEventStore(
  prisma: Pick<PrismaClient, '$queryRawUnsafe'>,
  onTablesMissing: () => void,
): EventStore {
  const insert = async (requests: readonly VerifiedRequest[]): Promise<ReadonlySet<string>> => {
    try {
      const rows = await prisma.$queryRawUnsafe<{ id: string }[]>(APPEND, ...parametersOf(requests));
      return new Set(rows.map((row) => row.id));
    } catch (thrown) {
      const error = toStoreError(thrown);
      if (error.sqlState !== undefined && MISSING.includes(error.sqlState)) onTablesMissing();
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

function parametersOf(requests: readonly VerifiedRequest[]): unknown[] {
  const bodies = endToEnd(requests.map(({ body }) => body));
  const rows = sortedEvents(requests);
  const payloads = endToEnd(rows.map(({ event }) => (event.payload === null ? null : Buffer.from(event.payload))));
  return [
    bodies.bytes,
    requests.map(({ id }) => id),
    requests.map(({ source }) => source),
    requests.map(({ provider }) => provider),
    requests.map(({ receivedAt }) => receivedAt.toISOString()),
    requests.map(({ headers }) => JSON.stringify(headers)),
    bodies.starts,
    bodies.sizes,
    rows.map(({ event }) => event.id),
    rows.map(({ request }) => request.id),
    rows.map(({ request }) => request.source),
    rows.map(({ request }) => request.provider),
    rows.map(({ event }) => event.type),
    rows.map(({ event }) => event.dedupeKey),
    rows.map(({ event }) => event.subject),
    rows.map(({ event }) => event.occurredAt?.toISOString() ?? null),
    rows.map(({ request }) => request.receivedAt.toISOString()),
    payloads.bytes,
    payloads.starts,
    payloads.sizes,
  ];
}

/** The pieces as one Buffer, with the place of each: start from 1 and size, null for what is null. */
function endToEnd(pieces: readonly (Buffer | null)[]) {
  const starts: (number | null)[] = [];
  const sizes: (number | null)[] = [];
  let start = 1;
  for (const piece of pieces) {
    starts.push(piece === null ? null : start);
    sizes.push(piece === null ? null : piece.length);
    start += piece?.length ?? 0;
  }
  const present = pieces.filter((piece) => piece !== null);
  const [only] = present;
  return { bytes: present.length === 1 && only !== undefined ? only : Buffer.concat(present), starts, sizes };
}

/**
 * Every event of the batch in the order of the unique index, bytewise (keys are ASCII, and so are source names): two
 * statements that insert common keys in different order deadlock, even with DO NOTHING. The sort is stable, so of equal
 * keys the first to arrive wins.
 */
function sortedEvents(requests: readonly VerifiedRequest[]) {
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
  const event = { id, type: UNKNOWN, dedupeKey, subject: null, occurredAt: null, payload: null };
  return { ...request, headers: {}, events: [event] };
}
