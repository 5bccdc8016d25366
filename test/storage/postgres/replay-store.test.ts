/** Replays on a real PostgreSQL: walked in bounded steps, each event owed once, whoever dies or comes late. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { StoreError } from '../../../src/core/errors.ts';
import type { PlanReplay, ReplayScope } from '../../../src/core/replay.ts';
import { storeEvents, type TestEvent } from '../../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDestination, openDeliveries, reportOf } from '../../support/deliveries.ts';
import { openReplayAdmin, openReplaySteps, REPLAY_CHANGE } from '../../support/replays.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
let operator: ReturnType<typeof openReplayAdmin>;
let worker: ReturnType<typeof openReplaySteps>;
let destination: string;
beforeAll(async () => {
  database = await createDatabase();
  operator = openReplayAdmin(database.url);
});
afterAll(async () => {
  await operator.close();
  await database.drop();
});
beforeEach(async () => {
  await database.truncate();
  worker = openReplaySteps(database.url);
  destination = await addDestination(database);
});
afterEach(() => worker.close());

const store = (events: readonly TestEvent[]) => storeEvents(database.url, events);
const some = (count: number, more: Partial<TestEvent> = {}) =>
  Array.from({ length: count }, (): TestEvent => ({ payload: {}, ...more }));
const owed = async (replayId: string): Promise<string[]> =>
  (await database.query('SELECT event_id FROM deliveries WHERE replay_id = $1 ORDER BY id', [replayId])).map(
    ({ event_id }) => event_id,
  );
const states = async (replayId: string) => {
  const rows = await database.query(
    'SELECT state, count(*)::int AS n FROM deliveries WHERE replay_id = $1 GROUP BY state ORDER BY state',
    [replayId],
  );
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
};
const dueNow = () => database.query(`UPDATE replays SET next_step_at = now() - interval '1 second'`);
const found = async (id: string) => (await operator.admin.find(id)) ?? expect.fail('there is none');
const range = (from: number, to: number, types = ['*'], condition: object | null = null): ReplayScope => ({
  kind: 'filter',
  filter: { sources: null, types, condition: condition as never },
  from: new Date(from),
  to: new Date(to),
});

describe('the walk', () => {
  test('owes each event of the range once more, in the order of their ids, as an operator’s', async () => {
    const [first = '', ...others] = await store(some(3));
    const [event] = await database.query('SELECT * FROM events WHERE id = $1', [first]);
    const id = await operator.order();
    expect(await worker.all()).toEqual([{ replayId: id, state: 'done', made: 3, scanned: 3, matched: 3, owed: 3 }]);
    expect(await owed(id)).toEqual([first, ...others]);
    const [row] = await database.query('SELECT * FROM deliveries WHERE event_id = $1', [first]);
    expect(row).toMatchObject({
      destination_id: destination,
      request_id: event.request_id,
      replay_id: id,
      source: 'stripe',
      type: 'test.counted',
      state: 'pending',
      attempts: 0,
      received_at: event.received_at,
    });
    expect(await found(id)).toMatchObject({
      state: 'done',
      progress: 1,
      finishedAt: expect.any(Date),
      createdBy: 'test',
      deliveries: { pending: 3, delivered: 0, dead: 0, cancelled: 0 },
    });
    expect(await worker.store.nextDueInMs()).toBeNull();
  });

  test('ends where received_at does, whatever the ids say', async () => {
    const at = Date.now() - 3_600_000;
    const times = [-700_000, -1, 0, 500, 999, 1_000, 700_000].map((ms) => ({
      payload: {},
      receivedAt: new Date(at + ms),
    }));
    const ids = await store(times);
    // Made while its body arrived.
    await database.query('UPDATE events SET received_at = $2 WHERE id = $1', [ids[5], new Date(at + 999)]);
    const id = await operator.order({ scope: range(at, at + 1_000) });
    await worker.all();
    expect(await owed(id)).toEqual(ids.slice(2, 6));
    expect(await found(id)).toMatchObject({ scanned: 4, progress: 1 });
  });

  test('10,000 events take bounded steps, and say how far they are', async () => {
    await store(some(10_000));
    const id = await operator.order();
    const step = await worker.step();
    expect(step).toMatchObject({ state: 'running', made: 500, scanned: 500 });
    const { progress, finishedAt } = await found(id);
    expect(progress > 0 && progress < 1).toBe(true);
    expect(finishedAt).toBeNull();
    const steps = await worker.all();
    expect(steps.every(({ made }) => made <= 500)).toBe(true);
    expect(steps.at(-1)).toMatchObject({ state: 'done', scanned: 10_000, matched: 10_000, owed: 10_000 });
    expect(new Set(await owed(id)).size).toBe(10_000);
  });

  test('listed events: each once, without those that are gone', async () => {
    const ids = await store(some(5));
    const listed = [ids[3], randomUUID(), ids[1], ids[3]?.toUpperCase()] as string[];
    const id = await operator.order({ scope: { kind: 'events', eventIds: listed } });
    await worker.all();
    expect(await owed(id)).toEqual([ids[1], ids[3]]);
    expect(await found(id)).toMatchObject({ scanned: 2, progress: 1, scope: { kind: 'events' } });
  });

  test('a payload is looked into where somebody asks for it, and 20 MB of them take several steps', async () => {
    const big = 'x'.repeat(5_000_000);
    const ids = await store([1, 2, 3, 4].map((n) => ({ payload: { by: n % 2, shape: { big } } })));
    await store(some(2, { type: 'other' }));
    const id = await operator.order({ scope: range(0, Date.now(), ['test.*'], { by: 1 }) });
    const steps = await worker.all();
    expect(steps.length).toBeGreaterThan(3);
    expect(steps.at(-1)).toMatchObject({ state: 'done', scanned: 6, matched: 2 });
    expect(await owed(id)).toEqual([ids[0], ids[2]]);
  });

  test('with the format original a request is owed once, also if a step ends in its middle', async () => {
    await database.query(`UPDATE destinations SET format = 'original'`);
    await store(some(4));
    await database.query('UPDATE events SET request_id = (SELECT request_id FROM events ORDER BY id LIMIT 1)');
    const id = await operator.order({ ratePerSecond: 3 });
    expect(await worker.step()).toMatchObject({ state: 'running', made: 1, matched: 3 });
    await dueNow();
    expect(await worker.step()).toMatchObject({ state: 'done', made: 0, matched: 4, owed: 1 });
    expect(await owed(id)).toEqual([null]);
  });

  test('destinations count as they are when an event’s turn comes', async () => {
    const gone = await addDestination(database, { name: 'gone' });
    const ids = await store(some(4));
    const id = await operator.order({ ratePerSecond: 2 });
    await worker.step();
    await database.query('DELETE FROM destinations WHERE id = $1', [gone]);
    const late = await addDestination(database, { name: 'late', types: ['test.*'] });
    await dueNow();
    await worker.all();
    const rows = await database.query('SELECT destination_id, event_id FROM deliveries WHERE replay_id = $1', [id]);
    const of = (destinationId: string) =>
      rows.filter((row) => row.destination_id === destinationId).map(({ event_id }) => event_id);
    expect([of(destination).sort(), of(gone).sort(), of(late).sort()]).toEqual([ids, ids.slice(0, 2), ids.slice(2)]);
  });

  test('what becomes visible behind it is not owed: dispatch does that', async () => {
    const old = { payload: {}, receivedAt: new Date(Date.now() - 7_200_000) };
    const ids = await store(some(600));
    const id = await operator.order();
    await worker.step();
    await store([old]);
    await worker.all();
    expect(await owed(id)).toEqual(ids);
  });

  test('nothing that arrives after the order is owed', async () => {
    const ids = await store(some(2));
    const id = await operator.order({ scope: range(Date.now() - 60_000, Date.now()) });
    await store([{ payload: {}, receivedAt: new Date(Date.now() + 5_000) }]);
    await worker.all();
    expect(await owed(id)).toEqual(ids);
  });
});

describe('several at a time', () => {
  test('two workers: each replay owes each event once', async () => {
    const ids = await store(some(3_000));
    const other = openReplaySteps(database.url);
    const replays = [await operator.order(), await operator.order(), await operator.order()];
    const ended = async () => (await Promise.all(replays.map(found))).every(({ state }) => state === 'done');
    const steps: number[] = [0, 0];
    await Promise.all(
      [worker, other].map(async ({ step }, index) => {
        while (!(await ended())) if ((await step()) !== null) steps[index] = (steps[index] ?? 0) + 1;
      }),
    );
    await other.close();
    expect(steps.every((count) => count > 0)).toBe(true);
    for (const id of replays) {
      expect(await owed(id)).toEqual(ids);
      expect(await found(id)).toMatchObject({ scanned: 3_000, matched: 3_000, owed: 3_000 });
    }
  });

  test('they take turns, and one that nobody can get on with stands in nobody’s way', async () => {
    await store(some(600));
    const [broken, good] = [await operator.order(), await operator.order()];
    const plan: PlanReplay = (order) => {
      if (order.id === broken) throw new TypeError('the secret is 42');
      return { readsPayload: () => false, owe: (events) => ({ deliveries: [], taken: events.length, matched: 0 }) };
    };
    const { all, close } = openReplaySteps(database.url, plan);
    await all();
    await close();
    expect(await found(broken)).toMatchObject({
      state: 'failed',
      finishedAt: expect.any(Date),
      error: 'its events cannot be planned: TypeError was thrown',
    });
    expect(await found(good)).toMatchObject({ state: 'done', scanned: 600 });
  });
});

test('cut off before and after its commits, it owes each event once', async () => {
  const ids = await store(some(2_600));
  const url = new URL(database.url);
  const proxy = await startTcpProxy(Number(url.port));
  url.port = String(proxy.port);
  const place = openReplaySteps(url.toString());
  const id = await operator.order();
  let cuts = 0;
  // Now before the server has it, now after; every other transaction gets through.
  proxy.cutAfter((chunk) =>
    chunk.includes('COMMIT') && cuts < 8 && cuts++ % 2 === 0 ? (cuts % 4 === 1 ? 'sent' : 'answered') : null,
  );
  await until('the walk to end', async () => {
    await place.step().catch((error: unknown) => expect(error).toBeInstanceOf(StoreError));
    return (await found(id)).state === 'done';
  });
  await place.close();
  await proxy.close();
  expect(cuts).toBe(8);
  expect(await owed(id)).toEqual(ids);
  expect(await found(id)).toMatchObject({ scanned: 2_600, matched: 2_600, owed: 2_600, error: null });
});

describe('the rate', () => {
  test('a step owes a second’s events at most, and the next is due when their time is over', async () => {
    await store([...some(3, { type: 'other' }), ...some(8)]);
    const id = await operator.order({ scope: range(0, Date.now(), ['test.*']), ratePerSecond: 2.5 });
    const [{ now: before }] = (await database.query('SELECT clock_timestamp() AS now')) as [{ now: Date }];
    expect(await worker.step()).toMatchObject({ state: 'running', scanned: 5, matched: 2, owed: 2 });
    const [row] = await database.query('SELECT next_step_at, clock_timestamp() AS now FROM replays');
    // Two events at 2.5 a second.
    expect(row.next_step_at.getTime()).toBeGreaterThanOrEqual(before.getTime() + 799);
    expect(row.next_step_at.getTime()).toBeLessThanOrEqual(row.now.getTime() + 800);
    await database.query(`UPDATE replays SET next_step_at = now() + interval '1 hour'`);
    expect(await worker.step()).toBeNull();
    const dueIn = (await worker.store.nextDueInMs()) ?? 0;
    expect(dueIn > 3_000_000 && dueIn <= 3_600_000).toBe(true);
    await dueNow();
    expect(await worker.store.nextDueInMs()).toBe(0);
    expect(await worker.step()).toMatchObject({ matched: 4 });
    expect((await found(id)).matched).toBe(4);
  });

  test('less than one a second is one at a time; what is not owed takes none of it', async () => {
    await store(some(3));
    await operator.order({ ratePerSecond: 0.1 });
    expect(await worker.step()).toMatchObject({ matched: 1, scanned: 1 });
    const [row] = await database.query('SELECT extract(epoch FROM next_step_at - now()) AS seconds FROM replays');
    expect(Number(row.seconds)).toBeGreaterThan(8);
    await database.query('DELETE FROM replays');
    await operator.order({ scope: range(0, Date.now(), ['nothing']), ratePerSecond: 0.1 });
    expect(await worker.step()).toMatchObject({ state: 'done', matched: 0, scanned: 3 });
  });
});

describe('cancel', () => {
  test('nothing more is owed, what waits is cancelled in steps, and what is under way ends first', async () => {
    await store(some(1_600));
    const id = await operator.order();
    for (let step = 0; step < 3; step++) await worker.step();
    const deliveries = openDeliveries(database.url);
    const [arrives, fails] = await deliveries.claim(2);
    if (arrives === undefined || fails === undefined) throw new Error('nothing is due');
    expect(await operator.admin.cancel(id, REPLAY_CHANGE)).toBe('done');
    expect(await operator.admin.cancel(id, REPLAY_CHANGE)).toBe('done');
    expect(await worker.step()).toMatchObject({ state: 'cancelling', made: 0, owed: 1_500 });
    expect(await states(id)).toEqual({ cancelled: 1_000, pending: 498, sending: 2 });
    expect(await worker.step()).toMatchObject({ state: 'cancelling' });
    expect(await states(id)).toEqual({ cancelled: 1_498, sending: 2 });
    expect(await worker.step()).toBeNull();
    const failure = { failure: 'timeout', next: { state: 'pending', inMs: 0 }, answer: null } as const;
    await deliveries.store.report([reportOf(arrives), reportOf(fails, failure)]);
    await dueNow();
    expect(await worker.step()).toMatchObject({ state: 'cancelled' });
    expect(await states(id)).toEqual({ cancelled: 1_499, delivered: 1 });
    expect(await deliveries.claim()).toEqual([]);
    await deliveries.close();
    expect(await operator.admin.cancel(id, REPLAY_CHANGE)).toBe('conflict');
    expect(await found(id)).toMatchObject({
      state: 'cancelled',
      finishedAt: expect.any(Date),
      deliveries: { pending: 0, delivered: 1, dead: 0, cancelled: 1_499 },
    });
    expect((await found(id)).progress).toBeLessThan(1);
  });

  test('one that has owed everything, for as long as some of it waits', async () => {
    await store(some(2));
    const id = await operator.order();
    await worker.all();
    expect(await operator.admin.cancel(id, REPLAY_CHANGE)).toBe('done');
    await worker.all();
    expect(await states(id)).toEqual({ cancelled: 2 });
    expect(await operator.admin.cancel(randomUUID(), REPLAY_CHANGE)).toBe('not_found');
  });

  test('a lease that has ended is cancelled as well, and live deliveries are not touched', async () => {
    const ids = await store(some(1));
    const id = await operator.order();
    await worker.all();
    await database.query(
      `UPDATE deliveries SET state = 'sending', lease_owner = gen_random_uuid(), lease_until = now() - interval '1 second'`,
    );
    await database.query(
      `INSERT INTO deliveries (id, destination_id, event_id, request_id, source, provider, type, state, next_attempt_at, received_at, created_at)
       SELECT gen_random_uuid(), destination_id, event_id, request_id, source, provider, type, 'pending', now(), now(), now() FROM deliveries`,
    );
    await operator.admin.cancel(id, REPLAY_CHANGE);
    await worker.all();
    expect(await states(id)).toEqual({ cancelled: 1 });
    expect(await database.query('SELECT event_id, state FROM deliveries WHERE replay_id IS NULL')).toEqual([
      { event_id: ids[0], state: 'pending' },
    ]);
  });
});

test('whoever erases a person while her events are replayed leaves nothing of her behind', async () => {
  const [id] = await store(some(1));
  await database.query(`UPDATE events SET subject = '491700000000'`);
  const replay = await operator.order();
  const eraser = new pg.Client(database.url);
  await eraser.connect();
  await eraser.query('BEGIN');
  await eraser.query('SELECT FROM events WHERE id = $1 FOR UPDATE', [id]);
  await eraser.query('UPDATE events SET payload = NULL, subject = NULL WHERE id = $1', [id]);
  const stepping = worker.step();
  await until('the step to wait', async () => {
    const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    return (await database.query(waiting)).length > 0;
  });
  await eraser.query('COMMIT');
  await eraser.end();
  await stepping;
  expect(await database.query('SELECT subject, replay_id FROM deliveries')).toEqual([
    { subject: null, replay_id: replay },
  ]);
});

test('while PostgreSQL is away it waits, and goes on', async () => {
  await store(some(1));
  const url = new URL(database.url);
  const proxy = await startTcpProxy(Number(url.port));
  url.port = String(proxy.port);
  const away = openReplaySteps(url.toString());
  const id = await operator.order();
  await proxy.close();
  await expect(away.step()).rejects.toMatchObject({ name: 'StoreError', fault: 'unavailable' });
  await expect(away.store.nextDueInMs()).rejects.toBeInstanceOf(StoreError);
  await away.close();
  expect((await found(id)).state).toBe('running');
  await worker.all();
  expect(await owed(id)).toHaveLength(1);
});

describe('orders', () => {
  test('to a destination that is none are refused', async () => {
    const order = { id: randomUUID(), scope: range(0, 1), ignoreFilter: false, ratePerSecond: null };
    const destinationIds = [destination, randomUUID()];
    expect(await operator.admin.create({ ...order, destinationIds }, REPLAY_CHANGE)).toBeNull();
    expect(await database.query('SELECT FROM replays')).toEqual([]);
    expect(await operator.admin.find(order.id)).toBeNull();
  });

  test('are listed as they were given, newest first, page by page', async () => {
    const condition = { 'customer.id': { $in: ['cus_1', 'naïve'] } };
    const filter = { sources: ['stripe'], types: ['a', 'b.*'], condition };
    const scope = { kind: 'filter', filter, from: new Date(1e12), to: new Date(1e12 + 1) } as const;
    const more = { destinationIds: [destination], ignoreFilter: true, ratePerSecond: 0.5 };
    const ids = [await operator.order(), await operator.order({ scope, ...more }), await operator.order()];
    const first = await operator.admin.list({ after: null, limit: 2 });
    expect(first.rows.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    expect(first.rows[1]).toMatchObject({ scope, ...more, state: 'running', progress: 0, error: null });
    const last = await operator.admin.list({ after: first.next, limit: 2 });
    expect(last).toMatchObject({ rows: [{ id: ids[0], destinationIds: null }], next: null });
  });
});
