/** What operators do with deliveries, on a real PostgreSQL. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Change } from '../../../src/core/audit.ts';
import type { DeliveryAdmin } from '../../../src/core/delivery-admin.ts';
import { createAuditWriter } from '../../../src/storage/postgres/audit-log.ts';
import { createChanges } from '../../../src/storage/postgres/change.ts';
import { createDeliveryAdmin } from '../../../src/storage/postgres/delivery-admin-store.ts';
import { createSharedPrisma, type SharedPrisma } from '../../../src/storage/postgres/prisma.ts';
import { storeEvents } from '../../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDeliveries, addDestination, failureOf, openDeliveries, reportOf } from '../../support/deliveries.ts';

let database: TestDatabase;
let shared: SharedPrisma;
let admin: DeliveryAdmin;
let here: ReturnType<typeof openDeliveries>;
let destination: string;
let woken: number;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  await database.query('DELETE FROM audit_log');
  const connection = {
    databaseUrl: database.url,
    applicationName: 'test',
    connectTimeoutMs: 5_000,
    queryTimeoutMs: 5_000,
  };
  shared = createSharedPrisma(connection, 2);
  woken = 0;
  const makeChange = createChanges(shared.prisma, createAuditWriter(30));
  admin = createDeliveryAdmin({ prisma: shared.prisma, makeChange, onDue: () => void woken++ });
  here = openDeliveries(database.url);
  destination = await addDestination(database);
});
afterEach(async () => {
  await here.close();
  await shared.close();
});

const change = (action: string): Change => ({ actor: 'test', ip: '127.0.0.1', action, target: null, details: null });
const audited = () => database.query('SELECT action, details FROM audit_log ORDER BY id');
const row = async (id = '') =>
  (
    await database.query(
      `SELECT state, attempts, finished_at, next_attempt_at <= now() AS due, lease_owner FROM deliveries WHERE id = $1`,
      [id],
    )
  )[0];

describe('list', () => {
  const all = { after: null, limit: 100 };
  const ids = async (filter: Parameters<DeliveryAdmin['list']>[0]) =>
    (await admin.list(filter, all)).rows.map(({ id }) => id);

  test('newest first, page by page, also while more come', async () => {
    const made = await addDeliveries(
      database,
      destination,
      Array.from({ length: 5 }, () => ({})),
    );
    const newest = [...made].reverse();
    const first = await admin.list({}, { after: null, limit: 2 });
    expect(first).toMatchObject({ rows: newest.slice(0, 2).map((id) => ({ id })), next: newest[1] });
    await addDeliveries(database, destination, [{}]);
    const second = await admin.list({}, { after: first.next, limit: 2 });
    expect(second.rows.map(({ id }) => id)).toEqual(newest.slice(2, 4));
    const last = await admin.list({}, { after: second.next, limit: 2 });
    expect(last).toMatchObject({ rows: [{ id: newest[4] }], next: null });
  });

  test('by destination, state, event, request and replay', async () => {
    const [eventId = ''] = await storeEvents(database.url, [{ payload: {} }]);
    const [{ request_id: requestId }] = (await database.query('SELECT request_id FROM events')) as [
      { request_id: string },
    ];
    const replayId = randomUUID();
    const other = await addDestination(database);
    const [a, b, c, d] = await addDeliveries(database, destination, [
      { event_id: eventId, request_id: requestId },
      { event_id: eventId, request_id: requestId, replay_id: replayId },
      { event_id: null, request_id: requestId },
      { state: 'dead' },
    ]);
    const [e] = await addDeliveries(database, other, [{ state: 'dead' }]);
    expect(await ids({ destinationId: destination })).toEqual([d, c, b, a]);
    expect(await ids({ state: 'dead' })).toEqual([e, d]);
    expect(await ids({ destinationId: other, state: 'dead' })).toEqual([e]);
    expect(await ids({ eventId })).toEqual([b, a]);
    expect(await ids({ requestId })).toEqual([c, b, a]);
    expect(await ids({ replayId })).toEqual([b]);
    expect(await ids({ eventId: randomUUID() })).toEqual([]);
    expect(await ids({ requestId: randomUUID() })).toEqual([]);
  });

  test('one with its attempts', async () => {
    const [id = ''] = await addDeliveries(database, destination, [{ subject: 's' }]);
    const [leased] = await here.claim();
    if (leased === undefined) throw new Error('nothing is due');
    await here.store.report([failureOf(leased)]);
    // Not now(), which the column rounds to the millisecond, up as well.
    await database.query(`UPDATE deliveries SET next_attempt_at = now() - interval '1 ms'`);
    const [again] = await here.claim();
    if (again === undefined) throw new Error('nothing is due');
    await here.store.report([reportOf(again)]);
    expect(await admin.find(id)).toMatchObject({
      id,
      destinationId: destination,
      provider: 'stripe',
      subject: 's',
      state: 'delivered',
      attempts: 2,
      lastStatus: 200,
      lastFailure: null,
      finishedAt: expect.any(Date),
      history: [
        { number: 1, failure: 'timeout', error: 'no answer in time', status: null, responseBody: null },
        {
          number: 2,
          failure: null,
          status: 200,
          responseHeaders: { 'content-type': 'text/plain' },
          responseBody: Buffer.from('ok'),
        },
      ],
    });
    expect(await admin.find(randomUUID())).toBeNull();
  });
});

describe('retry', () => {
  test('one that waits is due now, and keeps its attempts', async () => {
    const [id = ''] = await addDeliveries(database, destination, [{ attempts: 3, dueIn: 3_600 }]);
    expect(await admin.retry(id, change('delivery.retry'))).toBe('done');
    expect(await row(id)).toMatchObject({ state: 'pending', attempts: 3, due: true });
    expect([woken, await audited()]).toEqual([1, [{ action: 'delivery.retry', details: null }]]);
  });

  test.each(['dead', 'cancelled'])('one that is %s begins anew', async (state) => {
    const [id = ''] = await addDeliveries(database, destination, [
      { state, attempts: 12, finished_at: new Date(), dueIn: 60 },
    ]);
    expect(await admin.retry(id, change('delivery.retry'))).toBe('done');
    expect(await row(id)).toMatchObject({ state: 'pending', attempts: 0, due: true, finished_at: null });
  });

  test.each(['sending', 'delivered'])('one that is %s is left alone', async (state) => {
    const [id = ''] = await addDeliveries(database, destination, [{ state }]);
    expect(await admin.retry(id, change('delivery.retry'))).toBe('conflict');
    expect(await admin.retry(randomUUID(), change('delivery.retry'))).toBe('not_found');
    expect([(await row(id)).state, woken, await audited()]).toEqual([state, 0, []]);
  });
});

describe('cancel', () => {
  test('it is never sent again; what is under way may still arrive', async () => {
    const [pending = '', sending = ''] = await addDeliveries(database, destination, [{ dueIn: 60 }, {}]);
    const [leased] = await here.claim();
    for (const id of [pending, sending]) expect(await admin.cancel(id, change('delivery.cancel'))).toBe('done');
    expect(await row(pending)).toMatchObject({ state: 'cancelled', finished_at: expect.any(Date), lease_owner: null });
    expect(await here.claim()).toEqual([]);
    if (leased !== undefined) await here.store.report([reportOf(leased)]);
    expect((await row(sending)).state).toBe('delivered');
    expect(await admin.cancel(sending, change('delivery.cancel'))).toBe('conflict');
    expect(await admin.cancel(randomUUID(), change('delivery.cancel'))).toBe('not_found');
    expect(await audited()).toHaveLength(2);
  });

  test('the next of its subject is due at once', async () => {
    await database.query(`UPDATE destinations SET ordering = 'subject'`);
    const [first = '', next = ''] = await addDeliveries(database, destination, [
      { subject: 'a', dueIn: 60, attempts: 1 },
      { subject: 'a' },
    ]);
    // Sets the second back.
    expect(await here.claim()).toEqual([]);
    expect((await row(next)).due).toBe(false);
    await admin.cancel(first, change('delivery.cancel'));
    expect((await here.claim()).map(({ id }) => id)).toEqual([next]);
  });
});

test('redrive: dead ones of that destination begin anew, oldest first, so many at a time', async () => {
  const other = await addDestination(database);
  await addDeliveries(database, other, [{ state: 'dead' }]);
  const ids = await addDeliveries(
    database,
    destination,
    Array.from({ length: 5 }, () => ({ state: 'dead', attempts: 9 })),
  );
  expect(await admin.redrive(destination, 3, change('dead.redrive'))).toBe(3);
  expect(await Promise.all(ids.map(async (id) => (await row(id)).state))).toEqual([
    ...Array(3).fill('pending'),
    'dead',
    'dead',
  ]);
  expect(await row(ids[0])).toMatchObject({ attempts: 0, due: true });
  expect(await admin.redrive(destination, 3, change('dead.redrive'))).toBe(2);
  expect(await admin.redrive(destination, 3, change('dead.redrive'))).toBe(0);
  expect(await audited()).toEqual([3, 2].map((redriven) => ({ action: 'dead.redrive', details: { redriven } })));
});
