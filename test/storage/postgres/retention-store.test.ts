/** What is removed and what stays, on a real PostgreSQL. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RetentionStore, RetentionTable } from '../../../src/core/retention.ts';
import { firstIdAt } from '../../../src/core/row-id.ts';
import { REMOVE_EVENTS, REMOVE_REQUESTS } from '../../../src/storage/postgres/retention-statements.ts';
import { createRetentionStore, type RetentionStoreOptions } from '../../../src/storage/postgres/retention-store.ts';
import { createTransactionPool } from '../../../src/storage/postgres/transaction-pool.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDeliveries, addDestination } from '../../support/deliveries.ts';
import { openDispatch } from '../../support/dispatch.ts';
import { alike, storeOldRequests } from '../../support/old-requests.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
let closers: (() => Promise<unknown>)[];
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  closers = [];
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  await database.truncate();
  await database.query('DELETE FROM retention; INSERT INTO retention DEFAULT VALUES');
});

/** As a process of its own has it. */
function open(more: Partial<RetentionStoreOptions> = {}): RetentionStore {
  const pool = createTransactionPool({ databaseUrl: database.url, applicationName: 'test', timeoutMs: 10_000 });
  closers.push(() => pool.close());
  return createRetentionStore({ pool, onTablesMissing: () => undefined, ...more });
}

const DAYS = { events: 400, requests: 30 };

/** Walks to the end. @returns how many were removed, and in how many pages */
async function walk(store: RetentionStore, table: RetentionTable, days = DAYS[table]) {
  const total = { events: 0, requests: 0, pages: 0 };
  for (;;) {
    const batch = await store.removeSome({ table, days }, new Date());
    if (batch === null) throw new Error('another process is at it');
    total.events += batch.events;
    total.requests += batch.requests;
    total.pages++;
    if (batch.done) return total;
  }
}

const ids = async (table: string) =>
  new Set((await database.query(`SELECT id FROM ${table}`)).map(({ id }) => id as string));
const counts = async () =>
  (await database.query('SELECT events_removed::int AS events, requests_removed::int AS requests FROM retention'))[0];
const aDayPasses = () =>
  database.query(`UPDATE retention SET event_round_at = event_round_at - interval '1 day',
                  request_round_at = request_round_at - interval '1 day'`);

test('bytes go when they are old enough, and not before; the events stay', async () => {
  const [young, old] = await storeOldRequests(database.url, [{ ageDays: 29.9 }, { ageDays: 30.1 }]);
  expect(await walk(open(), 'requests')).toMatchObject({ events: 0, requests: 1 });
  expect(await ids('webhook_requests')).toEqual(new Set([young?.id]));
  expect(await ids('events')).toEqual(new Set([...(young?.eventIds ?? []), ...(old?.eventIds ?? [])]));
  expect(await counts()).toEqual({ events: 0, requests: 1 });
});

test.each([
  ['one of its events is owed', { payloads: [{ a: 1 }, { a: 2 }, { a: 3 }], owed: [2] }],
  ['the payload of one was altered', { payloads: [{ a: 1 }, { a: 2, $altered: true }] }],
  ['one could be given no payload', { payloads: [{ a: 1 }, null] }],
])('bytes stay while %s', async (_, kept) => {
  const [, request] = await storeOldRequests(database.url, [{ ageDays: 31 }, { ageDays: 31, ...kept }]);
  expect(await walk(open(), 'requests')).toMatchObject({ requests: 1 });
  expect(await ids('webhook_requests')).toEqual(new Set([request?.id]));
});

test('what an unfinished delivery needs stays: the bytes, and the events', async () => {
  const destination = await addDestination(database);
  const [event, request, done] = await storeOldRequests(database.url, [
    { ageDays: 401 },
    { ageDays: 401, payloads: [{ a: 1 }, { a: 2 }] },
    { ageDays: 401 },
  ]);
  await addDeliveries(database, destination, [
    { event_id: event?.eventIds[0] ?? null, request_id: event?.id ?? '' },
    { event_id: null, request_id: request?.id ?? '', state: 'sending' },
    { event_id: done?.eventIds[0] ?? null, request_id: done?.id ?? '', state: 'delivered' },
  ]);
  const store = open();
  expect(await walk(store, 'requests')).toMatchObject({ requests: 1 });
  expect(await walk(store, 'events')).toMatchObject({ events: 1, requests: 0 });
  expect(await ids('webhook_requests')).toEqual(new Set([event?.id, request?.id]));
  expect((await ids('events')).size).toBe(3);
  await database.query(`UPDATE deliveries SET state = 'dead'`);
  await aDayPasses();
  await walk(store, 'events');
  await walk(store, 'events');
  expect((await ids('events')).size).toBe(0);
});

test('a member that only contains the word is not the mark of an altered payload', async () => {
  await storeOldRequests(database.url, [{ ageDays: 31, payloads: [{ within: { $altered: true }, note: '$altered' }] }]);
  expect(await walk(open(), 'requests')).toMatchObject({ requests: 1 });
});

test('with its last event a request goes, also one whose bytes were kept; owed and parked events stay', async () => {
  const [altered, parked, young] = await storeOldRequests(database.url, [
    { ageDays: 401, payloads: [{ $altered: true }, { a: 1 }] },
    { ageDays: 401, payloads: [{ a: 1 }, { a: 2 }], owed: [1] },
    { ageDays: 399, payloads: [{ $altered: true }] },
  ]);
  await database.query(`UPDATE event_dispatch SET next_attempt_at = 'infinity'`);
  const store = open();
  expect(await walk(store, 'requests')).toMatchObject({ requests: 0 });
  expect(await walk(store, 'events')).toMatchObject({ events: 3, requests: 1 });
  expect(await ids('events')).toEqual(new Set([parked?.eventIds[1], young?.eventIds[0]]));
  expect(await ids('webhook_requests')).toEqual(new Set([parked?.id, young?.id]));
  expect(await counts()).toEqual({ events: 3, requests: 1 });
  expect(altered?.eventIds).toHaveLength(2);
});

test('a request whose events lie on two pages goes with the last of them', async () => {
  await storeOldRequests(database.url, [{ ageDays: 401, payloads: Array(7).fill({ $altered: true }) }]);
  expect(await walk(open({ pageRows: 3 }), 'events')).toEqual({ events: 7, requests: 1, pages: 3 });
  expect(await ids('webhook_requests')).toEqual(new Set());
});

test('a request is not taken for one that nobody needs because its events are not found beside it', async () => {
  await storeOldRequests(database.url, [{ ageDays: 31 }]);
  // As ids were before they had the millisecond of their request.
  await database.query(`UPDATE events SET id = (overlay(id::text PLACING '1' FROM 13 FOR 1))::uuid`);
  await database.query(`UPDATE events SET id = (overlay(id::text PLACING '2' FROM 12 FOR 1))::uuid`);
  expect(await walk(open(), 'requests')).toMatchObject({ requests: 0 });
});

test('a walk goes on where it was, and begins anew after a day with what was kept back or came late', async () => {
  const [kept] = await storeOldRequests(database.url, [{ ageDays: 40, owed: [0] }, ...alike(5, { ageDays: 35 })]);
  const store = open({ pageRows: 3 });
  expect(await walk(store, 'requests')).toMatchObject({ requests: 5 });
  // Dispatched at last; and one is drained whose place the walk has passed.
  await database.query('DELETE FROM event_dispatch');
  await storeOldRequests(database.url, [{ ageDays: 45 }]);
  expect(await walk(store, 'requests')).toEqual({ events: 0, requests: 0, pages: 1 });
  await aDayPasses();
  expect(await walk(store, 'requests')).toMatchObject({ requests: 0 });
  expect(await walk(store, 'requests')).toMatchObject({ requests: 2 });
  expect((await ids('webhook_requests')).has(kept?.id ?? '')).toBe(false);
});

test('a page ends with the bytes that one transaction may remove, and a large row has one of its own', async () => {
  // What is all alike would be compressed to next to nothing.
  await database.query('ALTER TABLE webhook_requests ALTER body SET STORAGE EXTERNAL');
  await storeOldRequests(database.url, [{ ageDays: 32, bytes: 100_000 }, ...alike(4, { ageDays: 31, bytes: 4_000 })]);
  expect(await walk(open({ pageBytes: 10_000 }), 'requests')).toMatchObject({ requests: 5, pages: 3 });
});

test('a clock that is ahead removes nothing early, be it that of the process or of PostgreSQL', async () => {
  await storeOldRequests(database.url, [{ ageDays: 29 }, { ageDays: 35 }, { ageDays: 41 }]);
  const store = open();
  const requests = { table: 'requests', days: 30 } as const;
  // To whom PostgreSQL's clock is ahead.
  const behind = new Date(Date.now() - 10 * 86_400_000);
  expect(await store.removeSome(requests, behind)).toMatchObject({ requests: 1, done: true });
  const ahead = new Date(Date.now() + 100 * 86_400_000);
  expect(await store.removeSome(requests, ahead)).toMatchObject({ requests: 1, done: true });
  expect(await ids('webhook_requests')).toHaveProperty('size', 1);
});

test('while one is at it another gets nothing, in the middle of a page or between two; a minute later it takes over', async () => {
  await storeOldRequests(database.url, alike(6, { ageDays: 31 }));
  const blocker = new pg.Client({ connectionString: database.url });
  await blocker.connect();
  closers.push(() => blocker.end());
  await blocker.query('BEGIN; SELECT FROM webhook_requests FOR UPDATE');
  const [one, other] = [open({ pageRows: 3 }), open({ pageRows: 3 })];
  const walkOf = { table: 'requests', days: 30 } as const;
  const page = one.removeSome(walkOf, new Date());
  await until('the page to wait', async () => (await database.query(WAITING))[0].n === 1);
  expect(await other.removeSome(walkOf, new Date())).toBeNull();
  await blocker.query('COMMIT');
  expect(await page).toMatchObject({ requests: 3 });
  expect(await other.removeSome(walkOf, new Date())).toBeNull();
  await database.query(`UPDATE retention SET leased_until = leased_until - interval '1 minute'`);
  expect(await other.removeSome(walkOf, new Date())).toMatchObject({ requests: 3 });
  expect(await one.removeSome(walkOf, new Date())).toBeNull();
  expect(await counts()).toEqual({ events: 0, requests: 6 });
});
const WAITING = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;

test('an event that a dispatcher holds at the moment is kept, and neither waits for the other', async () => {
  await storeOldRequests(database.url, [{ ageDays: 500, owed: [0] }]);
  const dispatcher = new pg.Client({ connectionString: database.url });
  await dispatcher.connect();
  closers.push(() => dispatcher.end());
  await dispatcher.query('BEGIN; SELECT FROM event_dispatch FOR UPDATE SKIP LOCKED; DELETE FROM event_dispatch');
  const store = open();
  expect(await walk(store, 'events')).toMatchObject({ events: 0, requests: 0 });
  expect(await walk(store, 'requests')).toMatchObject({ requests: 0 });
  await dispatcher.query('COMMIT');
  await aDayPasses();
  await walk(store, 'events');
  expect(await walk(store, 'events')).toMatchObject({ events: 1, requests: 1 });
});

test('a mark whose event was removed by force is cleared by dispatch', async () => {
  await storeOldRequests(database.url, [{ ageDays: 500, owed: [0] }]);
  await database.query('DELETE FROM events');
  const place = openDispatch(database.url);
  closers.push(() => place.close());
  await place.options.store.project({ events: 10, bytes: 1_000, liveSince: new Date(), except: [] }, () => ({
    tables: [],
    failures: [],
    deliveries: [],
    assertReduced: () => undefined,
  }));
  expect(await database.query('SELECT FROM event_dispatch')).toEqual([]);
});

test('an emptied table of its own does not end retention', async () => {
  await storeOldRequests(database.url, [{ ageDays: 31 }]);
  await database.query('DELETE FROM retention');
  const store = open();
  expect(await store.removeSome({ table: 'requests', days: 30 }, new Date())).toBeNull();
  expect(await walk(store, 'requests')).toMatchObject({ requests: 1 });
});

test('tells of missing tables, and nothing of rows', async () => {
  const empty = await createDatabase({ migrated: false });
  closers.push(() => empty.drop());
  const pool = createTransactionPool({ databaseUrl: empty.url, applicationName: 'test', timeoutMs: 10_000 });
  closers.push(() => pool.close());
  let missing = 0;
  const store = createRetentionStore({ pool, onTablesMissing: () => void missing++ });
  await expect(store.removeSome({ table: 'events', days: 400 }, new Date())).rejects.toThrow(
    'PostgreSQL refused (SQLSTATE 42P01)',
  );
  expect(missing).toBe(1);
});

test('a page reads the tables by their primary keys, and no table as a whole', async () => {
  const half = { ageDays: 200, payloads: [{ a: 1 }, { a: 2, $altered: true }] };
  await storeOldRequests(database.url, [...alike(5_000, half), ...alike(5_000, { ageDays: 410 })]);
  await database.query(
    `INSERT INTO deliveries (id, destination_id, request_id, source, provider, type, state, next_attempt_at, received_at, created_at)
     SELECT id, $1::uuid, id, source, provider, 'any', 'delivered', now(), now(), now() FROM webhook_requests`,
    [await addDestination(database)],
  );
  await database.query('ANALYZE');
  const before = new Date(Date.now() - 30 * 86_400_000);
  for (const statement of [REMOVE_REQUESTS, REMOVE_EVENTS]) {
    const values = ['00000000-0000-0000-0000-000000000000', firstIdAt(before), before, 100, 1_000_000];
    const plan = await database.query(`EXPLAIN ${statement}`, values);
    // But for the marks: there are none, and an empty table has no shorter way.
    const scans = plan.map((row) => row['QUERY PLAN']).filter((line) => line.includes('Seq Scan'));
    expect(scans.filter((line) => !line.includes('event_dispatch'))).toEqual([]);
  }
  expect(await walk(open(), 'requests')).toMatchObject({ requests: 5_000, pages: 11 });
});

test('the positions of events that are gone go too, also those before others that are held back', async () => {
  const requests = await storeOldRequests(database.url, [
    { ageDays: 500 },
    { ageDays: 500, payloads: [{ a: 1 }], owed: [0] },
    { ageDays: 500 },
    { ageDays: 1 },
    { ageDays: 1 },
  ]);
  const events = requests.flatMap(({ eventIds }) => eventIds);
  await database.query(
    `INSERT INTO event_positions SELECT place, id FROM unnest($1::uuid[]) WITH ORDINALITY AS o(id, place)`,
    [events],
  );
  const left = async () =>
    (await database.query('SELECT event_id FROM event_positions ORDER BY position')).map((row) => row.event_id);
  const held = requests[1]?.eventIds[0];
  const store = open({ pageRows: 1 });
  await walk(store, 'events');
  const kept = [held, ...requests.slice(3).flatMap(({ eventIds }) => eventIds)];
  expect(await left()).toEqual(kept);
  await database.query('DELETE FROM event_dispatch');
  await aDayPasses();
  await walk(store, 'events');
  await walk(store, 'events');
  expect(await left()).toEqual(kept.slice(1));
  await database.query('DELETE FROM event_positions');
});
