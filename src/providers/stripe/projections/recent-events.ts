/** What has been seen of an object, as its row keeps it: in the column `recent_events`, beside the column `object`. */
import type { JsonObject } from '../../../core/json.ts';
import type { ProjectionRow } from '../../../core/projection.ts';
import { NOTHING_SEEN, type ObjectState, type Place } from './object-state.ts';
import type { SeenEvent } from './snapshot.ts';

interface KeptEvent {
  readonly event: string;
  readonly type: string;
  readonly created: number;
  readonly api_version: string | null;
  readonly previous_attributes: JsonObject | null;
  /** Absent: the row's own. An object can be large, and is mostly the only one. */
  readonly object?: JsonObject;
}

interface RecentEvents {
  readonly live: readonly KeptEvent[];
  readonly left_out: Place | null;
  readonly deleted: KeptEvent | null;
  readonly made: { readonly created: number; readonly object_created: number | null } | null;
}

/** `shown`: the event whose object is in the column `object`. */
export function keepEvents({ live, leftOut, deleted, made }: ObjectState, shown: SeenEvent): RecentEvents {
  return {
    live: live.map((seen) => keep(seen, shown)),
    left_out: leftOut === null ? null : { event: leftOut.event, created: leftOut.created },
    deleted: deleted === null ? null : keep(deleted, shown),
    made: made === null ? null : { created: made.created, object_created: made.objectCreated },
  };
}

export function keptEvents(row: ProjectionRow | null): ObjectState {
  if (row === null) return NOTHING_SEEN;
  // Nobody but `keepEvents` writes these columns.
  const { live, left_out, deleted, made } = row['recent_events'] as RecentEvents;
  const shown = row['object'] as JsonObject;
  return {
    live: live.map((kept) => restore(kept, shown)),
    leftOut: left_out,
    deleted: deleted === null ? null : restore(deleted, shown),
    made: made === null ? null : { created: made.created, objectCreated: made.object_created },
  };
}

function keep(seen: SeenEvent, shown: SeenEvent): KeptEvent {
  const { event, type, created, apiVersion, previous, object } = seen;
  const kept = { event, type, created, api_version: apiVersion, previous_attributes: previous };
  return seen === shown ? kept : { ...kept, object };
}

function restore(kept: KeptEvent, shown: JsonObject): SeenEvent {
  return {
    event: kept.event,
    type: kept.type,
    created: kept.created,
    apiVersion: kept.api_version,
    previous: kept.previous_attributes,
    object: kept.object ?? shown,
  };
}
