/** Requests of long ago, stored as ingest stores them, with ids of their own time. */
import pg from 'pg';
import type { VerifiedRequest } from '../../src/core/event.ts';
import { UNKNOWN } from '../../src/core/event-columns.ts';
import { eventRowId, firstIdAt, rowId } from '../../src/core/row-id.ts';
import { connectionConfig } from '../../src/storage/postgres/connection.ts';
import { createEventStore } from '../../src/storage/postgres/event-store.ts';

const DAY = 86_400_000;

export interface OldRequest {
  readonly ageDays: number;
  /** One event for each, in this order; default: a single complete one. Null: an event without payload. */
  readonly payloads?: readonly (object | null)[];
  /** Positions of the events that are not dispatched. Default: all of them are. */
  readonly owed?: readonly number[];
  readonly bytes?: number;
}

export interface StoredRequest {
  readonly id: string;
  readonly eventIds: readonly string[];
}

export async function storeOldRequests(databaseUrl: string, old: readonly OldRequest[]): Promise<StoredRequest[]> {
  const config = connectionConfig({
    databaseUrl,
    applicationName: 'test',
    connectTimeoutMs: 5_000,
    queryTimeoutMs: 60_000,
  });
  const pool = new pg.Pool({ ...config, max: 1 });
  const requests = old.map(requestOf);
  try {
    const store = createEventStore(pool, () => undefined);
    for (let at = 0; at < requests.length; at += 1_000) await store.append(requests.slice(at, at + 1_000));
    const dispatched = requests.flatMap(({ events }, index) =>
      events.filter((_, position) => !old[index]?.owed?.includes(position)).map(({ id }) => id),
    );
    await pool.query('DELETE FROM event_dispatch WHERE event_id = ANY ($1)', [dispatched]);
  } finally {
    await pool.end();
  }
  return requests.map(({ id, events }) => ({ id, eventIds: events.map((event) => event.id) }));
}

/** So many alike. */
export function alike(count: number, old: OldRequest): OldRequest[] {
  return Array.from({ length: count }, () => old);
}

function requestOf({ ageDays, payloads = [{ id: 'evt' }], bytes = 2 }: OldRequest): VerifiedRequest {
  const receivedAt = new Date(Date.now() - ageDays * DAY);
  const id = firstIdAt(receivedAt).slice(0, 14) + rowId().slice(14);
  const events = payloads.map((payload) => ({
    id: eventRowId(id),
    source: 'stripe',
    // No projection knows it.
    type: UNKNOWN,
    dedupeKey: `evt_${rowId()}`,
    subject: null,
    occurredAt: null,
    payload: payload === null ? null : JSON.stringify(payload),
  }));
  const body = Buffer.alloc(bytes, 'x');
  return { id, source: 'stripe', provider: 'stripe', receivedAt, headers: {}, body, secret: 0, events };
}
