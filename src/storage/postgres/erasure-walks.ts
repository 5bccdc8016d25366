/** Walks of an erasure over whole tables: nothing is indexed by person, since each such index would slow ingest down. */
import type pg from 'pg';
import type { About, FoundEvent, FoundRequest, KeyedRow } from '../../core/erasure.ts';
import { UNKNOWN } from '../../core/event-columns.ts';
import type { ProjectionTable } from '../../core/projection.ts';
import { fromValues, quoted } from './projection-table.ts';

/** What one statement looks at. A large value lies compressed, and may be ten times as long when it is read. */
const PAGE_ROWS = 5_000;
const PAGE_BYTES = 8 * 1024 * 1024;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/**
 * A page is read along the primary key, whatever the statistics say: without any, PostgreSQL would read the rest of the table for
 * each of them.
 */
const ALONG_THE_KEY = 'SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off';

export type Ask = <T>(work: (client: pg.ClientBase) => Promise<T>) => Promise<T>;

/** The last id of the page after `$1`, up to `$2`. */
const pageEnd = (table: string, value: string) => `
SELECT id FROM (
  SELECT id, sum(bytes) OVER (ORDER BY id) - bytes AS before
    FROM (SELECT id, coalesce(pg_column_size(${value}), 0) AS bytes FROM ${table}
           WHERE id > $1::uuid AND id <= $2::uuid ORDER BY id LIMIT ${PAGE_ROWS}) AS page
) AS page WHERE before < ${PAGE_BYTES} ORDER BY id DESC LIMIT 1`;

const EVENT = `
SELECT id, source, type, dedupe_key AS "dedupeKey", subject, occurred_at AS "occurredAt", received_at AS "receivedAt", payload
  FROM events WHERE id > $1::uuid AND id <= $2::uuid AND (source = $3) IS TRUE`;
const EVENTS_ABOUT = `${EVENT} AND (payload::text LIKE ANY ($4::text[]) OR payload IS NULL AND subject = ANY ($5::text[])) ORDER BY id`;
const EVENTS_PROJECTED = `${EVENT} AND payload IS NOT NULL AND type <> '${UNKNOWN}' ORDER BY id`;
const REQUESTS_ABOUT = `
SELECT id, received_at AS "receivedAt", body
  FROM webhook_requests WHERE id > $1::uuid AND id <= $2::uuid AND source = $3 AND body LIKE ANY ($4::bytea[]) ORDER BY id`;

export function walkEvents(ask: Ask, source: string, about: About | null): AsyncIterable<readonly FoundEvent[]> {
  const text = about === null ? EVENTS_PROJECTED : EVENTS_ABOUT;
  const values = about === null ? [source] : [source, about.terms.map(inJsonText), about.subjects];
  return walkById<FoundEvent>(ask, { table: 'events', value: 'payload', text, values });
}

export function walkRequests(ask: Ask, source: string, { terms }: About): AsyncIterable<readonly FoundRequest[]> {
  const values = [source, terms.map((term) => Buffer.from(inJsonText(term)))];
  return walkById<FoundRequest>(ask, { table: 'webhook_requests', value: 'body', text: REQUESTS_ABOUT, values });
}

interface WalkById {
  readonly table: string;
  /** The column that makes rows large. */
  readonly value: string;
  readonly text: string;
  /** From `$3` on. */
  readonly values: readonly unknown[];
}

/** Ends at the row that was the last one at the beginning: what is committed later is new. */
async function* walkById<Row>(ask: Ask, { table, value, text, values }: WalkById): AsyncGenerator<readonly Row[]> {
  const newest = await ask((client) =>
    client.query<{ id: string }>(`SELECT id FROM ${table} ORDER BY id DESC LIMIT 1`),
  );
  const last = newest.rows[0]?.id ?? BEFORE_ALL;
  for (let cursor = BEFORE_ALL; cursor < last; ) {
    const { end, rows } = await ask(async (client) => {
      await client.query(ALONG_THE_KEY);
      const page = await client.query<{ id: string }>(pageEnd(table, value), [cursor, last]);
      const end = page.rows[0]?.id ?? last;
      return { end, rows: (await client.query(text, [cursor, end, ...values])).rows as Row[] };
    });
    cursor = end;
    yield rows;
  }
}

/** The rows of a source in which one of the terms stands anywhere. */
export async function* walkRows(
  ask: Ask,
  source: string,
  table: ProjectionTable,
  { terms }: About,
): AsyncGenerator<readonly KeyedRow[]> {
  const keys = table.key.map(quoted).join(', ');
  const name = quoted(table.name);
  const after = (first: number) => `(${table.key.map((_, index) => `$${index + first}`).join(', ')})`;
  const columns = Object.entries(table.columns).map(
    ([column, type]) => quoted(column) + (type === 'bigint' ? '::float8' : ''),
  );
  const width = table.key.length;
  const pageEnd = `
    SELECT ${keys} FROM ${name} WHERE (${keys}) > ${after(1)} AND ${quoted(table.key[0] ?? '')} = $1
     ORDER BY ${keys} OFFSET ${PAGE_ROWS - 1} LIMIT 1`;
  const page = (bounded: boolean) => `
    SELECT ${[keys, ...columns].join(', ')} FROM ${name} AS t
     WHERE (${keys}) > ${after(1)} AND ${quoted(table.key[0] ?? '')} = $1 AND to_jsonb(t)::text LIKE ANY ($${width + 1}::text[])
       ${bounded ? `AND (${keys}) <= ${after(width + 2)}` : ''} ORDER BY ${keys}`;
  for (let cursor: readonly string[] | undefined = table.key.map((_, index) => (index === 0 ? source : '')); cursor; ) {
    const from: readonly string[] = cursor;
    const found = await ask(async (client) => {
      await client.query(ALONG_THE_KEY);
      const { rows: ends } = await client.query<string[]>({ text: pageEnd, values: [...from], rowMode: 'array' });
      const [end] = ends;
      const values = [...from, terms.map(inJsonText), ...(end ?? [])];
      const { rows } = await client.query<unknown[]>({ text: page(end !== undefined), values, rowMode: 'array' });
      return { end, rows: rows.map((row) => fromValues(table, row)) };
    });
    cursor = found.end;
    yield found.rows;
  }
}

/** The pattern for a text that stands somewhere in JSON, as jsonb prints it. */
export function inJsonText(term: string): string {
  return `%${JSON.stringify(term)
    .slice(1, -1)
    .replace(/[\\%_]/g, '\\$&')}%`;
}
