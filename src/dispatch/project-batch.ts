/**
 * From the events of a batch to the rows that they touch: the pure part of dispatch.
 *
 * An event fails alone. If it throws before rows are looked at, none of its touches count; if it throws when it is applied to
 * a row, the batch is made anew without it, because its neighbours have been applied to rows beside it by then.
 */
import {
  type OwedEvent,
  type ProjectedBatch,
  type ProjectionFailure,
  ReductionError,
  type TouchedRow,
  type TouchedTable,
} from '../core/dispatch.ts';
import type { ProviderName } from '../core/event.ts';
import { UNKNOWN } from '../core/event-columns.ts';
import type { ProjectionRow, ProjectionTable, Projector, StoredEvent, Touch } from '../core/projection.ts';
import { failureOf } from './retry-schedule.ts';
import { checkKey, checkRow, UnfitRow } from './row-check.ts';

export type Projectors = Readonly<Partial<Record<ProviderName, Projector>>>;

export interface ProjectBatchOptions {
  readonly projectors: Projectors;
  /** Event id to the reason, of those that failed when the batch was made before. */
  readonly faults: ReadonlyMap<string, string>;
  /** Milliseconds before each further attempt. */
  readonly retryDelays: readonly number[];
}

/** One event's share in a row. */
interface Step {
  readonly eventId: string;
  readonly reduce: Touch['reduce'];
}

interface RowSteps {
  readonly key: readonly string[];
  readonly steps: Step[];
}

type Tables = Map<string, { readonly table: ProjectionTable; readonly rows: Map<string, RowSteps> }>;

export function projectBatch(events: readonly OwedEvent[], options: ProjectBatchOptions): ProjectedBatch {
  const { projectors, faults, retryDelays } = options;
  const tables: Tables = new Map();
  const failures: ProjectionFailure[] = [];
  for (const event of [...events].sort((a, b) => compare(a.id, b.id))) {
    const error = faults.get(event.id) ?? addTouches(tables, event, projectors);
    if (error === null) continue;
    failures.push(failureOf({ eventId: event.id, attempts: event.attempts }, error, retryDelays));
  }
  const thrown = new Map<string, string>();
  return {
    tables: sortedTables(tables, thrown),
    failures,
    assertReduced() {
      if (thrown.size > 0) throw new ReductionError(thrown);
    },
  };
}

/** True if there is something to project; the rest is dispatched as it is. */
export function isProjected(event: OwedEvent, projectors: Projectors): event is OwedEvent & StoredEvent {
  const { payload, type, provider } = event;
  return payload !== null && type !== UNKNOWN && projectors[provider] !== undefined;
}

/** What went wrong, or null. */
function addTouches(tables: Tables, event: OwedEvent, projectors: Projectors): string | null {
  if (!isProjected(event, projectors)) return null;
  let touches: readonly Touch[];
  try {
    touches = projectors[event.provider]?.project(event) ?? [];
    for (const { table, key } of touches) checkKey(table, key);
  } catch (error) {
    return describeFault(error);
  }
  for (const { table, key, reduce } of touches) rowSteps(tables, table, key).steps.push({ eventId: event.id, reduce });
  return null;
}

function rowSteps(tables: Tables, table: ProjectionTable, key: readonly string[]): RowSteps {
  let touched = tables.get(table.name);
  if (touched === undefined) {
    touched = { table, rows: new Map() };
    tables.set(table.name, touched);
  }
  const name = key.join('\0');
  let row = touched.rows.get(name);
  if (row === undefined) {
    row = { key, steps: [] };
    touched.rows.set(name, row);
  }
  return row;
}

function sortedTables(tables: Tables, thrown: Map<string, string>): TouchedTable[] {
  return [...tables.values()]
    .sort((a, b) => compare(a.table.name, b.table.name))
    .map(({ table, rows }) => ({
      table,
      rows: [...rows].sort(([a], [b]) => compare(a, b)).map(([, row]) => touchedRow(table, row, thrown)),
    }));
}

function touchedRow(table: ProjectionTable, { key, steps }: RowSteps, thrown: Map<string, string>): TouchedRow {
  return {
    key,
    next(row) {
      let next: ProjectionRow | null = row;
      for (const { eventId, reduce } of steps) {
        try {
          const reduced = reduce(next);
          checkRow(table, reduced);
          next = reduced;
        } catch (error) {
          thrown.set(eventId, describeFault(error));
        }
      }
      return next ?? {};
    },
  };
}

/** Where it was thrown, and not the message: that may quote the payload. */
function describeFault(error: unknown): string {
  if (error instanceof UnfitRow) return error.message;
  if (!(error instanceof Error)) return 'something was thrown that is no error';
  const frame = /^\s+at .*$/m.exec(error.stack ?? '')?.[0] ?? '';
  const place = /([^/\\(\s]+:\d+):\d+\)?$/.exec(frame)?.[1];
  return place === undefined ? error.constructor.name : `${error.constructor.name} at ${place}`;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
