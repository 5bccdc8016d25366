/** Positions on a real PostgreSQL: given in the order of commit, and handed out once no crash can take them back. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { PageWish, Position } from '../../../src/core/follower.ts';
import { dispatchBatch } from '../../../src/dispatch/dispatch-batch.ts';
import { givePositions } from '../../../src/storage/postgres/event-positions.ts';
import { applyMigrations } from '../../../src/storage/postgres/migrations/apply.ts';
import { createPositionPool, createPositionReader } from '../../../src/storage/postgres/position-reader.ts';
import { storeEvents, TEST_TABLES } from '../../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { openDispatch } from '../../support/dispatch.ts';
import { startPostgresServer } from '../../support/postgres-server.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
const closers: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  database = await createDatabase();
  await database.query(TEST_TABLES);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  await database.query('DELETE FROM event_positions; UPDATE position_counter SET last = 0');
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const ALL: PageWish = { wants: () => true, contents: () => 'payload' };
const BOTH: PageWish = { ...ALL, contents: () => 'both' };
const MUCH = { positions: 1_000, events: 1_000, bytes: 2 ** 30 };
const DUE = { events: 500, bytes: 2 ** 30, liveSince: new Date(0), except: [] };

function openReader(url = database.url) {
  const pool = createPositionPool(url);
  closers.push(() => pool.close());
  return createPositionReader(pool);
}
function dispatcher(url = database.url) {
  const place = openDispatch(url);
  closers.push(() => place.close());
  return () => dispatchBatch(DUE, place.options);
}
async function connect(url = database.url): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  closers.push(() => client.end().catch(() => undefined));
  return client;
}
const read = async (after: Position, wish = ALL, limits = MUCH) => {
  const { events, ...rest } = await openReader().read(after, wish, limits);
  return { ids: events.map(({ id }) => id), positions: events.map(({ position }) => position), ...rest };
};
const waiting = (what: string) =>
  until(what, async () => {
    const sql = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    return (await database.query(sql)).length > 0;
  });

test('events get positions in the order of their ids, without gaps, failed ones too, and each once', async () => {
  const ids = await storeEvents(database.url, [{ payload: {} }, { payload: { throws: 'project' } }, { payload: null }]);
  const dispatch = dispatcher();
  const { failures, positions } = await dispatch();
  expect([failures.length, positions]).toEqual([1, 3]);
  const page = { ids, positions: [1, 2, 3], to: 3, more: false, tooLarge: null };
  expect(await read(0)).toEqual(page);
  expect((await dispatch()).positions).toBe(0);
  expect(await read(0)).toEqual(page);
  expect(await openReader().last()).toBe(3);
});

test('an event that is committed later, with a smaller id, has the greater position', async () => {
  const lock = await connect();
  const [slow] = await storeEvents(database.url, [{ payload: { counters: ['held'] } }]);
  await lock.query(`INSERT INTO test_counters VALUES ('stripe', 'held', 0, '', now())`);
  await lock.query(`BEGIN; SELECT FROM test_counters WHERE name = 'held' FOR UPDATE`);
  const first = dispatcher()();
  await waiting('the first dispatcher to wait for a row');
  const [quick] = await storeEvents(database.url, [{ payload: {} }]);
  await dispatcher()();
  expect(await read(0)).toMatchObject({ ids: [quick], to: 1 });
  await lock.query('COMMIT');
  await first;
  expect(await read(1)).toMatchObject({ ids: [slow], positions: [2], to: 2 });
});

test('whoever takes positions waits for those who took some before and have not committed', async () => {
  const [one = '', two = ''] = await storeEvents(database.url, [{ payload: {} }, { payload: {} }]);
  const first = await connect();
  const second = await connect();
  for (const client of [first, second]) await client.query('BEGIN');
  await givePositions(first, [two]);
  let given = false;
  const later = givePositions(second, [one])
    .then(() => second.query('COMMIT'))
    .finally(() => {
      given = true;
    });
  await waiting('the second to wait');
  expect([given, (await read(0)).to]).toEqual([false, 0]);
  await first.query('COMMIT');
  await later;
  expect(await read(0)).toMatchObject({ ids: [two, one], positions: [1, 2] });
});

test('what a rollback takes back leaves no gap', async () => {
  const [id = ''] = await storeEvents(database.url, [{ payload: {} }]);
  const client = await connect();
  await client.query('BEGIN');
  await givePositions(client, [id]);
  await client.query('ROLLBACK');
  await dispatcher()();
  expect(await read(0)).toMatchObject({ ids: [id], positions: [1] });
});

test('a counter that somebody has removed goes on above what it gave', async () => {
  await storeEvents(database.url, [{ payload: {} }, { payload: {} }]);
  await dispatcher()();
  await database.query('TRUNCATE position_counter');
  expect(await openReader().last()).toBe(0);
  const [id] = await storeEvents(database.url, [{ payload: {} }]);
  await dispatcher()();
  expect(await read(2)).toMatchObject({ ids: [id], positions: [3] });
  expect(await openReader().last()).toBe(3);
});

test('what is not wanted, or gone, is passed over', async () => {
  const ids = await storeEvents(database.url, [
    { payload: {}, type: 'a' },
    { payload: {}, type: 'b' },
    { payload: {}, type: 'a' },
    { payload: {}, type: 'b' },
  ]);
  await dispatcher()();
  await database.query('DELETE FROM events WHERE id = $1', [ids[2]]);
  const onlyA = { ...ALL, wants: ({ type }: { type: string }) => type === 'a' };
  expect(await read(0, onlyA)).toEqual({ ids: [ids[0]], positions: [1], to: 4, more: false, tooLarge: null });
  expect(await read(0, onlyA, { ...MUCH, positions: 2 })).toEqual({
    ids: [ids[0]],
    positions: [1],
    to: 2,
    more: true,
    tooLarge: null,
  });
});

test('a page ends where its bytes do, and tells what its first event alone would need', async () => {
  const big = { shape: { words: randomBytes(5_000).toString('hex') } };
  await storeEvents(database.url, [{ payload: big }, { payload: big }, { payload: big }, { payload: {} }]);
  await dispatcher()();
  const bytes = (limit: number) => ({ ...MUCH, bytes: limit });
  expect(await read(0, ALL, bytes(25_000))).toMatchObject({ positions: [1, 2], to: 2, more: true, tooLarge: null });
  const { tooLarge, ...empty } = await read(0, ALL, bytes(1));
  expect([empty, Number(tooLarge) > 10_000]).toEqual([{ ids: [], positions: [], to: 0, more: true }, true]);
  expect(await read(0, ALL, bytes(Number(tooLarge)))).toMatchObject({ positions: [1], to: 1, tooLarge: null });
  expect(await read(0, ALL, bytes(Number(tooLarge) - 1))).toMatchObject({ positions: [], tooLarge });
  expect(await read(0, ALL, { ...MUCH, events: 3 })).toMatchObject({ positions: [1, 2, 3], to: 3, more: true });
  expect(await read(2, ALL, bytes(25_000))).toMatchObject({ positions: [3, 4], to: 4, more: false, tooLarge: null });
});

test('payloads come as PostgreSQL prints them, requests where they are asked for, once for all of their events', async () => {
  const [id] = await storeEvents(database.url, [{ payload: { by: 1 } }]);
  await database.query(`UPDATE events SET payload = '{"n": 12345678901234567890123}' WHERE id = $1`, [id]);
  await dispatcher()();
  const reader = openReader();
  const [without] = (await reader.read(0, ALL, MUCH)).events;
  expect(without).toMatchObject({ payload: '{"n": 12345678901234567890123}', request: null });
  await database.query(`
    INSERT INTO events
    SELECT gen_random_uuid(), request_id, source, provider, type, 'other', subject, occurred_at, received_at, payload FROM events`);
  const rest = 'INSERT INTO event_dispatch (event_id, received_at) SELECT id, now() FROM events WHERE id <> $1';
  await database.query(rest, [id]);
  await dispatcher()();
  const [first, second] = (await reader.read(0, BOTH, MUCH)).events;
  expect(first?.request?.body).toBeInstanceOf(Buffer);
  expect(second?.request).toBe(first?.request);
  const body: PageWish = { ...ALL, contents: () => 'body' };
  const only = (await reader.read(0, body, { ...MUCH, events: 1 })).events;
  expect(only).toMatchObject([{ payload: null, request: { body: expect.any(Buffer) } }]);
  await database.query('DELETE FROM webhook_requests');
  expect((await reader.read(0, body, { ...MUCH, events: 1 })).events).toMatchObject([
    { payload: '{"n": 12345678901234567890123}', request: null },
  ]);
  expect((await reader.read(0, BOTH, MUCH)).events.map(({ request }) => request)).toEqual([null, null]);
});

test('a page that has been read is the same after a crash of the server, for a role without privileges too', async () => {
  // Nobody but the reader writes the log to the disk, and it has the least level.
  const settings = { wal_writer_delay: '10s', wal_level: 'minimal', max_wal_senders: '0' };
  const server = await startPostgresServer({ settings });
  try {
    await applyMigrations({ databaseUrl: server.url() }, { logger: { info() {}, warn() {} } });
    const admin = await connect(server.url());
    await admin.query(TEST_TABLES);
    await admin.query(`CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain`);
    const url = new URL(server.url());
    [url.username, url.password] = ['plain', 'plain'];
    const reader = openReader(url.toString());
    const dispatch = dispatcher(server.url());
    const positionOf = async (id: string | undefined) => {
      const client = await connect(server.url());
      const { rows } = await client.query('SELECT position::int FROM event_positions WHERE event_id = $1', [id]);
      return rows[0]?.position;
    };
    const [one] = await storeEvents(server.url(), [{ payload: {} }]);
    await dispatch();
    expect((await reader.read(0, ALL, MUCH)).events).toMatchObject([{ id: one, position: 1 }]);
    await server.stop('immediate');
    await server.start();
    expect(await positionOf(one)).toBe(1);

    const [two] = await storeEvents(server.url(), [{ payload: {} }]);
    await dispatcher(server.url())();
    expect(await openReader(url.toString()).last()).toBe(2);
    await server.stop('immediate');
    await server.start();
    expect(await positionOf(two)).toBe(2);
  } finally {
    for (const close of closers.splice(0)) await close().catch(() => undefined);
    await server.destroy();
  }
});
