/** The projection store on a real PostgreSQL: one transaction for a batch, and workers that share rows. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { BatchError, type OwedEvent } from '../../../src/core/dispatch.ts';
import { Dispatcher } from '../../../src/dispatch/dispatcher.ts';
import { projectBatch } from '../../../src/dispatch/project-batch.ts';
import { readDispatchCounts } from '../../../src/storage/postgres/dispatch-counts.ts';
import { createSharedPrisma } from '../../../src/storage/postgres/prisma.ts';
import { countingProjector, storeEvents, TEST_TABLES } from '../../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { type DispatchPlace, openDispatch } from '../../support/dispatch.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
let places: DispatchPlace[];
beforeAll(async () => {
  database = await createDatabase();
  await database.query(TEST_TABLES);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  await database.query('DELETE FROM test_counters; DELETE FROM test_shapes');
  places = [];
});
afterEach(() => Promise.all(places.map((place) => place.close())));

function open(): DispatchPlace {
  const place = openDispatch(database.url);
  places.push(place);
  return place;
}

const project = (events: readonly OwedEvent[]) => ({
  ...projectBatch(events, { projectors: { stripe: countingProjector }, faults: new Map(), retryDelays: [0] }),
  deliveries: [],
});
const due = (more = {}) => ({ events: 500, bytes: 2 ** 30, liveSince: new Date(0), except: [], ...more });
const owed = async () =>
  (await database.query('SELECT event_id FROM event_dispatch ORDER BY 1')).map((row) => row.event_id);
const sums = () => database.query('SELECT name, hits::int AS hits, last_event FROM test_counters ORDER BY name');

test('a batch is projected and its marks are gone; events that touch one row are applied one after the other', async () => {
  const ids = await storeEvents(database.url, [
    { payload: { counters: ['a', 'b'] } },
    { payload: { counters: ['b'] } },
    { payload: null },
  ]);
  const { store } = open().options;
  const events = await store.project(due(), project);
  expect(events.map(({ id }) => id)).toEqual(ids);
  expect(await owed()).toEqual([]);
  expect(await sums()).toEqual([
    { name: 'a', hits: 1, last_event: ids[0] },
    { name: 'b', hits: 2, last_event: ids[1] },
  ]);
  const [later] = await storeEvents(database.url, [{ payload: { counters: ['b', 'c'] } }]);
  await store.project(due(), project);
  expect((await sums()).slice(1)).toEqual([
    { name: 'b', hits: 3, last_event: later },
    { name: 'c', hits: 1, last_event: later },
  ]);
  expect(await store.project(due(), project)).toEqual([]);
});

test('columns of every type come back as they were written, also as nothing', async () => {
  const shape = {
    words: 'añ💶 "quoted" \\ {x,y}',
    yes: false,
    amount: -Number.MAX_SAFE_INTEGER,
    tree: { list: [1, 'zwei', null, { deep: true }], empty: {} },
  };
  const at = new Date('2026-02-03T04:05:06.789Z');
  const seen: unknown[] = [];
  const { store } = open().options;
  const write = async (row: Record<string, unknown>) => {
    await storeEvents(database.url, [{ payload: { shape: {} } }]);
    await store.project(due(), (events) => {
      const batch = project(events);
      const [table] = batch.tables;
      const [touched] = table?.rows ?? [];
      if (table === undefined || touched === undefined) throw new Error('nothing is touched');
      const next = (before: object | null) => {
        seen.push(before);
        return row;
      };
      return { ...batch, tables: [{ ...table, rows: [{ ...touched, next }] }] };
    });
  };
  await write({ ...shape, at });
  await write({});
  await write({ words: 'x' });
  expect(seen).toEqual([null, { ...shape, at }, { words: null, yes: null, amount: null, at: null, tree: null }]);
  const [row] = await database.query('SELECT * FROM test_shapes');
  expect(row).toMatchObject({ source: 'stripe', words: 'x', yes: null, updated_at: expect.any(Date) });
});

test('live events come before the backlog, oldest first, and both within the limit', async () => {
  const hours = (ago: number) => new Date(Date.now() - ago * 3_600_000);
  const [old5, old4, old3] = await storeEvents(
    database.url,
    [5, 4, 3].map((ago) => ({ payload: {}, receivedAt: hours(ago) })),
  );
  const live = await storeEvents(database.url, [{ payload: {} }, { payload: {} }]);
  const { store } = open().options;
  const claim = due({ events: 3, liveSince: hours(1) });
  expect((await store.project(claim, project)).map(({ id }) => id)).toEqual([old5, ...live]);
  expect(await owed()).toEqual([old4, old3]);
  expect(await store.project(due({ events: 3, liveSince: hours(1), except: [old4] }), project)).toHaveLength(1);
  expect(await owed()).toEqual([old4]);
});

test('a batch holds so many bytes of payload, and a single event that has more', async () => {
  // Of random digits, which cannot be compressed away.
  const large = { payload: { counters: ['a'], padding: randomBytes(50_000).toString('hex') } };
  const ids = await storeEvents(database.url, [large, large, large]);
  const { store } = open().options;
  expect((await store.project(due({ bytes: 210_000 }), project)).map(({ id }) => id)).toEqual(ids.slice(0, 2));
  await storeEvents(database.url, [large]);
  expect(await store.project(due({ bytes: 10 }), project)).toHaveLength(1);
  expect(await owed()).toHaveLength(1);
});

test('a failed event keeps its mark, is due later, touches no row, and counts as routed', async () => {
  const ids = await storeEvents(database.url, [
    { payload: { counters: ['a'] } },
    { payload: { counters: ['a'], throws: 'project' } },
  ]);
  const { store } = open().options;
  await store.project(due(), (events) => ({
    ...project(events),
    failures: [{ eventId: ids[1] ?? '', attempts: 1, error: 'Why', retryInMs: 3_600_000 }],
  }));
  const [mark] = await database.query(
    `SELECT event_id, attempts, error, next_attempt_at - now() BETWEEN interval '59 minutes' AND interval '1 hour' AS later, routed_at FROM event_dispatch`,
  );
  expect(mark).toEqual({ event_id: ids[1], attempts: 1, error: 'Why', later: true, routed_at: expect.any(Date) });
  expect(await store.project(due(), project)).toEqual([]);
  expect(await sums()).toMatchObject([{ name: 'a', hits: 1 }]);
});

test('an attempt is counted once, and one that is parked is never due again', async () => {
  const [id = ''] = await storeEvents(database.url, [{ payload: {} }]);
  const { store } = open().options;
  const parked = { eventId: id, attempts: 1, error: 'Why', retryInMs: null };
  await store.fail(parked);
  await store.fail({ ...parked, retryInMs: 0 });
  expect(await database.query('SELECT attempts, next_attempt_at FROM event_dispatch')).toEqual([
    { attempts: 1, next_attempt_at: Number.POSITIVE_INFINITY },
  ]);
  expect(await store.project(due(), project)).toEqual([]);
  const url = { databaseUrl: database.url, applicationName: 'test', connectTimeoutMs: 5_000, queryTimeoutMs: 5_000 };
  const shared = createSharedPrisma(url, 1);
  const receivedAt = new Date(Date.now() - 60_000);
  await storeEvents(database.url, [{ payload: {}, receivedAt }, { payload: {} }]);
  expect(await readDispatchCounts(shared.prisma)).toEqual({ oldest: receivedAt, parked: 1 });
  await shared.close();
});

test('a mark whose event has been removed is removed too', async () => {
  const ids = await storeEvents(database.url, [{ payload: {} }, { payload: { counters: ['a'] } }]);
  await database.query('DELETE FROM events WHERE id = $1', [ids[0]]);
  expect(await open().options.store.project(due(), project)).toHaveLength(1);
  expect(await owed()).toEqual([]);
});

test('what PostgreSQL refuses leaves nothing behind, and the error names the events and no value', async () => {
  const ids = await storeEvents(database.url, [
    { payload: { counters: ['a'] } },
    { payload: { counters: ['b'], by: 5_000_000 } },
  ]);
  const error = await open()
    .options.store.project(due(), project)
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(BatchError);
  expect(error).toMatchObject({ message: 'PostgreSQL refused (SQLSTATE 23514)', cause: { fault: 'data' } });
  expect((error as BatchError).claimed.map(({ eventId }) => eventId)).toEqual(ids);
  expect(await owed()).toEqual(ids);
  expect(await sums()).toEqual([]);
});

test('a missing table is told, and costs nothing but time', async () => {
  await storeEvents(database.url, [{ payload: { counters: ['a'] } }]);
  const place = open();
  await database.query('ALTER TABLE test_counters RENAME TO elsewhere');
  const error = await place.options.store.project(due(), project).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ cause: { fault: 'unavailable' } });
  expect(place.missing()).toBe(1);
  await database.query('ALTER TABLE elsewhere RENAME TO test_counters');
  // The connection was cut: until its session has ended, it holds the mark.
  await until(
    'the event to be projected',
    async () => (await place.options.store.project(due(), project)).length === 1,
  );
});

async function deadlocks(): Promise<number> {
  await database.query('SELECT pg_stat_force_next_flush()').catch(() => undefined);
  const [row] = await database.query(
    'SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()',
  );
  return row?.n ?? -1;
}

test('four workers over the same rows, in every order, made and overwritten: right sums, not one deadlock', async () => {
  const before = await deadlocks();
  const names = Array.from({ length: 60 }, (_, index) => `row ${index}`);
  const expected = new Map<string, number>();
  for (let round = 0; round < 4; round++) {
    const events = Array.from({ length: 400 }, () => {
      // Some of them new in this round.
      const some = [...names, `new ${round}.${Math.floor(Math.random() * 40)}`].sort(() => Math.random() - 0.5);
      return { payload: { counters: some.slice(0, 8), shape: { amount: 1 } } };
    });
    for (const { payload } of events)
      for (const name of payload.counters) expected.set(name, (expected.get(name) ?? 0) + 1);
    await storeEvents(database.url, events);
    // Small batches, so that many transactions meet.
    const workers = [open(), open(), open(), open()].map(async ({ options }, index) => {
      while ((await options.store.project(due({ events: 10 + index }), project)).length > 0);
    });
    await Promise.all(workers);
  }
  // One may have found only marks that others held; what these rolled back would still be owed.
  const last = new Dispatcher(open().options);
  while ((await last.turn()).events > 0);
  expect(await owed()).toEqual([]);
  expect(new Map((await sums()).map(({ name, hits }) => [name, hits]))).toEqual(expected);
  expect(await deadlocks()).toBe(before);
});
