/** From a Stripe event to the rows it touches: its object's, and one of the object's history. */
import { own } from '../../core/json.ts';
import type { Projector, StoredEvent, Touch } from '../../core/projection.ts';
import { snapshotInHistory, thinInHistory } from './projections/history.ts';
import { readSnapshot } from './projections/snapshot.ts';
import { tableOf, tables } from './projections/tables.ts';

export const projector: Projector = { tables, project };

function project(event: StoredEvent): readonly Touch[] {
  if (own(event.payload, 'object') === 'v2.core.event') return [thinInHistory(event)];
  const snapshot = readSnapshot(event);
  return [tableOf(snapshot).touch(event.source, snapshot), snapshotInHistory(event, snapshot)];
}
