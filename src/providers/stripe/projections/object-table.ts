/** A table with one row for each object of a kind, in the state that its events tell. */
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../../../core/json.ts';
import type { ColumnType, ProjectionRow, ProjectionTable, Touch } from '../../../core/projection.ts';
import { type Columns, readColumns, time } from './columns.ts';
import { afterCreation, type Rank } from './life-cycle.ts';
import { currentState, type Life, withEvent } from './object-state.ts';
import { keepEvents, keptEvents } from './recent-events.ts';
import type { SeenEvent, Snapshot } from './snapshot.ts';

export interface ObjectTable {
  readonly table: ProjectionTable;
  /** The row of the event's object. `source`: that of the event. */
  touch(source: string, snapshot: Snapshot): Touch;
}

interface ObjectTableOptions {
  readonly name: string;
  /** What is read from the object in its present state. */
  readonly columns: Columns;
  /** Default: an object's life has no course but for its creation and deletion. */
  readonly rank?: Rank;
  /** For objects of any type, and such as have no id: `type` is in the key, and all of the object counts as its state. */
  readonly anyType?: boolean;
  readonly memory?: Memory;
}

/** What a row keeps of all events, whichever of them gives the state. */
export interface Memory {
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Columns of the next row, in place of what is read from its object. `row`: the present one; `shown`: the next one's object. */
  remember(row: ProjectionRow | null, seen: SeenEvent, shown: JsonObject): ProjectionRow;
}

/** Beside what is read from the object. */
const OF_EVERY_OBJECT: Readonly<Record<string, ColumnType>> = {
  deleted: 'boolean',
  needs_refetch: 'boolean',
  api_version: 'text',
  state_event: 'text',
  state_type: 'text',
  state_at: 'timestamptz',
  object: 'jsonb',
  recent_events: 'jsonb',
};

/** Their ids are chosen by whoever makes them. The price of a plan has the plan's id, and is made again together with it. */
const MADE_AGAIN: ReadonlySet<string> = new Set(['coupon', 'plan', 'price', 'product']);

export function objectTable(options: ObjectTableOptions): ObjectTable {
  const { name, rank = afterCreation, anyType = false, memory } = options;
  const columns: Columns = { ...options.columns, created_at: time('created') };
  const types = Object.fromEntries(Object.entries(columns).map(([column, { type }]) => [column, type]));
  const table: ProjectionTable = {
    name,
    // The id early, since that is what people look for.
    key: ['source', ...(anyType ? ['type'] : []), 'id', 'account', 'livemode'],
    columns: { ...types, ...memory?.columns, ...OF_EVERY_OBJECT },
  };
  const same = anyType
    ? (one: SeenEvent, other: SeenEvent) => isDeepStrictEqual(one.object, other.object)
    : (one: SeenEvent, other: SeenEvent) =>
        isDeepStrictEqual(readColumns(columns, one.object), readColumns(columns, other.object));
  return {
    table,
    touch(source, { seen, account, livemode, objectType, objectId, hasId }) {
      const life = { rank, same, canBeMadeAgain: !hasId || MADE_AGAIN.has(objectType) };
      return {
        table,
        key: [source, ...(anyType ? [objectType] : []), objectId, account, livemode],
        reduce: (row) => nextRow(row, seen, life, columns, memory),
      };
    },
  };
}

function nextRow(
  row: ProjectionRow | null,
  seen: SeenEvent,
  life: Life,
  columns: Columns,
  memory: Memory | undefined,
): ProjectionRow {
  const state = withEvent(keptEvents(row), seen);
  const { from, shown, deleted, doubtful } = currentState(state, life);
  const next = {
    ...readColumns(columns, shown.object),
    ...memory?.remember(row, seen, shown.object),
    deleted,
    needs_refetch: doubtful,
    api_version: from.apiVersion,
    state_event: from.event,
    state_type: from.type,
    state_at: from.created === 0 ? null : new Date(from.created * 1000),
    object: shown.object,
    recent_events: keepEvents(state, shown),
  };
  // An event seen before, or one too old to matter, changes nothing: then nothing is written.
  return row !== null && isDeepStrictEqual(next, row) ? row : next;
}
