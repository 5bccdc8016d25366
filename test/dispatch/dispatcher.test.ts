/** Dispatch of many batches on a real PostgreSQL: what fails, fails alone. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { DispatchStore } from '../../src/core/dispatch.ts';
import { StoreError } from '../../src/core/errors.ts';
import { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { type CountingPayload, storeEvents, TEST_TABLES } from '../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type DispatchPlace, openDispatch } from '../support/dispatch.ts';

let database: TestDatabase;
let place: DispatchPlace;
beforeAll(async () => {
  database = await createDatabase();
  await database.query(TEST_TABLES);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  await database.query('DELETE FROM test_counters');
  place = openDispatch(database.url);
});
afterEach(() => place.close());

const marks = () => database.query('SELECT event_id, attempts, error, next_attempt_at FROM event_dispatch');
const hits = async () => (await database.query('SELECT sum(hits)::int AS n FROM test_counters'))[0]?.n;

/**
 * Until nothing is due. Failed events are due again at once, so each gets every attempt that it has. Events that a lost
 * transaction held can be claimed as soon as the server has noticed.
 */
async function dispatchAll(dispatcher = new Dispatcher(place.options)): Promise<void> {
  const due = 'SELECT 1 FROM event_dispatch WHERE next_attempt_at IS NULL OR next_attempt_at <= now() LIMIT 1';
  while ((await database.query(due)).length > 0) await dispatcher.turn();
}

const POISONS: readonly (readonly [string, CountingPayload, RegExp])[] = [
  ['throws when it is projected', { throws: 'project' }, /^RangeError at counting-projector\.ts:\d+$/],
  ['throws when it is applied to a row', { counters: ['shared'], throws: 'reduce' }, /^TypeError at/],
  ['makes a row that its table cannot hold', { counters: ['shared'], throws: 'unfit' }, /^test_counters\.hits is not/],
  ['makes a row that PostgreSQL refuses', { counters: ['shared'], by: 1e6 }, /^PostgreSQL refused \(SQLSTATE 23514\)$/],
];

test.each(POISONS)('of 1,000 events one %s: 999 are projected, one is parked', async (_, poison, error) => {
  const events = Array.from({ length: 1_000 }, (_, index) => ({
    payload: index === 321 ? poison : { counters: ['shared', `own ${index}`] },
  }));
  const ids = await storeEvents(database.url, events);
  await dispatchAll();
  expect(place.dispatched).toHaveLength(999);
  expect(await hits()).toBe(2 * 999);
  expect(await marks()).toEqual([
    { event_id: ids[321], attempts: 8, error: expect.stringMatching(error), next_attempt_at: Number.POSITIVE_INFINITY },
  ]);
  expect(place.failures.map(({ attempts }) => attempts)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(place.failures.every(({ eventId }) => eventId === ids[321])).toBe(true);
});

test('when every event fails in reduce, each is told once for each attempt', async () => {
  await storeEvents(
    database.url,
    Array.from({ length: 50 }, () => ({ payload: { counters: ['a'], throws: 'reduce' as const } })),
  );
  await new Dispatcher(place.options).turn();
  expect(place.failures).toHaveLength(50);
  expect(await hits()).toBeNull();
});

test('a failed event is due again after its delay', async () => {
  await storeEvents(database.url, [{ payload: { throws: 'project' } }, { payload: {} }]);
  const turn = await new Dispatcher({ ...place.options, retryDelays: [90_000] }).turn();
  expect(turn).toEqual({ events: 2, full: false, retryInMs: 90_000 });
  expect(await new Dispatcher(place.options).turn()).toEqual({ events: 0, full: false, retryInMs: null });
});

/** The store, whose transactions fail as the test says once they have claimed their events. */
function failing(fault: (events: readonly string[]) => StoreError | null): DispatchStore {
  const { store } = place.options;
  return {
    ...store,
    project: (claim, project) =>
      store.project(claim, (events, routes) => {
        const error = fault(events.map(({ id }) => id));
        if (error !== null) throw error;
        return project(events, routes);
      }),
  };
}

test('a deadlock or serialisation failure repeats the batch and counts as no attempt', async () => {
  await storeEvents(database.url, [{ payload: { counters: ['a'] } }]);
  let failures = 0;
  const store = failing(() => (failures++ < 3 ? new StoreError('contention', 'x', '40P01') : null));
  expect(await new Dispatcher({ ...place.options, store }).turn()).toMatchObject({ events: 1 });
  expect(failures).toBe(4);
  expect([place.failures, await marks(), await hits()]).toEqual([[], [], 1]);
});

test('an outage is no attempt, however long it lasts', async () => {
  await storeEvents(database.url, [{ payload: { counters: ['a'] } }, { payload: { counters: ['a'] } }]);
  let away = true;
  const store = failing(() => (away ? new StoreError('unavailable', 'away') : null));
  const dispatcher = new Dispatcher({ ...place.options, store });
  for (let failures = 0; failures < 20; ) {
    // Until the server has noticed that the last one's connection is gone, nothing can be claimed.
    await dispatcher.turn().catch((error: Error) => {
      expect(error.message).toBe('away');
      failures++;
    });
  }
  expect((await marks()).map(({ attempts }) => attempts)).toEqual([0, 0]);
  away = false;
  await dispatchAll(dispatcher);
  expect([place.failures, await hits()]).toEqual([[], 2]);
});

test('an event that breaks each of its transactions, and says nothing of data, ends up alone and parked', async () => {
  const ids = await storeEvents(
    database.url,
    Array.from({ length: 40 }, () => ({ payload: { counters: ['a'] } })),
  );
  const store = failing((events) =>
    events.includes(ids[7] ?? '') ? new StoreError('unavailable', 'gone', 'XX001') : null,
  );
  const dispatcher = new Dispatcher({ ...place.options, store, retryDelays: [] });
  for (let turn = 0; turn < 200 && place.failures.length === 0; turn++) {
    // Somebody always goes on sending.
    await storeEvents(database.url, [{ payload: { counters: ['a'] } }]);
    await dispatcher.turn().catch(() => undefined);
  }
  await dispatchAll(dispatcher);
  expect(await marks()).toMatchObject([{ event_id: ids[7], attempts: 1, error: 'gone' }]);
});

test('beside a growing queue of webhooks batches are smaller', async () => {
  await storeEvents(
    database.url,
    Array.from({ length: 300 }, () => ({ payload: {} })),
  );
  expect(await new Dispatcher({ ...place.options, busy: () => true }).turn()).toMatchObject({
    events: 50,
    full: true,
  });
  expect(await new Dispatcher(place.options).turn()).toMatchObject({ events: 250, full: false });
});
