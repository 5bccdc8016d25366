/**
 * What a rebuild would do, found out by reading everything: which rows no event touches any longer, and which events fail.
 *
 * The keys that events touch are kept in temporary tables, of a session of its own. There is no snapshot, which would keep
 * vacuum from `event_dispatch` for as long as this takes. A row that is written meanwhile is written for an event that there
 * is, so it would not vanish: `updated_at` tells. One written before that was written for an event that is seen.
 */
import pg from 'pg';
import type { ProjectionTable } from '../../core/projection.ts';
import type { RebuildScope, RebuildSurvey, SurveyOptions, TouchedKeys } from '../../core/rebuild.ts';
import { type ConnectionOptions, connectionConfig } from './connection.ts';
import { keyParameters, quoted } from './projection-table.ts';
import { BEFORE_ALL, cursorAtStart, loadWindow, nextWindow } from './rebuild-window.ts';
import { toStoreError } from './store-error.ts';

const CONNECT_TIMEOUT = 2_000;
/** Milliseconds for a statement: the last ones compare whole tables. */
const STATEMENT_TIMEOUT = 30 * 60_000;
const BATCH_EVENTS = 500;
const BATCH_BYTES = 8 * 1024 * 1024;

export async function surveyRebuild(
  connection: Pick<ConnectionOptions, 'databaseUrl' | 'applicationName'>,
  scope: RebuildScope,
  options: SurveyOptions,
): Promise<RebuildSurvey | null> {
  const limits = { connectTimeoutMs: CONNECT_TIMEOUT, queryTimeoutMs: STATEMENT_TIMEOUT };
  const client = new pg.Client(connectionConfig({ ...connection, ...limits }));
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await survey(client, scope, options);
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function survey(
  client: pg.Client,
  scope: RebuildScope,
  { touch, onProgress, onFailed, signal }: SurveyOptions,
): Promise<RebuildSurvey | null> {
  const { last, at } = await lookAtNow(client);
  const full = scope.from === null;
  if (full) for (const table of scope.tables) await client.query(makeKeyTable(table));
  let events = 0;
  let failed = 0;
  for (let cursor = cursorAtStart(scope); cursor < last; ) {
    if (signal.aborted) return null;
    const window = await nextWindow(client, { cursor, last, from: scope.from }, scope, BATCH_EVENTS);
    const batch = await loadWindow(client, window, BATCH_BYTES);
    const { tables, failures } = touch(batch.events);
    if (full) await keepKeys(client, tables);
    for (const failure of failures) onFailed(failure);
    events += batch.events.length;
    failed += failures.length;
    onProgress(events);
    cursor = batch.end;
  }
  const tables: RebuildSurvey['tables'][number][] = [];
  for (const table of scope.tables) tables.push({ name: table.name, ...(await countRows(client, table, full, at)) });
  return { events, failed, tables };
}

/** The greatest id of an event, and the time. */
async function lookAtNow(client: pg.Client): Promise<{ readonly last: string; readonly at: string }> {
  const { rows } = await client.query<{ last: string | null; at: string }>(
    `SELECT (SELECT id FROM events ORDER BY id DESC LIMIT 1) AS last, date_trunc('milliseconds', clock_timestamp())::text AS at`,
  );
  return { last: rows[0]?.last ?? BEFORE_ALL, at: rows[0]?.at ?? '' };
}

async function keepKeys(client: pg.Client, tables: TouchedKeys['tables']): Promise<void> {
  for (const { table, keys } of tables) {
    const arrays = table.key.map((_, index) => `$${index + 1}::text[]`).join(', ');
    const text = `INSERT INTO ${keyTable(table)} SELECT * FROM unnest(${arrays}) ON CONFLICT DO NOTHING`;
    await client.query({ text, values: keyParameters(table, keys) });
  }
}

async function countRows(client: pg.Client, table: ProjectionTable, full: boolean, at: string) {
  const sameKey = table.key.map((column) => `k.${quoted(column)} = t.${quoted(column)}`).join(' AND ');
  const untouched = `
    SELECT count(*) FROM ${quoted(table.name)} AS t
     WHERE t.updated_at < $1::timestamptz AND NOT EXISTS (SELECT FROM ${keyTable(table)} AS k WHERE ${sameKey})`;
  if (full) await client.query(`ANALYZE ${keyTable(table)}`);
  const { rows } = await client.query<{ rows: number; vanishing: number }>(
    `SELECT (SELECT count(*) FROM ${quoted(table.name)})::float8 AS rows, (${full ? untouched : 'SELECT 0'})::float8 AS vanishing`,
    full ? [at] : [],
  );
  return rows[0] ?? { rows: 0, vanishing: 0 };
}

function makeKeyTable(table: ProjectionTable): string {
  const columns = table.key.map((column) => `${quoted(column)} text COLLATE "C"`).join(', ');
  return `CREATE TEMPORARY TABLE ${keyTable(table)} (${columns}, PRIMARY KEY (${table.key.map(quoted).join(', ')}))`;
}

const keyTable = ({ name }: ProjectionTable) => quoted(`keys_of_${name}`);
