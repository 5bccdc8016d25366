/**
 * Projections without a database. Rows go through what PostgreSQL would make of them between two events (jsonb forgets the
 * order of keys), and what its columns could not hold is an error.
 */
import type { ParsedEvent } from '../../src/core/event.ts';
import type { ColumnType, ProjectionRow, ProjectionTable, Projector, StoredEvent } from '../../src/core/projection.ts';

/** The events as they would be read from the table; those without a payload, or of type `unknown`, are not projected. */
export function storedEvents(parsed: readonly ParsedEvent[], source: string, receivedAt: Date): StoredEvent[] {
  return parsed.flatMap(({ payload, ...event }, index) => {
    if (payload === null || event.type === 'unknown') return [];
    return [{ ...event, id: `event ${index}`, source, receivedAt, payload: JSON.parse(payload) }];
  });
}

export interface ProjectedTables {
  /** All rows of a table, with their keys, sorted by key. Only what is not null. */
  rows(table: string): Record<string, unknown>[];
  /** Rows of all tables. */
  all(): Record<string, Record<string, unknown>[]>;
}

/** Applies the events one after another. */
export function projectInMemory(projector: Projector, events: readonly StoredEvent[]): ProjectedTables {
  const tables = new Map(projector.tables.map((table) => [table.name, new Map<string, ProjectionRow>()]));
  for (const event of events) {
    const touched = new Set<string>();
    for (const { table, key, reduce } of projector.project(event)) {
      const rows = tables.get(table.name);
      const place = JSON.stringify(key);
      if (rows === undefined || !projector.tables.includes(table))
        throw new Error(`${table.name} is no table of the projector`);
      if (touched.has(table.name + place)) throw new Error(`${table.name} ${place} is touched twice`);
      touched.add(table.name + place);
      checkKey(table, key);
      rows.set(place, stored(table, reduce(rows.get(place) ?? null)));
    }
  }
  const rowsOf = (name: string) => {
    const table = projector.tables.find((one) => one.name === name);
    const rows = [...(tables.get(name) ?? [])].sort(([one], [other]) => (one < other ? -1 : 1));
    return rows.map(([place, row]) => {
      const keys = (JSON.parse(place) as string[]).map((value, index) => [table?.key[index], value]);
      const columns = Object.entries(row).filter(([, value]) => value !== null);
      return Object.fromEntries([...keys, ...columns]);
    });
  };
  return {
    rows: rowsOf,
    all: () => Object.fromEntries([...tables.keys()].map((name) => [name, rowsOf(name)])),
  };
}

/** A B-tree row holds 2,700 bytes. */
function checkKey(table: ProjectionTable, key: readonly string[]): void {
  const fits = key.length === table.key.length && key.every((part) => /^[ -~]{1,600}$/.test(part));
  if (!fits) throw new Error(`no key of ${table.name}: ${JSON.stringify(key)}`);
}

/** The row as it comes back from PostgreSQL: every column, and those not given null. */
function stored(table: ProjectionTable, row: ProjectionRow): ProjectionRow {
  const strange = Object.keys(row).filter((column) => !Object.hasOwn(table.columns, column));
  if (strange.length > 0) throw new Error(`${table.name} has no column ${strange.join(', ')}`);
  const columns = Object.entries(table.columns).map(([column, type]) => {
    const value = row[column] ?? null;
    if (value !== null && !HOLDS[type](value)) throw new Error(`${table.name}.${column} cannot hold ${String(value)}`);
    return [column, type === 'jsonb' ? asJsonb(value) : value];
  });
  return Object.freeze(Object.fromEntries(columns));
}

const HOLDS: Readonly<Record<ColumnType, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string' && !/\0|\p{Surrogate}/u.test(value),
  boolean: (value) => typeof value === 'boolean',
  bigint: (value) => Number.isSafeInteger(value),
  timestamptz: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  jsonb: (value) => !/\\(?:u0000|ud[89a-f])/.test(JSON.stringify(value).replaceAll('\\\\', '')),
};

/** Keys in jsonb's order: shorter ones first, then bytewise. */
function asJsonb(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asJsonb);
  if (typeof value !== 'object' || value === null) return value;
  const inOrder = (one: string, other: string) => one.length - other.length || (one < other ? -1 : 1);
  const members = Object.entries(JSON.parse(JSON.stringify(value)) as object);
  return Object.fromEntries(
    members.sort(([one], [other]) => inOrder(one, other)).map(([name, member]) => [name, asJsonb(member)]),
  );
}
