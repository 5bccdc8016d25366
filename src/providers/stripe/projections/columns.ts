/** How the columns of a table are read from an object. */
import { unixTime } from '../../../core/event-columns.ts';
import { textOf } from '../../../core/identity.ts';
import { type JsonObject, jsonPath, ownAt } from '../../../core/json.ts';
import type { ColumnType, ProjectionRow } from '../../../core/projection.ts';
import { referenceOf } from './snapshot.ts';

export interface Column {
  readonly type: ColumnType;
  /** Null where the object does not say, or says it in another type. */
  readonly read: (object: JsonObject) => unknown;
}

export type Columns = Readonly<Record<string, Column>>;

/** Each takes the paths at which the API's versions have it: the first that is there counts. */
export const text = reader('text', (value) => textOf(value) ?? null);
/** An id, or that of the object expanded in its place. */
export const reference = reader('text', referenceOf);
export const flag = reader('boolean', (value) => (typeof value === 'boolean' ? value : null));
/** An integer: money in the smallest unit of its currency, or a number of something. */
export const integer = reader('bigint', (value) => (Number.isSafeInteger(value) ? value : null));
/** Unix seconds. */
export const time = reader('timestamptz', unixTime);
export const json = reader('jsonb', (value) => value);

export function readColumns(columns: Columns, object: JsonObject): ProjectionRow {
  return Object.fromEntries(Object.entries(columns).map(([name, { read }]) => [name, read(object)]));
}

function reader(type: ColumnType, convert: (value: unknown) => unknown): (...paths: readonly string[]) => Column {
  return (...paths) => {
    const places = paths.map(jsonPath);
    const read = (object: JsonObject): unknown => {
      for (const place of places) {
        const value = ownAt(object, place);
        if (value !== undefined && value !== null) return convert(value);
      }
      return null;
    };
    return { type, read };
  };
}
