/**
 * A projector for tests of dispatch: it counts, so that an event applied twice or not at all shows in the sums, and its events
 * say in their payload which rows they touch and whether they fail.
 */
import pg from 'pg';
import type { ProjectionTable, Projector, Touch } from '../../src/core/projection.ts';
import { rowId } from '../../src/core/row-id.ts';
import { connectionConfig } from '../../src/storage/postgres/connection.ts';
import { createEventStore } from '../../src/storage/postgres/event-store.ts';

export const COUNTERS: ProjectionTable = {
  name: 'test_counters',
  key: ['source', 'name'],
  columns: { hits: 'bigint', last_event: 'text' },
};

/** Every type of column. `doubled` overflows on the server only, where nobody here can know it. */
export const SHAPES: ProjectionTable = {
  name: 'test_shapes',
  key: ['source'],
  columns: { words: 'text', yes: 'boolean', amount: 'bigint', at: 'timestamptz', tree: 'jsonb' },
};

export const TEST_TABLES = `
  CREATE TABLE test_counters (
    source text COLLATE "C", name text COLLATE "C", hits bigint CHECK (hits < 1000000), last_event text,
    updated_at timestamptz NOT NULL, PRIMARY KEY (source, name));
  CREATE TABLE test_shapes (
    source text COLLATE "C" PRIMARY KEY, words text, yes boolean, amount bigint, at timestamptz, tree jsonb,
    updated_at timestamptz NOT NULL)`;

/** What a test's event does. */
export interface CountingPayload {
  /** Counters that go up by one. */
  readonly counters?: readonly string[];
  /** By so much in place of one. A million or more is refused by PostgreSQL. */
  readonly by?: number;
  readonly throws?: 'project' | 'reduce' | 'unfit';
  readonly shape?: Readonly<Record<string, unknown>>;
}

export const countingProjector: Projector = {
  tables: [COUNTERS, SHAPES],
  project({ id, source, payload }) {
    const { counters = [], by = 1, throws, shape } = payload as CountingPayload;
    if (throws === 'project') throw new RangeError(`the secret ${JSON.stringify(payload)}`);
    const touches: Touch[] = counters.map((name) => ({
      table: COUNTERS,
      key: [source, name],
      reduce(row) {
        if (throws === 'reduce') throw new TypeError(`the secret ${JSON.stringify(payload)}`);
        if (throws === 'unfit') return { hits: 'many' };
        return { hits: Number(row?.['hits'] ?? 0) + by, last_event: id };
      },
    }));
    if (shape !== undefined) touches.push({ table: SHAPES, key: [source], reduce: (row) => ({ ...row, ...shape }) });
    return touches;
  },
};

export interface TestEvent {
  readonly payload: CountingPayload | null;
  readonly type?: string;
  /** Also the time in its id. Default: now, a millisecond after the one before, since nothing else orders their ids. */
  readonly receivedAt?: Date;
}

/** Stores events as ingest does, each in a request of its own; returns their ids in the order given. */
export async function storeEvents(databaseUrl: string, events: readonly TestEvent[]): Promise<string[]> {
  const config = connectionConfig({
    databaseUrl,
    applicationName: 'test',
    connectTimeoutMs: 5_000,
    queryTimeoutMs: 60_000,
  });
  const pool = new pg.Pool({ ...config, max: 1 });
  const start = Date.now() - events.length;
  const requests = events.map(({ payload, type = 'test.counted', ...more }, index) => {
    const receivedAt = more.receivedAt ?? new Date(start + index);
    const id = idAt(receivedAt);
    const event = {
      id,
      source: 'stripe',
      type,
      dedupeKey: id,
      subject: null,
      occurredAt: null,
      payload: payload === null ? null : JSON.stringify(payload),
    };
    const body = Buffer.from('{}');
    return {
      id: rowId(),
      source: 'stripe',
      provider: 'stripe' as const,
      receivedAt,
      headers: {},
      body,
      secret: 0,
      events: [event],
    };
  });
  try {
    const store = createEventStore(pool, () => undefined);
    for (let at = 0; at < requests.length; at += 1_000) await store.append(requests.slice(at, at + 1_000));
  } finally {
    await pool.end();
  }
  return requests.flatMap(({ events: [event] }) => event?.id ?? []);
}

function idAt(time: Date): string {
  const milliseconds = time.getTime().toString(16).padStart(12, '0');
  return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}${rowId().slice(13)}`;
}
