/** Whose turn it is: among rebuilds, and beside retention and dispatch. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { StartupError } from '../../src/core/errors.ts';
import { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { createRetentionStore } from '../../src/storage/postgres/retention-store.ts';
import { createTransactionPool } from '../../src/storage/postgres/transaction-pool.ts';
import { storeEvents } from '../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openDispatch } from '../support/dispatch.ts';
import { MEMBER_TABLES, READ_MEMBERS } from '../support/member-projector.ts';
import { MEMBER_PROJECTORS, openRebuild, type RebuildPlace, scope, scopeFrom } from '../support/rebuild.ts';
import { until } from '../support/until.ts';

const FROM = scopeFrom(new Date('2026-05-05T00:00:00Z'));

let database: TestDatabase;
let closers: (() => Promise<unknown>)[];
beforeAll(async () => {
  database = await createDatabase();
  await database.query(MEMBER_TABLES);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  await database.query(`DELETE FROM test_members; DELETE FROM test_letters; DELETE FROM projection_rebuilds;
    UPDATE retention SET events_removed = 0, leased_by = NULL, leased_until = now()`);
  closers = [];
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
});

function open(): RebuildPlace {
  const place = openRebuild(database.url);
  closers.push(() => place.close());
  return place;
}

const names = ['a', 'b', 'c'];
const store = () =>
  storeEvents(
    database.url,
    names.map((name) => ({ payload: { counters: [name] } })),
  );
const rows = () => database.query(READ_MEMBERS);
/** As after its process was killed, some seconds later. */
const endLease = () => database.query(`UPDATE projection_rebuilds SET lease_until = now() - interval '1 ms'`);
const begin = (place: RebuildPlace, wanted = scope(), restart = false) => place.store.begin(wanted, { restart });

test('there is one at a time, and a killed one is gone on with when its lease has ended', async () => {
  await store();
  const [first, second] = [open(), open()];
  const stuck = await first.begin(scope());
  await stuck.empty({ acceptLoss: false });
  await stuck.measure();
  const held = await begin(second);
  expect(held).toMatchObject({ outcome: 'held', unfinished: { emptied: true, eventsRead: 0 } });
  const { leaseMs } = 'unfinished' in held ? held.unfinished : { leaseMs: 0 };
  expect(leaseMs).toBeGreaterThan(0);
  expect(leaseMs).toBeLessThanOrEqual(15_000);
  expect(await begin(second, scope(), true)).toMatchObject({ outcome: 'held' });
  await endLease();
  const taken = await begin(second);
  expect(taken).toMatchObject({ outcome: 'resumed' });
  // The one that was taken for dead comes back, and must not write beside the other.
  await expect(first.run(stuck, scope())).rejects.toThrow(StartupError);
  expect(await rows()).toEqual([]);
  if ('rebuild' in taken) await second.run(taken.rebuild, scope());
  expect(await rows()).toHaveLength(6);
});

test('a batch under way is waited for: then it is at work', async () => {
  await store();
  const [first, second] = [open(), open()];
  const rebuild = await first.begin(scope());
  await rebuild.empty({ acceptLoss: false });
  await rebuild.measure();
  await endLease();
  let other: ReturnType<typeof begin> | undefined;
  await rebuild.project({ events: 500, bytes: 1e9 }, () => {
    other = begin(second);
    return { tables: [], failures: [], deliveries: [], assertReduced: () => undefined };
  });
  expect(await other).toMatchObject({ outcome: 'held' });
});

test('one with other arguments is refused while one is unfinished, and restart forgets that', async () => {
  await store();
  const place = open();
  const first = await place.begin(FROM);
  await first.release();
  expect(await begin(place, scopeFrom(new Date('2026-05-06')))).toMatchObject({ outcome: 'other' });
  expect(await begin(place)).toMatchObject({ outcome: 'other', unfinished: { from: FROM.from, emptied: false } });
  expect(await begin(place, FROM)).toMatchObject({ outcome: 'resumed' });
  await first.release();
  const restarted = await place.begin(scope('test_members'), true);
  expect(await place.store.unfinished()).toMatchObject({ tables: ['test_members'], from: null });
  expect((await place.run(restarted, scope('test_members'))).end.outcome).toBe('finished');
});

test('one that has emptied tables can only be forgotten for one that fills them', async () => {
  await store();
  const place = open();
  const first = await place.begin(scope('test_members'));
  await first.empty({ acceptLoss: false });
  await first.release();
  for (const other of [scope('test_letters'), FROM]) {
    expect(await begin(place, other, true)).toMatchObject({ outcome: 'uncovered' });
  }
  const all = await place.begin(scope(), true);
  await place.run(all, scope());
  expect(await rows()).toHaveLength(6);
  const [left] = await database.query('SELECT count(*)::int AS n FROM projection_rebuilds');
  expect(left.n).toBe(1);
});

test('killed between two tables, it empties all before it reads', async () => {
  await store();
  const place = open();
  await database.query(`INSERT INTO test_letters VALUES ('stripe', 'j', '["junk"]', now());
    INSERT INTO test_members VALUES ('stripe', 'junk', '["junk"]', 1, now())`);
  const first = await place.begin(scope());
  // The second table cannot be emptied.
  await database.query('ALTER TABLE test_members RENAME TO elsewhere');
  await expect(first.empty({ acceptLoss: false })).rejects.toThrow('42P01');
  await database.query('ALTER TABLE elsewhere RENAME TO test_members');
  await endLease();
  const second = open();
  const rebuild = await second.begin(scope());
  expect(rebuild.state).toMatchObject({ emptied: true, measured: false });
  await second.run(rebuild, scope());
  expect(await rows()).toHaveLength(6);
});

test('what cannot pass by itself ends it, and the next one need not wait', async () => {
  const place = open();
  const rebuild = await place.begin(scope());
  await database.query('ALTER TABLE test_letters RENAME TO elsewhere');
  await expect(place.run(rebuild, scope())).rejects.toMatchObject({ sqlState: '42P01' });
  await database.query('ALTER TABLE elsewhere RENAME TO test_letters');
  expect(await begin(open())).toMatchObject({ outcome: 'resumed' });
});

test('if events were removed, nothing is emptied unless that is accepted', async () => {
  await database.query(`INSERT INTO test_members VALUES ('stripe', 'old', '["old"]', 1, now());
    UPDATE retention SET events_removed = 7`);
  const place = open();
  expect(await place.store.eventsRemoved()).toBe(7);
  await expect(place.run(await place.begin(scope()), scope())).rejects.toThrow('Retention has removed events');
  expect(await rows()).toHaveLength(1);
  await place.run(await place.begin(scope()), scope(), { acceptLoss: true });
  expect(await rows()).toHaveLength(0);
});

test('retention removes nothing while all events are read, and goes on afterwards', async () => {
  const receivedAt = new Date(Date.now() - 90 * 86_400_000);
  await storeEvents(database.url, [{ payload: { counters: ['old'] }, receivedAt }]);
  await database.query('DELETE FROM event_dispatch');
  const pool = createTransactionPool({ databaseUrl: database.url, applicationName: 'test', timeoutMs: 5_000 });
  closers.push(() => pool.close());
  const retention = createRetentionStore({ pool, onTablesMissing: () => undefined });
  const removeOld = () => retention.removeSome({ table: 'events', days: 60 }, new Date());
  const place = open();
  const seen: unknown[] = [];
  const rebuild = await place.begin(scope());
  await rebuild.empty({ acceptLoss: false });
  seen.push(await removeOld());
  // However long it stands still: what it has emptied can only be filled from what is there.
  await database.query(`UPDATE retention SET leased_until = now() - interval '1 day'`);
  seen.push(await removeOld());
  await place.run(rebuild, scope());
  expect(seen).toEqual([null, null]);
  expect(await rows()).toHaveLength(2);
  expect(await removeOld()).toMatchObject({ events: 1 });
});

test('it gives way while somebody dispatches and events have waited for more than a second', async () => {
  const rebuild = await open().begin(scope());
  await storeEvents(database.url, [{ payload: {}, receivedAt: new Date(Date.now() - 5_000) }]);
  // Nobody would ever take it.
  expect(await rebuild.liveEventsWait()).toBe(false);
  const dispatch = openDispatch(database.url);
  const dispatcher = new Dispatcher({ ...dispatch.options, projectors: MEMBER_PROJECTORS });
  await dispatcher.turn();
  expect(await rebuild.liveEventsWait()).toBe(false);
  await storeEvents(database.url, [{ payload: {}, receivedAt: new Date(Date.now() - 5_000) }]);
  expect(await rebuild.liveEventsWait()).toBe(true);
  await database.query(`UPDATE event_dispatch SET next_attempt_at = 'infinity'`);
  expect(await rebuild.liveEventsWait()).toBe(false);
  await database.query('DELETE FROM event_dispatch');
  await storeEvents(database.url, [{ payload: {}, receivedAt: new Date(Date.now() + 5_000) }]);
  expect(await rebuild.liveEventsWait()).toBe(false);
  await dispatch.close();
});

test('after a batch it waits for the events that wait, and then goes on', async () => {
  await storeEvents(
    database.url,
    Array.from({ length: 600 }, (_, index) => ({ payload: { counters: [`${index}`] } })),
  );
  await database.query('DELETE FROM event_dispatch');
  const dispatch = openDispatch(database.url);
  closers.push(() => dispatch.close());
  const dispatcher = new Dispatcher({ ...dispatch.options, projectors: MEMBER_PROJECTORS });
  // From here on there is somebody to give way to.
  await dispatcher.turn();
  await storeEvents(database.url, [{ payload: { counters: ['live'] }, receivedAt: new Date(Date.now() - 5_000) }]);
  const order: string[] = [];
  const place = open();
  const rebuilding = place.run(await place.begin(scope()), scope(), {
    onProgress: ({ eventsRead }) => void order.push(`read ${eventsRead}`),
  });
  await until('the first batch', async () => {
    const [row] = await database.query('SELECT events_read::int AS n FROM projection_rebuilds');
    return row.n > 0;
  });
  order.push('dispatch');
  await dispatcher.turn();
  await rebuilding;
  expect(order).toEqual(['read 0', 'dispatch', 'read 500', 'read 601']);
});
