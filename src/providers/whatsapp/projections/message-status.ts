/** The lattice of statuses: what a message's row says of them is the same in whatever order they come. */
import type { ProjectionRow } from '../../../core/projection.ts';
import { earliest, text, timeIn } from './columns.ts';

/** From low to high. A failure is final for what was only queued or sent; what was delivered did not fail. */
const LADDER: readonly string[] = ['queued', 'sent', 'failed', 'delivered', 'read', 'played'];

/** The statuses that have a column `<status>_at`. `deleted` stands beside the others: it says nothing about delivery. */
const TIMED: ReadonlySet<string> = new Set([...LADDER, 'deleted']);

/** The row after one more status; unknown ones leave it as it is. Each status keeps the earliest time at which it was reached. */
export function raise(row: ProjectionRow, status: string | null, at: Date | null): ProjectionRow {
  if (status === null || !TIMED.has(status)) return row;
  const column = `${status}_at`;
  const next = { ...row, [column]: earliest(timeIn(row, column), at) };
  if (status === 'deleted') return { ...next, deleted: true };
  return { ...next, status: rung(status) > rung(text(row['status'])) ? status : text(row['status']) };
}

function rung(status: string | null): number {
  return status === null ? -1 : LADDER.indexOf(status);
}

/** When the first of its statuses was reached. */
export function firstReached(row: ProjectionRow): Date | null {
  return [...TIMED].map((status) => timeIn(row, `${status}_at`)).reduce(earliest, null);
}
