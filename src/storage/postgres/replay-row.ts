/** A row of `replays`: what was ordered, and how far it is. */
import type { JsonObject } from '../../core/json.ts';
import type { ReplayOrder, ReplayScope, ReplayState, ReplaySummary } from '../../core/replay.ts';
import { millisecondOf } from '../../core/row-id.ts';

export const REPLAY_COLUMNS = `
  id, state, created_by, destination_ids, event_ids, sources, types, condition, received_from, received_to, ignore_filter,
  rate_per_second, cursor, scanned::float8 AS scanned, matched::float8 AS matched, owed::float8 AS owed, error, created_at,
  finished_at`;

export interface ReplayRow {
  readonly id: string;
  readonly state: ReplayState;
  readonly created_by: string;
  readonly destination_ids: readonly string[] | null;
  /** In order, no two alike. Null: by filter and time. */
  readonly event_ids: readonly string[] | null;
  readonly sources: readonly string[] | null;
  readonly types: readonly string[];
  readonly condition: JsonObject | null;
  readonly received_from: Date | null;
  readonly received_to: Date | null;
  readonly ignore_filter: boolean;
  readonly rate_per_second: number | null;
  readonly cursor: string | null;
  readonly scanned: number;
  readonly matched: number;
  readonly owed: number;
  readonly error: string | null;
  readonly created_at: Date;
  readonly finished_at: Date | null;
}

export function toOrder(row: ReplayRow): ReplayOrder {
  return {
    id: row.id,
    scope: scopeOf(row),
    destinationIds: row.destination_ids,
    ignoreFilter: row.ignore_filter,
    ratePerSecond: row.rate_per_second,
  };
}

export function toSummary(row: ReplayRow): ReplaySummary {
  return {
    ...toOrder(row),
    state: row.state,
    createdBy: row.created_by,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
    scanned: row.scanned,
    matched: row.matched,
    owed: row.owed,
    progress: progressOf(row),
    error: row.error,
  };
}

function scopeOf(row: ReplayRow): ReplayScope {
  const { event_ids: eventIds, sources, types, condition, received_from: from, received_to: to } = row;
  if (eventIds !== null) return { kind: 'events', eventIds };
  return { kind: 'filter', filter: { sources, types, condition }, from: from ?? new Date(0), to: to ?? new Date(0) };
}

function progressOf({ cursor, event_ids: eventIds, received_from: from, received_to: to }: ReplayRow): number {
  if (cursor === null) return 0;
  if (eventIds !== null) return eventIds.filter((id) => id <= cursor).length / eventIds.length;
  const [begin, end] = [from?.getTime() ?? 0, to?.getTime() ?? 0];
  return Math.min(1, Math.max(0, (millisecondOf(cursor) - begin) / (end - begin)));
}
