/** Claims on a real PostgreSQL: what is leased, to whom, and never more than a destination may be sent over all processes. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LeasedDelivery } from '../../../src/core/delivery.ts';
import { SecretBoxError } from '../../../src/core/secret-box.ts';
import { lease, lockTurns } from '../../../src/storage/postgres/delivery-claim.ts';
import { storeEvents } from '../../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDeliveries, addDestination, OWNER, openDeliveries, reportOf } from '../../support/deliveries.ts';

let database: TestDatabase;
let here: ReturnType<typeof openDeliveries>;
let elsewhere: ReturnType<typeof openDeliveries>;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  here = openDeliveries(database.url);
  elsewhere = openDeliveries(database.url);
});
afterEach(async () => {
  await here.close();
  await elsewhere.close();
});

const idsOf = (deliveries: readonly LeasedDelivery[]) => deliveries.map(({ id }) => id).sort();
const many = (count: number, more = {}) => Array.from({ length: count }, () => more);
/** As if so many seconds had passed. */
const pass = (seconds: number) =>
  database.query(
    `UPDATE destination_state SET tokens_at = tokens_at - $1 * interval '1 second',
                                  next_probe_at = next_probe_at - $1 * interval '1 second'`,
    [seconds],
  );

test('what is due is leased once, and what is not due is not', async () => {
  const destination = await addDestination(database);
  const [due = ''] = await addDeliveries(database, destination, [
    {},
    { dueIn: 60 },
    { state: 'dead' },
    { state: 'cancelled' },
  ]);
  const leased = await here.claim();
  expect(idsOf(leased)).toEqual([due]);
  expect(leased[0]).toMatchObject({
    source: 'stripe',
    provider: 'stripe',
    attempts: 0,
    replay: false,
    probe: false,
    undecryptable: null,
    destination: {
      id: destination,
      concurrency: 10,
      target: { kind: 'http', url: 'https://example.com/' },
      state: 'active',
    },
  });
  expect(await elsewhere.claim()).toEqual([]);
  const [row] = await database.query(
    `SELECT lease_owner, lease_until - now() BETWEEN interval '38 s' AND interval '40 s' AS lease FROM deliveries WHERE id = $1`,
    [due],
  );
  expect(row).toEqual({ lease_owner: OWNER, lease: true });
});

test('nothing is leased of a paused destination, nor of one that has been removed', async () => {
  const paused = await addDestination(database, { state: 'paused' });
  const disabled = await addDestination(database, { state: 'auto_paused' });
  for (const id of [paused, disabled, randomUUID()]) await addDeliveries(database, id, [{}]);
  expect(await here.claim()).toEqual([]);
});

test('a lease that has run out is taken over, one that has not is not', async () => {
  const destination = await addDestination(database);
  await addDeliveries(database, destination, [{}, {}]);
  const [lost, kept] = await here.claim();
  await database.query(`UPDATE deliveries SET lease_until = now() - interval '1 ms' WHERE id = $1`, [lost?.id]);
  const taken = await elsewhere.claim(100, randomUUID());
  expect(idsOf(taken)).toEqual([lost?.id]);
  const owners = await database.query('SELECT lease_owner FROM deliveries WHERE id = $1', [kept?.id]);
  expect(owners).toEqual([{ lease_owner: OWNER }]);
});

test('no more are under way than the concurrency allows, over two processes', async () => {
  const destination = await addDestination(database, { concurrency: 3 });
  await addDeliveries(database, destination, many(10));
  const first = await here.claim(2);
  const second = await elsewhere.claim(100, randomUUID());
  expect([first.length, second.length]).toEqual([2, 1]);
  expect(await here.claim()).toEqual([]);
  await here.store.report(first.slice(0, 1).map((delivery) => reportOf(delivery)));
  expect(await elsewhere.claim()).toHaveLength(1);
});

test('however many claim at once, the concurrency holds', async () => {
  const destination = await addDestination(database, { concurrency: 7 });
  await addDeliveries(database, destination, many(60));
  for (let round = 0; round < 5; round++) {
    const claims = await Promise.all([here.claim(4), elsewhere.claim(4), here.claim(4), elsewhere.claim(4)]);
    const leased = claims.flat();
    expect(new Set(idsOf(leased)).size).toBe(leased.length);
    const [{ count }] = (await database.query(`SELECT count(*)::int FROM deliveries WHERE state = 'sending'`)) as [
      { count: number },
    ];
    expect(count).toBeLessThanOrEqual(7);
    await here.store.report(leased.map((delivery) => reportOf(delivery)));
  }
});

test('while one claims of a destination, others leave it out', async () => {
  const destination = await addDestination(database, { concurrency: 3 });
  const other = await addDestination(database);
  await addDeliveries(database, destination, many(10));
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query('BEGIN');
    const claim = { owner: OWNER, limit: 2, leaseMs: 1_000, ahead: new Map() };
    const turns = await lockTurns(client, claim);
    expect(await lease(client, turns, claim)).toHaveLength(2);
    await addDeliveries(database, other, [{}]);
    expect((await here.claim()).map(({ destination }) => destination.id)).toEqual([other]);
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
  expect(await here.claim()).toHaveLength(1);
});

describe('rate', () => {
  test('so many a second, over two processes, and never more than one second is saved up', async () => {
    const destination = await addDestination(database, { rate_per_second: 4, concurrency: 100 });
    await addDeliveries(database, destination, many(30));
    await pass(3_600);
    expect(await here.claim()).toHaveLength(4);
    // From here on no time passes for the bucket.
    await database.query(`UPDATE destination_state SET tokens = 2.5, tokens_at = now() + interval '1 hour'`);
    expect([await elsewhere.claim(1), await here.claim()].flat()).toHaveLength(2);
    expect([await elsewhere.claim(), await here.claim()].flat()).toHaveLength(0);
    expect(await here.store.nextDueInMs()).toSatisfy((ms: number) => ms > 0 && ms <= 126);
  });

  test('less than one a second', async () => {
    const destination = await addDestination(database, { rate_per_second: 0.1 });
    await addDeliveries(database, destination, many(3));
    expect(await here.claim()).toHaveLength(1);
    await pass(5);
    expect(await here.claim()).toHaveLength(0);
    expect(await here.store.nextDueInMs()).toSatisfy((ms: number) => ms > 2_000 && ms <= 5_001);
    await pass(5);
    expect(await here.claim()).toHaveLength(1);
  });

  test('what is given back unused may be taken again', async () => {
    const destination = await addDestination(database, { rate_per_second: 1 });
    await addDeliveries(database, destination, many(3));
    const leased = await here.claim();
    expect(await here.claim()).toEqual([]);
    await here.store.release(randomUUID(), leased);
    expect(await here.claim()).toEqual([]);
    await here.store.release(OWNER, leased);
    const again = await here.claim();
    expect(idsOf(again)).toEqual(idsOf(leased));
    expect(again[0]?.attempts).toBe(0);
  });
});

describe('fairness', () => {
  test('a limit is shared by destinations, and whoever got less is first the next time', async () => {
    const destinations = [
      await addDestination(database),
      await addDestination(database),
      await addDestination(database),
    ];
    for (const id of destinations) await addDeliveries(database, id, many(20));
    const leased = await here.claim(7);
    const shares = destinations.map((id) => leased.filter(({ destination }) => destination.id === id).length);
    expect(shares.sort()).toEqual([2, 2, 3]);
    const turns = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const [one] = await here.claim(1);
      turns.add(one?.destination.id ?? '');
    }
    expect(turns.size).toBe(3);
  });

  test('live deliveries come before replays', async () => {
    const destination = await addDestination(database, { concurrency: 3 });
    const replay = { replay_id: randomUUID(), dueIn: -3_600 };
    const replays = await addDeliveries(database, destination, [replay, replay]);
    const live = await addDeliveries(database, destination, [{}, {}]);
    const leased = await here.claim();
    expect(idsOf(leased.filter(({ replay }) => !replay))).toEqual(live);
    expect(idsOf(leased.filter(({ replay }) => replay))).toEqual(replays.slice(0, 1));
  });
});

describe('ordering', () => {
  const ordered = { ordering: 'subject', concurrency: 100 };

  test('of a subject only the first that is unfinished; without a subject all', async () => {
    const destination = await addDestination(database, ordered);
    const [a1 = '', a2 = '', b1 = '', none1 = '', none2 = ''] = await addDeliveries(database, destination, [
      { subject: 'a', dueIn: -10 },
      { subject: 'a', dueIn: -60 },
      { subject: 'b' },
      {},
      {},
    ]);
    const first = await here.claim();
    expect(idsOf(first)).toEqual([a1, b1, none1, none2].sort());
    expect(await elsewhere.claim()).toEqual([]);
    await here.store.report(first.map((delivery) => reportOf(delivery)));
    expect(idsOf(await elsewhere.claim())).toEqual([a2]);
  });

  test.each(['dead', 'cancelled'])('the next starts once the one before is %s', async (state) => {
    const destination = await addDestination(database, ordered);
    const [, next = ''] = await addDeliveries(database, destination, [{ subject: 'a', state }, { subject: 'a' }]);
    expect(idsOf(await here.claim())).toEqual([next]);
  });

  test('one that waits for its next attempt holds up its subject, and replays hold up nobody', async () => {
    const destination = await addDestination(database, ordered);
    const replay = { subject: 'b', replay_id: randomUUID(), dueIn: 60 };
    const [, , , b = ''] = await addDeliveries(database, destination, [
      { subject: 'a', dueIn: 60, attempts: 1 },
      { subject: 'a' },
      replay,
      { subject: 'b' },
    ]);
    expect(idsOf(await here.claim())).toEqual([b]);
  });

  test('a replay is not held up either', async () => {
    const destination = await addDestination(database, ordered);
    const [, replay = ''] = await addDeliveries(database, destination, [
      { subject: 'a', dueIn: 60, attempts: 1 },
      { subject: 'a', replay_id: randomUUID() },
    ]);
    expect(idsOf(await here.claim())).toEqual([replay]);
  });
});

describe('content', () => {
  const stored = async (payload: object) => {
    const [eventId = ''] = await storeEvents(database.url, [{ payload: payload as never }]);
    const [event] = await database.query('SELECT * FROM events WHERE id = $1', [eventId]);
    return event;
  };

  test.each([
    ['event', true, false],
    ['native', true, true],
    ['original', false, true],
  ])('with the format %s the event is loaded: %s, the request: %s', async (format, withEvent, withRequest) => {
    const event = await stored({ amount: 1 });
    const destination = await addDestination(database, { format });
    await addDeliveries(database, destination, [
      { event_id: format === 'original' ? null : event.id, request_id: event.request_id },
    ]);
    const [leased] = await here.claim();
    expect(leased?.event).toEqual(
      withEvent
        ? {
            id: event.id,
            type: 'test.counted',
            dedupeKey: event.dedupe_key,
            subject: null,
            occurredAt: null,
            payload: '{"amount": 1}',
          }
        : null,
    );
    expect(leased?.request).toEqual(
      withRequest ? { id: event.request_id, headers: {}, body: Buffer.from('{}') } : null,
    );
  });

  test('what is gone is null, and the delivery is leased all the same', async () => {
    const destination = await addDestination(database, { format: 'native' });
    await addDeliveries(database, destination, [{}]);
    expect(await here.claim()).toMatchObject([{ event: null, request: null }]);
  });

  test('so many bytes at a time: the rest stays due, and no token is lost', async () => {
    const destination = await addDestination(database, { format: 'original', rate_per_second: 100 });
    await pass(1);
    const event = await stored({});
    // The body of one request is 9 MiB, and that of the other two as well.
    await database.query(`UPDATE webhook_requests SET body = convert_to(repeat('x', 9 * 1024 * 1024), 'UTF8')`);
    const others = [await stored({}), await stored({})];
    await database.query(`UPDATE webhook_requests SET body = convert_to(repeat('x', 9 * 1024 * 1024), 'UTF8')`);
    for (const { request_id } of [event, event, ...others]) {
      await addDeliveries(database, destination, [{ event_id: null, request_id, replay_id: randomUUID() }]);
    }
    // One body for two deliveries counts once.
    const leased = await here.claim();
    expect(leased.map(({ request }) => request?.id)).toEqual([event.request_id, event.request_id]);
    const [state] = await database.query('SELECT round(tokens)::int AS tokens FROM destination_state');
    expect(state.tokens).toBe(98);
    expect(await here.claim()).toHaveLength(1);
    expect(await here.claim()).toHaveLength(1);
  });

  test('secrets are opened for the place where they stand; one that cannot be is told and left out', async () => {
    const fields: string[] = [];
    const place = openDeliveries(database.url, {
      box: {
        open(token, { destinationId, field }) {
          fields.push(`${destinationId} ${field}`);
          if (token === 'lost') throw new SecretBoxError('no key fits');
          return token.toUpperCase();
        },
      },
    });
    const good = await addDestination(database, {
      secrets: ['one', 'two'],
      secret_headers: { Authorization: 'three' },
    });
    const bad = await addDestination(database, { secrets: ['lost'], secret_headers: { 'X-Key': 'kept' } });
    await addDeliveries(database, good, [{}]);
    await addDeliveries(database, bad, [{}]);
    const leased = await place.claim();
    await place.close();
    const byId = new Map(leased.map((delivery) => [delivery.destination.id, delivery]));
    expect(byId.get(good)).toMatchObject({
      undecryptable: null,
      destination: { secrets: ['ONE', 'TWO'], secretHeaders: { Authorization: 'THREE' } },
    });
    expect(byId.get(bad)).toMatchObject({
      undecryptable: 'a signing secret: no key fits',
      destination: { secrets: [], secretHeaders: { 'X-Key': 'KEPT' } },
    });
    expect(fields).toContain(`${good} secret_headers.authorization`);
  });
});

describe('nextDueInMs', () => {
  test('nothing waits: null', async () => {
    const paused = await addDestination(database, { state: 'paused' });
    await addDeliveries(database, paused, [{}]);
    expect(await here.store.nextDueInMs()).toBeNull();
  });

  test('the first of all destinations', async () => {
    for (const dueIn of [600, 60, 300]) await addDeliveries(database, await addDestination(database), [{ dueIn }]);
    expect(await here.store.nextDueInMs()).toSatisfy((ms: number) => ms > 40_000 && ms <= 60_001);
    await addDeliveries(database, await addDestination(database), [{ dueIn: 30, replay_id: randomUUID() }]);
    expect(await here.store.nextDueInMs()).toSatisfy((ms: number) => ms > 10_000 && ms <= 30_001);
    await addDeliveries(database, await addDestination(database), [{}]);
    expect(await here.store.nextDueInMs()).toBe(0);
  });

  test('where no more may be under way, the end of the first lease', async () => {
    const destination = await addDestination(database, { concurrency: 1 });
    await addDeliveries(database, destination, [{}, {}]);
    await here.claim();
    expect(await here.store.nextDueInMs()).toSatisfy((ms: number) => ms > 20_000 && ms <= 40_001);
  });
});
