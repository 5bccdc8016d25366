/**
 * Writes the rows that a batch of events touches: dispatch and a rebuild do so beside each other.
 *
 * Why two transactions that touch the same rows never deadlock. Each goes through three phases, over all tables:
 *
 * 1. Insert the rows that it sees no trace of. It may wait for others who insert the same key, or overwrite its row.
 * 2. Lock the rows that were there, or that others turned out to have made. All these are committed by then, so it waits
 *    only for others that lock or overwrite, never for an insert.
 * 3. Overwrite what it has locked. Here nobody waits.
 *
 * Within a phase everyone goes by table, then key, each in one order for all. A cycle needs somebody who waits for one that is
 * in the same phase and behind him, or in an earlier phase. The first is ruled out by the order. In an earlier phase stands
 * only the inserter, who holds nothing that phase 2 waits for. Marks are claimed with SKIP LOCKED, where nobody waits at all.
 * Whoever else writes these tables (erasure) must lock rows in the same order. TRUNCATE fits in: `rebuild-emptying.ts`.
 */
import type pg from 'pg';
import type { ProjectedBatch, TouchedRow } from '../../core/dispatch.ts';
import { StoreError } from '../../core/errors.ts';
import type { ProjectionTable } from '../../core/projection.ts';
import { fromValues, type KeyedRow, keyParameters, rowParameters, statementsOf } from './projection-table.ts';

/** A table of the batch, with the rows that are left to do. */
interface Work {
  readonly table: ProjectionTable;
  readonly rows: readonly TouchedRow[];
}

type Rows = Pick<ProjectedBatch, 'tables' | 'assertReduced'>;

/** Within a transaction. @throws ReductionError before anything is overwritten; what was inserted has to be rolled back */
export async function writeRows(client: pg.ClientBase, batch: Rows): Promise<void> {
  const present: Work[] = [];
  for (const { table, rows } of batch.tables) {
    const keys = await keysOf(client, statementsOf(table).present, keyParameters(table, rows.map(keyOf)));
    present.push({ table, rows: rows.filter(({ key }) => keys.has(nameOf(key))) });
  }
  const left = await insertMissing(client, batch, present);
  const changed: { readonly table: ProjectionTable; readonly rows: readonly KeyedRow[] }[] = [];
  for (const { table, rows } of left) changed.push({ table, rows: await lockAndReduce(client, table, rows) });
  batch.assertReduced();
  for (const { table, rows } of changed) {
    if (rows.length === 0) continue;
    await client.query({ text: statementsOf(table).upsert, values: rowParameters(table, rows) });
  }
}

/** Returns what is not done by that: the rows that were there, or that somebody else has made meanwhile. */
async function insertMissing(client: pg.ClientBase, batch: Rows, present: readonly Work[]): Promise<Work[]> {
  const inserts = batch.tables.map(({ table, rows }, index) => {
    const there = new Set(present[index]?.rows);
    const missing = rows.filter((row) => !there.has(row)).map((row) => ({ key: row.key, row: row.next(null) }));
    return { table, rows, missing };
  });
  batch.assertReduced();
  const left: Work[] = [];
  for (const { table, rows, missing } of inserts) {
    const values = rowParameters(table, missing);
    const inserted = missing.length === 0 ? NONE : await keysOf(client, statementsOf(table).insert, values);
    left.push({ table, rows: rows.filter(({ key }) => !inserted.has(nameOf(key))) });
  }
  return left;
}

/** The rows that the events change. */
async function lockAndReduce(
  client: pg.ClientBase,
  table: ProjectionTable,
  rows: readonly TouchedRow[],
): Promise<KeyedRow[]> {
  if (rows.length === 0) return [];
  const values = keyParameters(table, rows.map(keyOf));
  const found = await client.query<unknown[]>({ text: statementsOf(table).lock, values, rowMode: 'array' });
  const loaded = new Map(found.rows.map((row) => fromValues(table, row)).map((row) => [nameOf(row.key), row]));
  return rows.flatMap(({ key, next }) => {
    const before = loaded.get(nameOf(key));
    // Removed since it was seen; nobody may insert in this phase.
    if (before === undefined) throw new StoreError('contention', `rows of ${table.name} were removed meanwhile`);
    const row = next(before.row);
    return row === before.row ? [] : [{ key, row }];
  });
}

const NONE: ReadonlySet<string> = new Set();

async function keysOf(client: pg.ClientBase, text: string, values: Buffer[]): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<string[]>({ text, values, rowMode: 'array' });
  return new Set(rows.map(nameOf));
}

const keyOf = ({ key }: TouchedRow) => key;
const nameOf = (key: readonly string[]) => key.join('\0');
