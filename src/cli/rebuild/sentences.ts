/** What `npm run rebuild` says. */
import type { RebuildScope, RebuildSurvey, UnfinishedRebuild } from '../../core/rebuild.ts';
import type { Projectors } from '../../dispatch/project-batch.ts';
import { namesOf } from '../../rebuild/scope.ts';

export const count = (number: number) => number.toLocaleString('en');
export const events = (number: number) => `${count(number)} ${number === 1 ? 'event' : 'events'}`;

/** For instance `stripe, whatsapp_messages from 2026-11-20T00:00:00.000Z`. */
export function describeScope(tables: readonly string[], from: Date | null, projectors: Projectors): string {
  const names = namesOf(tables, projectors).join(', ') || 'all projections';
  return from === null ? names : `${names} from ${from.toISOString()}`;
}

export function describeUnfinished({ tables, from, startedAt, eventsRead }: UnfinishedRebuild, projectors: Projectors) {
  return `${describeScope(tables, from, projectors)} (begun at ${startedAt.toISOString()}, ${events(eventsRead)} read)`;
}

/** Why it cannot begin, and the way out. */
export const REFUSALS = {
  held: (what: string, leaseMs: number) =>
    `Another process is at work on a rebuild of ${what}. If it was killed, try again in ${Math.ceil(leaseMs / 1000)} s.`,
  other: (what: string) =>
    `A rebuild of ${what} is not finished. Run it again with its own arguments to go on with it, or add --restart to forget it and begin this one, which must have at least its tables if it has emptied them.`,
  uncovered: (what: string) =>
    `The rebuild of ${what} has emptied its tables and not filled them again, so it cannot be forgotten for this one: run it again with its own arguments, or with --restart and at least its tables.`,
} as const;

export function loss(removed: number): string {
  return `Retention has removed ${events(removed)} for good. A rebuild is made of those that are left, so rows that only removed events told of would vanish, and others may lose what only those said.`;
}

/** The tables of a scope in columns: the lines. */
export function surveyTable({ tables }: RebuildSurvey, { from }: RebuildScope): string[] {
  const head = ['table', 'rows now', ...(from === null ? ['would vanish'] : [])];
  const lines = tables.map(({ name, rows, vanishing }) => [
    name,
    count(rows),
    ...(from === null ? [count(vanishing)] : []),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)));
  return [head, ...lines].map(
    (line) => `  ${line.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join('  ')}`,
  );
}

const pad = (cell: string, width: number, column: number) => (column === 0 ? cell.padEnd(width) : cell.padStart(width));
