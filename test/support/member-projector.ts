/**
 * A projector for tests of rebuilds: each row holds the ids of the events that touched it, so the result depends on the set
 * of events alone, and one that is missing, or too many, shows. Its events are those of the counting projector.
 */
import type { ProjectionRow, ProjectionTable, Projector, Touch } from '../../src/core/projection.ts';
import type { CountingPayload } from './counting-projector.ts';

export const MEMBERS: ProjectionTable = {
  name: 'test_members',
  key: ['source', 'name'],
  columns: { events: 'jsonb', heaviest: 'bigint' },
};

/** By the first letter of the name: few rows, which everybody touches. */
export const LETTERS: ProjectionTable = {
  name: 'test_letters',
  key: ['source', 'letter'],
  columns: { names: 'jsonb' },
};

export const MEMBER_TABLES = `
  CREATE TABLE test_members (
    source text COLLATE "C", name text COLLATE "C", events jsonb, heaviest bigint CHECK (heaviest < 1000000),
    updated_at timestamptz(3) NOT NULL, PRIMARY KEY (source, name));
  CREATE TABLE test_letters (
    source text COLLATE "C", letter text COLLATE "C", names jsonb, updated_at timestamptz(3) NOT NULL,
    PRIMARY KEY (source, letter))`;

const withOne = (row: ProjectionRow | null, column: string, one: string): string[] => [
  ...new Set([...((row?.[column] ?? []) as string[]), one]),
];

export const memberProjector: Projector = {
  tables: [LETTERS, MEMBERS],
  project({ id, source, payload }) {
    const { counters = [], by = 1, throws } = payload as CountingPayload;
    if (throws === 'project') throw new RangeError('cannot be read');
    return counters.flatMap((name): Touch[] => [
      {
        table: MEMBERS,
        key: [source, name],
        reduce(row) {
          if (throws === 'reduce') throw new TypeError('cannot be applied');
          if (throws === 'unfit') return { events: undefined, heaviest: 'much' };
          return { events: withOne(row, 'events', id).sort(), heaviest: Math.max(by, Number(row?.['heaviest'] ?? 0)) };
        },
      },
      {
        table: LETTERS,
        key: [source, name.slice(0, 1)],
        reduce: (row) => ({ names: withOne(row, 'names', name).sort() }),
      },
    ]);
  },
};

/** Rows of both tables as these events make them: `table name: members`, sorted. */
export function expectedMembers(
  events: readonly { readonly id: string; readonly names: readonly string[] }[],
): string[] {
  const rows = new Map<string, Set<string>>();
  const add = (row: string, member: string) => rows.set(row, (rows.get(row) ?? new Set()).add(member));
  for (const { id, names } of events) {
    for (const name of names) add(`test_members ${name}`, id);
    for (const name of names) add(`test_letters ${name.slice(0, 1)}`, name);
  }
  return [...rows].map(([row, members]) => `${row}: ${[...members].sort().join(' ')}`).sort();
}

/** The rows that there are, in the same form. */
export const READ_MEMBERS = `
SELECT 'test_members ' || name || ': ' ||
       (SELECT string_agg(e, ' ' ORDER BY e COLLATE "C") FROM jsonb_array_elements_text(events) AS e) AS row FROM test_members
UNION ALL
SELECT 'test_letters ' || letter || ': ' ||
       (SELECT string_agg(n, ' ' ORDER BY n COLLATE "C") FROM jsonb_array_elements_text(names) AS n) FROM test_letters`;
