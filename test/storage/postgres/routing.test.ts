/** Routing at dispatch on a real PostgreSQL: each delivery is owed exactly once, whatever fails beside it. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { NewDelivery } from '../../../src/core/delivery.ts';
import { BatchError, type DispatchStore } from '../../../src/core/dispatch.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { ascendingRowId } from '../../../src/core/row-id.ts';
import { Dispatcher } from '../../../src/dispatch/dispatcher.ts';
import { insertOwed } from '../../../src/storage/postgres/owed-deliveries.ts';
import { type CountingPayload, storeEvents, TEST_TABLES } from '../../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDestination } from '../../support/deliveries.ts';
import { type DispatchPlace, openDispatch } from '../../support/dispatch.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
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

function open(url = database.url): DispatchPlace {
  const place = openDispatch(url);
  places.push(place);
  return place;
}

const some = (count: number, payload: CountingPayload = {}) => Array.from({ length: count }, () => ({ payload }));
const owed = () =>
  database.query(
    'SELECT destination_id, event_id, request_id FROM deliveries ORDER BY destination_id, event_id, request_id',
  );
const marks = () =>
  database.query('SELECT event_id, attempts, routed_at IS NOT NULL AS routed FROM event_dispatch ORDER BY event_id');
async function dispatchAll(place: DispatchPlace): Promise<void> {
  while ((await new Dispatcher(place.options).turn()).events > 0);
}
const WAITING = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
const deadlocks = async (): Promise<number> =>
  (await database.query('SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()'))[0]?.n;

test('each event is owed to each destination that wants it, paused ones included', async () => {
  const all = await addDestination(database, { name: 'all', state: 'paused' });
  const some = await addDestination(database, { name: 'some', types: ['test.a*'], condition: { by: { $gt: 1 } } });
  await addDestination(database, { name: 'none', sources: ['whatsapp'] });
  const [a, b, c] = await storeEvents(database.url, [
    { payload: { by: 2 }, type: 'test.a1' },
    { payload: { by: 1 }, type: 'test.a2' },
    { payload: null, type: 'unknown' },
  ]);
  const place = open();
  await dispatchAll(place);
  const rows = (await owed()).map(({ destination_id, event_id }) => [destination_id, event_id]);
  expect(rows.sort()).toEqual(
    [
      [all, a],
      [all, b],
      [all, c],
      [some, a],
    ].sort(),
  );
  expect([place.routed(), await marks()]).toEqual([4, []]);
  const [row] = await database.query('SELECT * FROM deliveries WHERE event_id = $1', [a]);
  const [event] = await database.query('SELECT * FROM events WHERE id = $1', [a]);
  expect(row).toMatchObject({
    request_id: event.request_id,
    replay_id: null,
    source: 'stripe',
    provider: 'stripe',
    type: 'test.a1',
    subject: null,
    state: 'pending',
    attempts: 0,
    received_at: event.received_at,
  });
});

test('a destination that nobody made a row of state for has one with its first delivery', async () => {
  const id = await addDestination(database);
  await database.query('DELETE FROM destination_state');
  await storeEvents(database.url, some(2));
  await dispatchAll(open());
  expect(await database.query('SELECT destination_id, failures, circuit_open FROM destination_state')).toEqual([
    { destination_id: id, failures: 0, circuit_open: false },
  ]);
});

test('ids of deliveries have the order of their events', async () => {
  await addDestination(database);
  const ids = await storeEvents(database.url, some(50));
  await dispatchAll(open());
  expect((await database.query('SELECT event_id FROM deliveries ORDER BY id')).map(({ event_id }) => event_id)).toEqual(
    ids,
  );
});

test('without destinations nothing is owed, and marks go as ever', async () => {
  await storeEvents(database.url, some(3));
  const place = open();
  await dispatchAll(place);
  expect([await owed(), await marks(), place.routed()]).toEqual([[], [], 0]);
});

test('four workers and requests whose events are split over batches: once each, and not one deadlock', async () => {
  const before = await deadlocks();
  const events = await addDestination(database);
  const originals = [
    await addDestination(database, { format: 'original' }),
    await addDestination(database, { format: 'original' }),
  ];
  const ids = await storeEvents(database.url, some(600, { counters: ['shared'] }));
  // Requests of three events each, far from each other and in another order each time.
  await database.query(
    `UPDATE events e SET request_id = f.request_id
       FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM events) AS o
       JOIN (SELECT request_id, row_number() OVER (ORDER BY id) - 1 AS n FROM events) AS f ON f.n = (o.n * (1 + 2 * (o.n / 200)) * 7) % 200
      WHERE e.id = o.id`,
  );
  const workers = [open(), open(), open(), open()].map(async ({ options }, index) => {
    const plan = { events: 60 + index, bytes: 2 ** 30, liveSince: new Date(0), except: [] };
    const once = async () =>
      options.store.project(plan, (batch, routes) => ({
        tables: [],
        failures: [],
        deliveries: options.route(batch, routes).deliveries,
        assertReduced: () => undefined,
      }));
    while ((await once()).length > 0);
  });
  await Promise.all(workers);
  await dispatchAll(open());
  const rows = await owed();
  expect(rows.filter(({ destination_id }) => destination_id === events).map(({ event_id }) => event_id)).toEqual(ids);
  for (const id of originals) {
    const requests = rows.filter(({ destination_id }) => destination_id === id).map(({ request_id }) => request_id);
    expect([requests.length, new Set(requests).size]).toEqual([200, 200]);
  }
  expect(await deadlocks()).toBe(before);
});

test('whoever waits for a request that another is making holds none that the other may come to', async () => {
  const destinationId = await addDestination(database, { format: 'original' });
  const [first, second] = ['00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002'] as const;
  const deliveryOf = (requestId: string): NewDelivery => ({
    id: ascendingRowId(),
    destinationId,
    eventId: null,
    requestId,
    source: 'stripe',
    provider: 'stripe',
    type: 'invoice.paid',
    subject: null,
    receivedAt: new Date(),
  });
  const [a, b] = [new pg.Client(database.url), new pg.Client(database.url)];
  try {
    await Promise.all([a.connect(), b.connect()]);
    await a.query('BEGIN');
    await insertOwed(a, [deliveryOf(first)]);
    // In the order of its events the second request comes first.
    const waiting = insertOwed(b, [deliveryOf(second), deliveryOf(first)]);
    await until('it to wait', async () => (await database.query(WAITING)).length > 0);
    await insertOwed(a, [deliveryOf(second)]);
    await a.query('COMMIT');
    await waiting;
  } finally {
    await Promise.all([a.end(), b.end()]);
  }
  expect((await owed()).map(({ request_id }) => request_id)).toEqual([first, second]);
});

test('an event whose projection throws is owed all the same, once, however often it is tried', async () => {
  await addDestination(database);
  const [bad, good] = await storeEvents(database.url, [{ payload: { throws: 'project' } }, { payload: {} }]);
  const place = open();
  await new Dispatcher(place.options).turn();
  expect((await owed()).map(({ event_id }) => event_id).sort()).toEqual([bad, good].sort());
  expect(await marks()).toEqual([{ event_id: bad, attempts: 1, routed: true }]);
  // What becomes of the delivery meanwhile does not bring it back.
  await database.query('DELETE FROM deliveries');
  await dispatchAll(place);
  expect(await marks()).toEqual([{ event_id: bad, attempts: 8, routed: true }]);
  expect(await owed()).toEqual([]);
});

test('one whose rows PostgreSQL refuses is owed all the same', async () => {
  await addDestination(database);
  const ids = await storeEvents(database.url, [
    { payload: { counters: ['a'] } },
    { payload: { counters: ['a'], by: 5_000_000 } },
    { payload: { counters: ['a'] } },
  ]);
  const place = open();
  await new Dispatcher({ ...place.options, retryDelays: [60_000] }).turn();
  expect((await owed()).map(({ event_id }) => event_id)).toEqual(ids);
  expect(await marks()).toEqual([{ event_id: ids[1], attempts: 1, routed: true }]);
  expect(place.routed()).toBe(3);
});

test('one that breaks every transaction that routes it is recorded as failed, and routed at its next attempt', async () => {
  await addDestination(database);
  const [bad] = await storeEvents(database.url, [{ payload: { counters: ['a'], by: 5_000_000 } }]);
  const place = open();
  let broken = true;
  const store: DispatchStore = {
    ...place.options.store,
    project: (claim, plan) =>
      place.options.store.project(claim, (events, routes) => {
        if (broken && plan(events, routes).tables.length === 0) throw new StoreError('data', 'no', '22000');
        return plan(events, routes);
      }),
  };
  await new Dispatcher({ ...place.options, store }).turn();
  expect([await owed(), await marks()]).toEqual([[], [{ event_id: bad, attempts: 1, routed: false }]]);
  broken = false;
  await new Dispatcher({ ...place.options, store }).turn();
  expect([(await owed()).length, await marks()]).toEqual([1, [{ event_id: bad, attempts: 2, routed: true }]]);
});

test('a destination whose condition fails gets nothing, and the batch goes on', async () => {
  await addDestination(database, { condition: { $where: '1' } });
  const good = await addDestination(database);
  await storeEvents(database.url, some(3, { counters: ['a'] }));
  const place = open();
  await dispatchAll(place);
  expect((await owed()).map(({ destination_id }) => destination_id)).toEqual([good, good, good]);
  expect(place.routeFaults).toHaveLength(3);
  expect(place.failures).toEqual([]);
});

test('a mark that says "routed" is only projected: rebuilding sends nothing again', async () => {
  await addDestination(database);
  await storeEvents(database.url, some(5, { counters: ['a'] }));
  await database.query('UPDATE event_dispatch SET routed_at = now()');
  await dispatchAll(open());
  expect([await owed(), await marks()]).toEqual([[], []]);
  expect(await database.query('SELECT hits::int FROM test_counters')).toEqual([{ hits: 5 }]);
});

test('a destination that is removed while it is looked at is owed nothing, and nothing fails', async () => {
  const gone = await addDestination(database);
  const there = await addDestination(database);
  await storeEvents(database.url, some(2));
  const { options } = open();
  const claim = { events: 10, bytes: 2 ** 30, liveSince: new Date(0), except: [] };
  const remover = new pg.Client({ connectionString: database.url });
  await remover.connect();
  await remover.query('BEGIN');
  await remover.query('DELETE FROM destinations WHERE id = $1', [gone]);
  const dispatched = options.store.project(claim, (events, routes) => ({
    tables: [],
    failures: [],
    deliveries: options.route(events, routes).deliveries,
    assertReduced: () => undefined,
  }));
  await until('dispatch to wait for the removal', async () => (await database.query(WAITING)).length > 0);
  await remover.query('COMMIT');
  await remover.end();
  expect(await dispatched).toHaveLength(2);
  expect((await owed()).map(({ destination_id }) => destination_id)).toEqual([there, there]);
});

test('what is rolled back is owed later, and what is cut off at the commit is owed once', async () => {
  await addDestination(database);
  await addDestination(database, { format: 'original' });
  const url = new URL(database.url);
  const proxy = await startTcpProxy(Number(url.port));
  url.port = String(proxy.port);
  const place = open(url.toString());
  await storeEvents(database.url, some(200, { counters: ['a'] }));
  const dispatcher = new Dispatcher(place.options);
  let cuts = 0;
  // Now before the server has it, now after; every other transaction gets through.
  proxy.cutAfter((chunk) =>
    chunk.includes('COMMIT') && cuts++ % 2 === 0 ? (cuts % 4 === 1 ? 'sent' : 'answered') : null,
  );
  await until('everything to be dispatched', async () => {
    await dispatcher.turn().catch((error: unknown) => expect(error).toBeInstanceOf(BatchError));
    return (await marks()).length === 0;
  });
  await place.close();
  await proxy.close();
  expect(cuts).toBeGreaterThan(0);
  expect(await owed()).toHaveLength(400);
  expect(await database.query('SELECT hits::int FROM test_counters')).toEqual([{ hits: 200 }]);
});
