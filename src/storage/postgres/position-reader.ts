/** Reads events in the order of their positions, and only what no crash of the server can take back any more. */
import type pg from 'pg';
import type {
  EventSummary,
  PageLimits,
  PageWish,
  Position,
  PositionedEvent,
  PositionPage,
  PositionReader,
} from '../../core/follower.ts';
import { uuidArray } from './binary-arrays.ts';
import { toStoreError } from './store-error.ts';
import { createTransactionPool, type TransactionPool } from './transaction-pool.ts';

/** Milliseconds for a statement, and for the disk. */
const TIMEOUT = 5_000;
/** Over all streams of a process. */
const CONNECTIONS = 2;

/** Commits wait for the disk here: see `flush`. */
export function createPositionPool(databaseUrl: string): TransactionPool {
  return createTransactionPool({
    databaseUrl,
    applicationName: 'webhook-gateway follower',
    timeoutMs: TIMEOUT,
    connections: CONNECTIONS,
    durable: true,
  });
}

const LAST = 'SELECT last::float8 AS last FROM position_counter';

/** What the event was is null where it has been removed. */
const SUMMARIES = `
SELECT p.position::float8 AS position, e.id, e.request_id AS "requestId", e.source, e.provider, e.type,
       e.dedupe_key AS "dedupeKey", e.subject, e.occurred_at AS "occurredAt", e.received_at AS "receivedAt"
  FROM event_positions p LEFT JOIN events e ON e.id = p.event_id
 WHERE p.position > $1 ORDER BY p.position LIMIT $2`;

/**
 * Of these events in order, as far as they stay within so many bytes; of a first one that does not, how many it has. `$2`: the
 * request where its bytes are to be read, which is once for all of its events. `$3`: whether the payload is to be read beside it.
 * Only its text tells how much a payload will be here; what is too much as it is stored already is not printed for that.
 */
const CONTENTS = `
SELECT id, bytes::float8 AS bytes, CASE WHEN bytes <= $4::bigint THEN payload::text END AS payload,
       CASE WHEN bytes <= $4::bigint THEN headers END AS headers, CASE WHEN bytes <= $4::bigint THEN body END AS body
  FROM (SELECT *, sum(coalesce(octet_length(payload::text), 0) + coalesce(octet_length(headers::text), 0)
                      + coalesce(octet_length(body), 0)) OVER (ORDER BY place) AS bytes
          FROM (SELECT *, sum(coalesce(pg_column_size(payload), 0)) OVER (ORDER BY place) AS stored
                  FROM (SELECT o.place, e.id, CASE WHEN o.payload OR r.id IS NULL THEN e.payload END AS payload,
                               r.headers, r.body
                          FROM unnest($1::uuid[], $2::uuid[], $3::boolean[]) WITH ORDINALITY
                               AS o(event_id, request_id, payload, place)
                          LEFT JOIN events e ON e.id = o.event_id
                          LEFT JOIN webhook_requests r ON r.id = o.request_id) AS wanted) AS stored
         WHERE place = 1 OR stored <= $4::bigint) AS sized
 WHERE place = 1 OR bytes <= $4::bigint
 ORDER BY place`;

/**
 * A record of the log that nobody reads. The commit of a transaction that has written one waits until it is on the disk, and with
 * it everything that was committed before. Needs no privilege, whatever `wal_level` is.
 */
const WRITE_RECORD = `SELECT pg_logical_emit_message(true, 'webhook-gateway', '')`;

/** Null where the event has been removed. */
type SummaryRow = EventSummary | { readonly position: Position; readonly id: null };

interface ContentRow {
  readonly id: string | null;
  /** Of all up to this one. */
  readonly bytes: number;
  readonly payload: string | null;
  readonly headers: Record<string, string> | null;
  readonly body: Buffer | null;
}

/** @param pool of `createPositionPool` */
export function createPositionReader(pool: TransactionPool): PositionReader {
  /** What `last` found when it last wrote a record: as long as that stays the same there is nothing to wait for. */
  let flushed: Position = 0;
  const transaction = async <T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> => {
    try {
      return await pool.transaction(work);
    } catch (error) {
      throw toStoreError(error);
    }
  };
  return {
    async last() {
      const last = await transaction(async (client) => {
        const { rows } = await client.query<{ last: Position }>(LAST);
        const found = rows[0]?.last ?? 0;
        if (found !== flushed) await flush(client);
        return found;
      });
      flushed = last;
      return last;
    },
    read: (after, wish, limits) => transaction((client) => readPage(client, after, wish, limits)),
  };
}

async function readPage(
  client: pg.ClientBase,
  after: Position,
  wish: PageWish,
  limits: PageLimits,
): Promise<PositionPage> {
  const { rows } = await client.query<SummaryRow>(SUMMARIES, [after, limits.positions]);
  const end = rows.at(-1);
  if (end === undefined) return { events: [], to: after, more: false, tooLarge: null };
  const wanted = rows.filter((row): row is EventSummary => row.id !== null && wish.wants(row));
  const events = await withContents(client, wanted.slice(0, limits.events), wish, limits);
  await flush(client);
  if (typeof events === 'number') return { events: [], to: after, more: true, tooLarge: events };
  const last = events.at(-1);
  const cut = events.length < wanted.length;
  const present = events.filter(({ gone }) => !gone).map(({ event }) => event);
  return {
    events: present,
    to: cut && last !== undefined ? last.event.position : end.position,
    more: cut || rows.length === limits.positions,
    tooLarge: null,
  };
}

/** To be called after the last look, and before the commit. */
async function flush(client: pg.ClientBase): Promise<void> {
  await client.query(WRITE_RECORD);
}

/**
 * As many as there is room for; a number: bytes of the first, for which there is none. One that has been removed since the look at
 * it is `gone`.
 */
async function withContents(
  client: pg.ClientBase,
  wanted: readonly EventSummary[],
  wish: PageWish,
  limits: PageLimits,
): Promise<{ readonly event: PositionedEvent; readonly gone: boolean }[] | number> {
  if (wanted.length === 0) return [];
  const seen = new Set<string>();
  const contents = wanted.map((event) => wish.contents(event));
  const requestIds = wanted.map(({ requestId }, index) => {
    if (contents[index] === 'payload' || seen.has(requestId)) return null;
    seen.add(requestId);
    return requestId;
  });
  const withPayload = contents.map((content) => content !== 'body');
  const values = [uuidArray(wanted.map(({ id }) => id)), uuidArray(requestIds), withPayload, limits.bytes];
  const { rows } = await client.query<ContentRow>({ text: CONTENTS, values });
  const [first] = rows;
  if (first !== undefined && first.bytes > limits.bytes) return first.bytes;
  const requests = new Map<string, PositionedEvent['request']>();
  return rows.flatMap(({ id, payload, headers, body }, index) => {
    const summary = wanted[index];
    if (summary === undefined) return [];
    if (headers !== null && body !== null) requests.set(summary.requestId, { headers, body });
    const request = contents[index] === 'payload' ? null : (requests.get(summary.requestId) ?? null);
    return [{ event: { ...summary, payload, request }, gone: id === null }];
  });
}
