/**
 * Which events there were of which object: one small row each, also for those that came too late to change the object's
 * state, and for thin events, which say no more than that there is something to fetch.
 */
import { ABSENT, textOf } from '../../../core/identity.ts';
import { isObject, own } from '../../../core/json.ts';
import type { ProjectionTable, StoredEvent, Touch } from '../../../core/projection.ts';
import { keyPart, modeOf, referenceOf, type Snapshot } from './snapshot.ts';

export const history: ProjectionTable = {
  name: 'stripe_object_events',
  // The object first: its history is one range of the primary key.
  key: ['source', 'object_id', 'event'],
  columns: {
    object_type: 'text',
    account: 'text',
    livemode: 'text',
    event_type: 'text',
    api_version: 'text',
    occurred_at: 'timestamptz',
    received_at: 'timestamptz',
    to_fetch: 'boolean',
  },
};

export function snapshotInHistory(event: StoredEvent, snapshot: Snapshot): Touch {
  const { objectId, objectType, account, livemode, seen } = snapshot;
  return touch(event, objectId, {
    object_type: objectType,
    account,
    livemode,
    api_version: seen.apiVersion,
    to_fetch: false,
  });
}

export function thinInHistory(event: StoredEvent): Touch {
  const related = own(event.payload, 'related_object');
  const context = own(event.payload, 'context');
  return touch(event, referenceOf(related) ?? ABSENT, {
    object_type: keyPart(isObject(related) ? own(related, 'type') : null),
    account: keyPart(typeof context === 'string' ? context : null),
    livemode: modeOf(event.payload),
    api_version: textOf(own(event.payload, 'api_version')) ?? null,
    to_fetch: true,
  });
}

function touch(event: StoredEvent, objectId: string, columns: Readonly<Record<string, unknown>>): Touch {
  const row = {
    ...columns,
    event_type: event.type,
    occurred_at: event.occurredAt,
    received_at: event.receivedAt,
  };
  return { table: history, key: [event.source, objectId, event.dedupeKey], reduce: (present) => present ?? row };
}
