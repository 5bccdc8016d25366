/** Short ways to write Stripe's events, and to read what becomes of them. */
import { createHash } from 'node:crypto';
import type { StoredEvent } from '../../../../src/core/projection.ts';
import { stripe } from '../../../../src/providers/stripe/index.ts';
import { projector } from '../../../../src/providers/stripe/project.ts';
import { type ProjectedTables, projectInMemory, storedEvents } from '../../../support/project-in-memory.ts';

export const ARRIVAL = new Date('2026-11-20T12:00:00Z');
/** 2026-11-20T10:00:00Z in Unix seconds. */
export const TEN = 1_795_168_800;
export const BASIL = '2025-03-31.basil';

type Json = Readonly<Record<string, unknown>>;

export interface EventFields {
  readonly type: string;
  readonly object: Json;
  /** Unix seconds. Default: TEN. */
  readonly created?: number | null;
  readonly previous?: Json;
  /** Default: made of all the other fields. */
  readonly id?: string;
  /** Members of the event itself, such as `account`. */
  readonly also?: Json;
}

/** The whole body, parsed as at ingest and read back. */
export function received(body: Buffer | Json): StoredEvent {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const requestId = '019b5f6a-7c3e-7000-8000-000000000001';
  const [event] = storedEvents(stripe.parse({ body: bytes, requestId, receivedAt: ARRIVAL }), 'stripe', ARRIVAL);
  if (event === undefined) throw new Error('nothing to project');
  return event;
}

export function snapshot({ type, object, created = TEN, previous, id, also }: EventFields): StoredEvent {
  const digest = createHash('sha256').update(JSON.stringify([type, object, created, previous, also]));
  return received({
    id: id ?? `evt_${digest.digest('hex').slice(0, 24)}`,
    object: 'event',
    api_version: BASIL,
    created,
    data: { object, ...(previous === undefined ? {} : { previous_attributes: previous }) },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type,
    ...also,
  });
}

export function project(...events: readonly StoredEvent[]): ProjectedTables {
  return projectInMemory(projector, events);
}

/** The only row of the table, without the whole object and what is kept to choose between events. */
export function onlyRow(table: string, ...events: readonly StoredEvent[]): Record<string, unknown> {
  const [row, ...others] = project(...events).rows(table);
  if (row === undefined || others.length > 0) throw new Error(`${table} has not one row`);
  const { object: _object, recent_events: _recent, ...columns } = row;
  return columns;
}

/** Unix seconds as the time that a column holds. */
export function at(seconds: number): Date {
  return new Date(seconds * 1000);
}
