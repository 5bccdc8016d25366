/** A destination that is paused, and the event that tells of it, on a real PostgreSQL: both or neither, and once. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AttemptReport } from '../../../src/core/delivery.ts';
import { gateway } from '../../../src/providers/gateway/index.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDeliveries, addDestination, failureOf, openDeliveries } from '../../support/deliveries.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';

let database: TestDatabase;
let here: ReturnType<typeof openDeliveries>;
let destination: string;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  here = openDeliveries(database.url);
  destination = await addDestination(database, { name: 'shop' });
});
afterEach(() => here.close());

const GONE = { failure: 'gone', pause: 'it answered 410 Gone' } as const;
const events = () => database.query('SELECT *, payload::text AS text FROM events');
const stateOf = async (id = destination) =>
  (await database.query('SELECT state FROM destinations WHERE id = $1', [id]))[0]?.state;

/** As many deliveries, each answered by 410. */
async function gone(count: number): Promise<AttemptReport[]> {
  await addDeliveries(
    database,
    destination,
    Array.from({ length: count }, () => ({})),
  );
  return (await here.claim()).map((delivery) => failureOf(delivery, GONE));
}

test('the event is stored as one that came by a request: to be dispatched, with a body that says the same', async () => {
  const [paused] = await here.store.report(await gone(1));
  expect(paused).toMatchObject({ id: destination, name: 'shop', reason: GONE.pause, failingSince: expect.any(Date) });
  const at = paused?.at ?? new Date(0);
  const [event] = await events();
  expect(event).toMatchObject({
    source: 'gateway',
    provider: 'gateway',
    type: 'destination.auto_paused',
    subject: destination,
    dedupe_key: `destination.auto_paused:${destination}:${at.getTime()}`,
    occurred_at: at,
    payload: {
      type: 'destination.auto_paused',
      at: at.toISOString(),
      destination: { id: destination, name: 'shop' },
      reason: GONE.pause,
      failingSince: paused?.failingSince?.toISOString(),
    },
  });
  const [request] = await database.query('SELECT *, body_sha256 = sha256(body) AS hashed FROM webhook_requests');
  expect(request).toMatchObject({
    id: event.request_id,
    source: 'gateway',
    provider: 'gateway',
    received_at: event.received_at,
    headers: { 'content-type': 'application/json' },
    hashed: true,
  });
  expect(event.id.slice(0, 13)).toBe(request.id.slice(0, 13));
  expect(await database.query('SELECT event_id, attempts, routed_at FROM event_dispatch')).toEqual([
    { event_id: event.id, attempts: 0, routed_at: null },
  ]);
  const { type, subject, dedupe_key: dedupeKey, occurred_at: occurredAt } = event;
  const [parsed] = gateway.parse({ body: request.body, requestId: request.id, receivedAt: request.received_at });
  expect({ ...parsed, payload: JSON.parse(parsed?.payload ?? '') }).toEqual({
    ...{ type, subject, dedupeKey, occurredAt },
    payload: event.payload,
  });
});

test('of many reports at once, in one transaction or in several, one event comes', async () => {
  const reports = await gone(10);
  const other = openDeliveries(database.url);
  const paused = await Promise.all([
    ...reports.slice(0, 5).map((report) => here.store.report([report])),
    other.store.report(reports.slice(5)),
  ]);
  await other.close();
  expect(paused.flat()).toHaveLength(1);
  expect(await events()).toHaveLength(1);
});

test.each(['sent', 'answered'] as const)(
  'a commit that was %s when the connection broke is repeated: one event',
  async (when) => {
    const [report] = await gone(1);
    const url = new URL(database.url);
    const proxy = await startTcpProxy(Number(url.port));
    url.port = String(proxy.port);
    const behind = openDeliveries(url.toString());
    proxy.cutAfter((chunk) => (chunk.includes('COMMIT') ? when : null));
    await expect(behind.store.report(report === undefined ? [] : [report])).rejects.toThrow();
    proxy.cutAfter(() => null);
    await behind.store.report(report === undefined ? [] : [report]);
    await behind.close();
    await proxy.close();
    expect([await stateOf(), (await events()).length]).toEqual(['auto_paused', 1]);
  },
);

test('without the event there is no pause: what cannot be written takes the whole report back', async () => {
  const reports = await gone(1);
  await database.query(`ALTER TABLE events ADD CONSTRAINT no_own CHECK (source <> 'gateway')`);
  await expect(here.store.report(reports)).rejects.toThrow();
  expect([await stateOf(), await events()]).toEqual(['active', []]);
  await database.query('ALTER TABLE events DROP CONSTRAINT no_own');
  expect(await here.store.report(reports)).toHaveLength(1);
  expect([await stateOf(), (await events()).length]).toEqual(['auto_paused', 1]);
});

test('resumed and failing again it is told of again', async () => {
  const [first, second] = await gone(2);
  for (const report of [first, second]) {
    await database.query(`UPDATE destinations SET state = 'active'`);
    expect(await here.store.report(report === undefined ? [] : [report])).toHaveLength(1);
  }
  expect(await events()).toHaveLength(2);
});
