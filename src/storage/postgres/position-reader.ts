/** Reads events in the order of their positions, and only what no crash of the server can take back any more. */
import type pg from 'pg';
import type {
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
 * Of these events in order, as far as they stay within so many bytes; the first in any case. `$2`: the request where its bytes
 * are to be read, which is once for all of its events. A large payload is compressed, and only its text tells how much it will
 * be here.
 */
const CONTENTS = `
SELECT id, payload::text AS payload, headers, body
  FROM (SELECT o.place, e.id, e.payload, r.headers, r.body,
               sum(CASE WHEN pg_column_size(e.payload) > 2000 THEN octet_length(e.payload::text)
                        ELSE coalesce(pg_column_size(e.payload), 0) END + coalesce(octet_length(r.body), 0))
               OVER (ORDER BY o.place) AS bytes
          FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS o(event_id, request_id, place)
          LEFT JOIN events e ON e.id = o.event_id LEFT JOIN webhook_requests r ON r.id = o.request_id) AS wanted
 WHERE place = 1 OR bytes <= $3::bigint
 ORDER BY place`;

/**
 * A record of the log that nobody reads. The commit of a transaction that has written one waits until it is on the disk, and with
 * it everything that was committed before. Needs no privilege, whatever `wal_level` is.
 */
const WRITE_RECORD = `SELECT pg_logical_emit_message(true, 'webhook-gateway', '')`;

type Summary = Omit<PositionedEvent, 'payload' | 'request'>;
/** Null where the event has been removed. */
type SummaryRow = Summary | { readonly position: Position; readonly id: null };

interface ContentRow {
  readonly id: string | null;
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
  if (end === undefined) return { events: [], to: after, more: false };
  const wanted = rows.filter((row): row is Summary => row.id !== null && wish.wants(row));
  const events = await withContents(client, wanted, wish, limits);
  await flush(client);
  const last = events.at(-1);
  const cut = events.length < wanted.length;
  const present = events.filter(({ gone }) => !gone).map(({ event }) => event);
  return {
    events: present,
    to: cut && last !== undefined ? last.event.position : end.position,
    more: cut || rows.length === limits.positions,
  };
}

/** To be called after the last look, and before the commit. */
async function flush(client: pg.ClientBase): Promise<void> {
  await client.query(WRITE_RECORD);
}

/** As many as there is room for. One that has been removed since the look at it is `gone`. */
async function withContents(
  client: pg.ClientBase,
  wanted: readonly Summary[],
  { withRequests }: PageWish,
  { bytes }: PageLimits,
): Promise<{ readonly event: PositionedEvent; readonly gone: boolean }[]> {
  if (wanted.length === 0) return [];
  const seen = new Set<string>();
  const requestIds = wanted.map(({ requestId }) => {
    if (!withRequests || seen.has(requestId)) return null;
    seen.add(requestId);
    return requestId;
  });
  const values = [uuidArray(wanted.map(({ id }) => id)), uuidArray(requestIds), bytes];
  const { rows } = await client.query<ContentRow>({ text: CONTENTS, values });
  const requests = new Map<string, PositionedEvent['request']>();
  return rows.flatMap(({ id, payload, headers, body }, index) => {
    const summary = wanted[index];
    if (summary === undefined) return [];
    if (headers !== null && body !== null) requests.set(summary.requestId, { headers, body });
    const request = requests.get(summary.requestId) ?? null;
    return [{ event: { ...summary, payload, request }, gone: id === null }];
  });
}
