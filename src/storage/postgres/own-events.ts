/** Events of the gateway's own, written within the transaction of what they tell of: either both are there or neither. */
import type pg from 'pg';
import { type OwnEvent, ownRequest } from '../../core/own-event.ts';
import { APPEND, appendValues } from './event-store.ts';

export async function writeOwnEvents(client: pg.ClientBase, events: readonly OwnEvent[]): Promise<void> {
  if (events.length > 0) await client.query({ text: APPEND, values: appendValues(events.map(ownRequest)) });
}
