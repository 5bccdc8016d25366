/** The erasure store on PostgreSQL: what it asks, and the transactions in which `erasure-changes.ts` does its part. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { BatchError, type ClaimedMark, ReductionError } from '../../core/dispatch.ts';
import type { ErasureStore, KnownId, PeopleTable, TableKeys } from '../../core/erasure.ts';
import type { StoreError } from '../../core/errors.ts';
import type { ProjectionTable } from '../../core/projection.ts';
import { loadEvents } from './dispatch-marks.ts';
import { parkEvents, removeMarks, rewriteEvents, rewriteRequest, rewriteRows } from './erasure-changes.ts';
import { findConditions, rewriteReplay } from './erasure-conditions.ts';
import { lockErasure } from './erasure-lock.ts';
import { type Ask, walkEvents, walkRequests, walkRows } from './erasure-walks.ts';
import { keyParameters, quoted, statementsOf } from './projection-table.ts';
import { eventsRemoved } from './rebuild-emptying.ts';
import { putMarksBack } from './rebuild-marks.ts';
import { writeRows } from './row-writer.ts';
import { toStoreError } from './store-error.ts';
import { createTransactionPool, type TransactionPool } from './transaction-pool.ts';

/** Milliseconds for a statement: a page of a walk, or a few hundred rows. */
const STATEMENT_TIMEOUT = 60_000;
/** Retention may deadlock with us, and a dispatcher that is not of this release. A limit only so that nothing repeats for ever. */
const MAX_REPEATS = 10;

/** What was committed cannot come back after a crash of the server. */
const DURABLE = 'SET LOCAL synchronous_commit = on';

/** From one source to the next one, by an index that begins with it. */
const sourcesOf = (table: string) => `
WITH RECURSIVE names AS (
  (SELECT source FROM ${table} ORDER BY source LIMIT 1)
  UNION ALL
  SELECT (SELECT t.source FROM ${table} AS t WHERE t.source > names.source ORDER BY t.source LIMIT 1) FROM names WHERE names.source IS NOT NULL
)
SELECT source FROM names WHERE source IS NOT NULL`;
const PROVIDER = 'SELECT provider FROM events WHERE source = $1 LIMIT 1';

const HOLD_RETENTION = `UPDATE retention SET leased_by = $1::uuid, leased_until = now() + interval '1 minute'`;
const RELEASE_RETENTION = 'UPDATE retention SET leased_until = now() WHERE leased_by = $1::uuid';

const NEWEST_REQUEST = 'SELECT id FROM webhook_requests ORDER BY id DESC LIMIT 1';

const ALL_COMPLETE = `
SELECT bool_and(e.payload IS NOT NULL AND NOT e.payload ? '$altered') IS NOT FALSE AS complete
  FROM unnest($2::text[]) AS k(key) LEFT JOIN events AS e ON e.source = $1 AND e.dedupe_key = k.key`;

/** With a connection of its own, made when it is needed. */
export function createErasureStore(databaseUrl: string, timeoutMs = STATEMENT_TIMEOUT): ErasureStore {
  const pool = createTransactionPool({
    databaseUrl,
    applicationName: 'webhook-gateway erase',
    timeoutMs,
    durable: true,
  });
  const owner = randomUUID();
  const ask: Ask = (work) => transaction(pool, work);
  const change: Ask = (work) =>
    transaction(pool, async (client) => {
      await client.query(DURABLE);
      return work(client);
    });
  const asBatch = async <T>(marks: readonly ClaimedMark[], work: (client: pg.ClientBase) => Promise<T>): Promise<T> => {
    try {
      return await pool.transaction(work);
    } catch (error) {
      throw error instanceof ReductionError ? error : new BatchError(marks, toStoreError(error));
    }
  };
  const first = async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
    (await ask((client) => client.query<Row>(text, [...values]))).rows[0];
  return {
    sources: (provider, tables) => ask((client) => readSources(client, provider, tables)),
    knownIds: (source, people, ids, byAlias) => ask((client) => readKnownIds(client, { source, people, ids, byAlias })),
    lock: () => lockErasure(databaseUrl).catch((error) => Promise.reject(toStoreError(error))),
    holdRetention: async () => void (await first(HOLD_RETENTION, [owner])),
    eventsRemoved: async () => (await ask(eventsRemoved)) > 0,
    releaseRetention: async () => void (await first(RELEASE_RETENTION, [owner])),
    newestRequest: async () => (await first<{ id: string }>(NEWEST_REQUEST))?.id ?? null,
    events: (source, about) => walkEvents(ask, source, about),
    requests: (source, about) => walkRequests(ask, source, about),
    rows: (source, table, about) => walkRows(ask, source, table, about),
    allComplete: async (source, keys) =>
      (await first<{ complete: boolean }>(ALL_COMPLETE, [source, keys]))?.complete ?? true,
    countRows: (keys) => ask((client) => countRows(client, keys)),
    conditions: (terms) => ask((client) => findConditions(client, terms)),
    removeMarks: (ids) => change((client) => removeMarks(client, ids)),
    parkEvents: (ids) => change((client) => parkEvents(client, ids)),
    rewriteEvents: (ids, cut) => change((client) => rewriteEvents(client, ids, cut)),
    rewriteRows: (keys, cut) => change((client) => rewriteRows(client, keys, cut)),
    rewriteRequest: (id, body, header) => change((client) => rewriteRequest(client, id, body, header)),
    rewriteReplay: (id, condition) => change((client) => rewriteReplay(client, id, condition)),
    async project({ only, bytes }, plan) {
      const marks = only.map((eventId) => ({ eventId, attempts: 0, routed: true }));
      return asBatch(marks, async (client) => {
        const { events } = await loadEvents(client, marks, bytes);
        const batch = plan(events, []);
        await writeRows(client, batch);
        await putMarksBack(client, batch.failures);
        return events;
      });
    },
    fail: (failure) => asBatch([], (client) => putMarksBack(client, [failure])),
    close: () => pool.close(),
  };
}

async function transaction<T>(pool: TransactionPool, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  for (let repeats = 0; ; repeats++) {
    try {
      return await pool.transaction(work);
    } catch (thrown) {
      const error: StoreError = toStoreError(thrown);
      if (error.fault !== 'contention' || repeats === MAX_REPEATS) throw error;
    }
  }
}

async function readSources(
  client: pg.ClientBase,
  provider: string,
  tables: readonly ProjectionTable[],
): Promise<string[]> {
  const found = new Set<string>();
  for (const { source } of (await client.query<{ source: string }>(sourcesOf('events'))).rows) {
    const { rows } = await client.query<{ provider: string }>(PROVIDER, [source]);
    if (rows[0]?.provider === provider) found.add(source);
  }
  for (const { name } of tables) {
    const { rows } = await client.query<{ source: string }>(sourcesOf(quoted(name)));
    for (const { source } of rows) found.add(source);
  }
  return [...found].sort();
}

interface KnownIdsQuery {
  readonly source: string;
  readonly people: PeopleTable;
  readonly ids: readonly string[];
  readonly byAlias: boolean;
}

async function readKnownIds(
  client: pg.ClientBase,
  { source, people, ids, byAlias }: KnownIdsQuery,
): Promise<KnownId[]> {
  const { table, mergedInto, aliases } = people;
  const [sourceColumn = '', idColumn = ''] = table.key.map(quoted);
  const into = quoted(mergedInto);
  const either = [idColumn, into, ...(byAlias ? aliases.map(quoted) : [])].map(
    (column) => `${column} = ANY ($2::text[])`,
  );
  const { rows } = await client.query<KnownId>(
    `SELECT ${idColumn} AS id, ${into} AS "mergedInto", array_remove(ARRAY[${aliases.map(quoted).join(', ')}]::text[], NULL) AS aliases
       FROM ${quoted(table.name)} WHERE ${sourceColumn} = $1 AND (${either.join(' OR ')})`,
    [source, ids],
  );
  return rows;
}

async function countRows(client: pg.ClientBase, { table, keys }: TableKeys): Promise<number> {
  const { rowCount } = await client.query(statementsOf(table).present, keyParameters(table, keys));
  return rowCount ?? 0;
}
