/** The ingest statement is prepared under a name once for each connection. What if the server has other ideas by then? */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { VerifiedRequest } from '../../../src/core/event.ts';
import type { EventStore } from '../../../src/core/ports.ts';
import { rowId } from '../../../src/core/row-id.ts';
import { createEventStore } from '../../../src/storage/postgres/event-store.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';

/** More than the five executions after which the server makes a plan to keep. */
const ENOUGH_FOR_A_PLAN = 7;

let database: TestDatabase;
let pool: pg.Pool;
let store: EventStore;
let missing: number;

const pools: pg.Pool[] = [];

beforeEach(async () => {
  database = await createDatabase();
  missing = 0;
  open(1);
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((one) => one.end()));
  await database.drop();
});

/** A store with connections of its own, as a process has when it starts. */
function open(connections: number): void {
  pool = new pg.Pool({ connectionString: database.url, max: connections });
  pools.push(pool);
  store = createEventStore(pool, () => missing++);
}

/** As many connections as the pool may have, each after this statement. */
async function onEveryConnection(sql: string): Promise<void> {
  const clients = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()));
  for (const client of clients) {
    await client.query(sql);
    client.release();
  }
}

function request(): VerifiedRequest {
  const event = { id: rowId(), source: 'stripe', type: 'a.b', dedupeKey: `evt_${randomUUID()}`, payload: '{"a":1}' };
  return {
    id: rowId(),
    source: 'stripe',
    provider: 'stripe',
    receivedAt: new Date(),
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{}'),
    secret: 0,
    events: [{ ...event, subject: null, occurredAt: new Date() }],
  };
}

/** Appends that many, one after the other; true if the store said of each that it was new. */
async function appendSome(count: number): Promise<boolean> {
  let allNew = true;
  for (let done = 0; done < count; done++) allNew &&= (await store.append([request()])).size === 1;
  return allNew;
}

const stored = async () => {
  const [row] = await database.query<{ requests: number; events: number; marks: number }>(
    `SELECT (SELECT count(*)::int FROM webhook_requests) AS requests, (SELECT count(*)::int FROM events) AS events,
            (SELECT count(*)::int FROM event_dispatch) AS marks`,
  );
  return row;
};
const pidOf = async () => (await pool.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
const namesOf = async () => (await pool.query('SELECT name FROM pg_prepared_statements')).rows.map(({ name }) => name);

test('it is prepared once, under a name, and the connection is kept', async () => {
  const pid = await pidOf();
  expect(await appendSome(ENOUGH_FOR_A_PLAN)).toBe(true);
  expect(await namesOf()).toEqual([expect.stringMatching(/^append_[0-9a-f]{16}$/)]);
  expect(await pidOf()).toBe(pid);
});

test('dropped behind our back, it is sent again at once, stored once, and from then on without a name', async () => {
  await appendSome(1);
  await pool.query('DEALLOCATE ALL');
  const lost = request();
  expect(await store.append([lost])).toEqual(new Set([lost.events[0]?.id]));
  expect(await stored()).toEqual({ requests: 2, events: 2, marks: 2 });
  expect(await store.append([lost])).toEqual(new Set());
  expect(await appendSome(2)).toBe(true);
  expect(await namesOf()).toEqual([]);
  expect(await stored()).toEqual({ requests: 4, events: 4, marks: 4 });
  expect(missing).toBe(0);
});

test('prepared by somebody else under its name, it is sent without one', async () => {
  await appendSome(1);
  const [name] = await namesOf();
  open(1);
  await pool.query(`PREPARE ${name} AS SELECT 1`);
  expect(await appendSome(2)).toBe(true);
  expect(await stored()).toEqual({ requests: 3, events: 3, marks: 3 });
});

test('two that are under way when it is lost are both stored', async () => {
  open(2);
  await onEveryConnection('SELECT 1');
  await Promise.all([appendSome(1), appendSome(1)]);
  await onEveryConnection('DEALLOCATE ALL');
  expect(await Promise.all([appendSome(1), appendSome(1)])).toEqual([true, true]);
  expect(await stored()).toEqual({ requests: 4, events: 4, marks: 4 });
});

test.each([
  ['dropped and made anew', ['webhook_requests', 'events', 'event_dispatch'].map(madeAnew).join(';')],
  ['renamed away for others', ['webhook_requests', 'events', 'event_dispatch'].map(replaced).join(';')],
  ['given a column more', 'ALTER TABLE events ADD COLUMN extra int; ALTER TABLE webhook_requests ADD COLUMN extra int'],
])('tables %s are appended to over the same connection', async (_name, change) => {
  expect(await appendSome(ENOUGH_FOR_A_PLAN)).toBe(true);
  const pid = await pidOf();
  await database.query(change);
  const before = await stored();
  expect(await appendSome(2)).toBe(true);
  const grown = Object.entries(before ?? {}).map(([table, rows]) => [table, rows + 2]);
  expect(await stored()).toEqual(Object.fromEntries(grown));
  expect([await pidOf(), missing]).toEqual([pid, 0]);
});

function replaced(table: string): string {
  return `ALTER TABLE ${table} RENAME TO old_${table}; CREATE TABLE ${table} (LIKE old_${table} INCLUDING ALL)`;
}

function madeAnew(table: string): string {
  return `${replaced(table)}; DROP TABLE old_${table}`;
}
