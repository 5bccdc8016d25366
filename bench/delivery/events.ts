/** The events whose deliveries are measured: really posted to the daemon and stored by it, and their bodies for those who have no database. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { ProviderName } from '../../src/core/event.ts';
import { deliveryBody } from '../../src/delivery/body.ts';
import { origins } from '../../src/providers/index.ts';
import type { Bench } from '../measurement.ts';
import { type Stores, startGateway } from '../rivals/rival.ts';
import { takeTurn } from '../turn.ts';

const SECONDS = 3;

interface EventRow {
  readonly id: string;
  readonly source: string;
  readonly provider: ProviderName;
  readonly type: string;
  readonly dedupe_key: string;
  readonly subject: string | null;
  readonly occurred_at: Date | null;
  readonly received_at: Date;
  readonly payload: string;
}

export interface StoredEvents {
  readonly count: number;
  /** A file with a line for each event: the body of its delivery in the format `event`, byte by byte what the daemon sends. */
  readonly bodies: string;
  /** Of all bodies together. */
  readonly bytes: number;
  remove(): Promise<void>;
}

/** Leaves exactly so many events in the database, of which none is owed to be dispatched. */
export async function storeEvents(bench: Bench, stores: Stores, count: number): Promise<StoredEvents> {
  const client = new pg.Client({ connectionString: stores.databaseUrl });
  const ingest = await startGateway(stores);
  await client.connect();
  try {
    for (let stored = 0; stored < count; ) {
      const rate = Math.ceil(count / SECONDS);
      await takeTurn(bench, ingest, { seconds: SECONDS, rate, prepare: rate * 1.1 });
      const { rows } = await client.query<{ stored: number }>('SELECT count(*)::int AS stored FROM events');
      stored = rows[0]?.stored ?? 0;
    }
    await client.query('TRUNCATE event_dispatch');
    await client.query('DELETE FROM events WHERE id NOT IN (SELECT id FROM events ORDER BY id LIMIT $1)', [count]);
    await client.query('VACUUM ANALYZE');
    const { rows } = await client.query<EventRow>('SELECT *, payload::text AS payload FROM events ORDER BY id');
    const lines = rows.map(bodyOf);
    const directory = await mkdtemp(join(tmpdir(), 'gateway-bench-'));
    const bodies = join(directory, 'bodies.jsonl');
    await writeFile(bodies, lines.join('\n'));
    return {
      count,
      bodies,
      bytes: lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0),
      remove: () => rm(directory, { recursive: true }),
    };
  } finally {
    await client.end();
    await ingest.close();
  }
}

function bodyOf({ source, provider, received_at: receivedAt, ...row }: EventRow): string {
  const { id, type, dedupe_key: dedupeKey, subject, occurred_at: occurredAt, payload } = row;
  const event = { id, type, dedupeKey, subject, occurredAt, payload };
  const content = { source, provider, receivedAt, event, request: null, destination: { format: 'event' } } as const;
  const body = deliveryBody(content, origins[provider]);
  if (body === null) throw new Error('an event of the bench has no body');
  return body.bytes.toString();
}
