/** The statements of one projection table, and how its rows become parameters and come back. */
import type { ColumnType, ProjectionRow, ProjectionTable } from '../../core/projection.ts';
import { bigintArray, booleanArray, jsonbArray, textArray, timestamptzArray } from './binary-arrays.ts';

/** A row with its key. */
export interface KeyedRow {
  readonly key: readonly string[];
  readonly row: ProjectionRow;
}

/** Each takes one array for each column of the key; the last two one for each other column as well. */
export interface TableStatements {
  /** The keys that have a row already. Locks nothing. */
  readonly present: string;
  /** The rows, locked in the order of their keys. */
  readonly lock: string;
  /** Makes rows, and returns the keys of those that nobody else had made. */
  readonly insert: string;
  /** Overwrites rows that are locked. */
  readonly upsert: string;
}

const made = new WeakMap<ProjectionTable, TableStatements>();

export function statementsOf(table: ProjectionTable): TableStatements {
  const known = made.get(table);
  if (known !== undefined) return known;
  const statements = makeStatements(table);
  made.set(table, statements);
  return statements;
}

function makeStatements({ name, key, columns }: ProjectionTable): TableStatements {
  const table = quoted(name);
  const keyList = key.map(quoted).join(', ');
  const ownKey = key.map((column) => `t.${quoted(column)}`).join(', ');
  const keyArrays = key.map((_, index) => `$${index + 1}::text[]`).join(', ');
  const keysJoined = `FROM unnest(${keyArrays}) AS k(${keyList}) JOIN ${table} AS t USING (${keyList})`;
  const others = Object.entries(columns);
  const read = others.map(([column, type]) => `, t.${quoted(column)}${type === 'bigint' ? '::float8' : ''}`).join('');
  const all = [...key, ...others.map(([column]) => column)].map(quoted).join(', ');
  const otherArrays = others.map(([, type], index) => `, $${key.length + index + 1}::${type}[]`).join('');
  const insert = `INSERT INTO ${table} (${all}, updated_at)
SELECT ${all}, now() FROM unnest(${keyArrays}${otherArrays}) AS r(${all})
ON CONFLICT (${keyList})`;
  const assignments = [
    ...others.map(([column]) => `${quoted(column)} = EXCLUDED.${quoted(column)}`),
    'updated_at = now()',
  ];
  return {
    present: `SELECT ${ownKey} ${keysJoined}`,
    lock: `SELECT ${ownKey}${read} ${keysJoined} ORDER BY ${ownKey} FOR UPDATE OF t`,
    insert: `${insert} DO NOTHING RETURNING ${keyList}`,
    upsert: `${insert} DO UPDATE SET ${assignments.join(', ')}`,
  };
}

export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

export function keyParameters({ key }: ProjectionTable, keys: readonly (readonly string[])[]): Buffer[] {
  return key.map((_, index) => textArray(keys.map((values) => values[index] ?? null)));
}

export function rowParameters(table: ProjectionTable, rows: readonly KeyedRow[]): Buffer[] {
  const keys = keyParameters(
    table,
    rows.map(({ key }) => key),
  );
  const others = Object.entries(table.columns).map(([column, type]) =>
    ARRAYS[type](rows.map(({ row }) => row[column] ?? null)),
  );
  return [...keys, ...others];
}

/** Of a row as `lock` returns it. */
export function fromValues({ key, columns }: ProjectionTable, values: readonly unknown[]): KeyedRow {
  const row: Record<string, unknown> = {};
  let at = key.length;
  for (const column in columns) row[column] = values[at++];
  return { key: values.slice(0, key.length) as string[], row };
}

/** Whoever makes rows has looked at the types of their values. */
const ARRAYS: Readonly<Record<ColumnType, (values: readonly unknown[]) => Buffer>> = {
  text: (values) => textArray(values as (string | null)[]),
  boolean: (values) => booleanArray(values as (boolean | null)[]),
  bigint: (values) => bigintArray(values as (number | null)[]),
  timestamptz: (values) => timestamptzArray(values as (Date | null)[]),
  jsonb: (values) => jsonbArray(values.map((value) => (value === null ? null : JSON.stringify(value)))),
};
