/** Is a row that a projection made what its table can hold? Found here, the fault is that of one event and not of a statement. */
import type { ColumnType, ProjectionRow, ProjectionTable } from '../core/projection.ts';

/** Names a table and a column, never a value. */
export class UnfitRow extends Error {
  override readonly name = 'UnfitRow';
}

const FITS: Readonly<Record<ColumnType, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  bigint: (value) => Number.isSafeInteger(value),
  timestamptz: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  jsonb: (value) => ['object', 'string', 'number', 'boolean'].includes(typeof value),
};

/** @throws UnfitRow */
export function checkRow(table: ProjectionTable, row: ProjectionRow): void {
  for (const column in row) {
    const value = row[column];
    const type = table.columns[column];
    if (type === undefined) throw new UnfitRow(`${table.name} has no column ${column}`);
    if (value === null || value === undefined) continue;
    if (!FITS[type](value)) throw new UnfitRow(`${table.name}.${column} is not made a ${type}`);
  }
}

/** @throws UnfitRow */
export function checkKey(table: ProjectionTable, key: readonly string[]): void {
  const fits = key.length === table.key.length && key.every((part) => typeof part === 'string');
  if (!fits) throw new UnfitRow(`the key of ${table.name} is not ${table.key.length} texts`);
}
