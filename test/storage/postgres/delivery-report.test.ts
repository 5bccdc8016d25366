/** Reports on a real PostgreSQL: what becomes of deliveries, of their subjects, and of destinations that fail. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AttemptReport, LeasedDelivery } from '../../../src/core/delivery.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDeliveries, addDestination, failureOf, OWNER, openDeliveries, reportOf } from '../../support/deliveries.ts';
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
  destination = await addDestination(database, { concurrency: 1_000 });
});
afterEach(() => here.close());

/** Seconds, give or take five: the machine may be busy. */
const about = (seconds: number) => expect.closeTo(seconds, -1);
const row = async (id: string | undefined) => {
  const [found] = await database.query(
    `SELECT state, attempts, lease_owner, last_status, last_failure, finished_at IS NOT NULL AS finished,
            round(extract(epoch FROM next_attempt_at - now()))::int AS due_in FROM deliveries WHERE id = $1`,
    [id],
  );
  return found;
};
const attempts = (id: string | undefined) =>
  database.query('SELECT * FROM delivery_attempts WHERE delivery_id = $1 ORDER BY number, id', [id]);
const state = async (id = destination) => {
  const [found] = await database.query(
    `SELECT failures, failing_since, circuit_open, delivered_at,
            round(extract(epoch FROM next_probe_at - now()))::int AS probe_in FROM destination_state WHERE destination_id = $1`,
    [id],
  );
  return found;
};
const paused = async () =>
  (await database.query('SELECT state, pause_reason FROM destinations WHERE id = $1', [destination]))[0];
const one = async (): Promise<LeasedDelivery> => {
  const [leased] = await here.claim(1);
  if (leased === undefined) throw new Error('nothing is due');
  return leased;
};
const many = (count: number, more = {}) => Array.from({ length: count }, () => more);
const probeNow = () => database.query(`UPDATE destination_state SET next_probe_at = now() - interval '1 ms'`);

describe('a delivery', () => {
  test('is reported again as a whole where the transaction could not begin', async () => {
    await addDeliveries(database, destination, [{}]);
    const report = reportOf(await one());
    const proxy = await startTcpProxy(Number(new URL(database.url).port));
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const there = openDeliveries(url.toString());
    try {
      proxy.cutAfter((chunk) => {
        const at = chunk.indexOf('BEGIN');
        if (at >= 0) chunk.write('BEGUN', at);
        return null;
      });
      await expect(there.store.report([report])).rejects.toMatchObject({ sqlState: '42601' });
      expect(await attempts(report.deliveryId)).toEqual([]);
    } finally {
      await there.close();
      await proxy.close();
    }
    await here.store.report([report]);
    expect(await row(report.deliveryId)).toMatchObject({ state: 'delivered', attempts: 1 });
  });

  test('that arrived is delivered, and its attempt is on record', async () => {
    await addDeliveries(database, destination, [{}]);
    const leased = await one();
    const report = reportOf(leased);
    await here.store.report([report]);
    expect(await row(leased.id)).toMatchObject({
      state: 'delivered',
      attempts: 1,
      lease_owner: null,
      last_status: 200,
      finished: true,
    });
    expect(await attempts(leased.id)).toEqual([
      {
        id: report.id,
        delivery_id: leased.id,
        number: 1,
        started_at: report.startedAt,
        duration_ms: 12,
        status: 200,
        response_headers: { 'content-type': 'text/plain' },
        response_body: Buffer.from('ok'),
        failure: null,
        error: null,
        probe: false,
      },
    ]);
    expect(await state()).toMatchObject({ failures: 0, circuit_open: false, delivered_at: expect.any(Date) });
  });

  test('that failed waits for its next attempt; after the last it is dead', async () => {
    await addDeliveries(database, destination, [{}]);
    const first = await one();
    await here.store.report([failureOf(first)]);
    expect(await row(first.id)).toMatchObject({
      state: 'pending',
      attempts: 1,
      due_in: about(60),
      last_failure: 'timeout',
      finished: false,
    });
    // Not now(), which the column rounds to the millisecond, up as well.
    await database.query(`UPDATE deliveries SET next_attempt_at = now() - interval '1 ms'`);
    const second = await one();
    expect(second.attempts).toBe(1);
    await here.store.report([failureOf(second, { next: { state: 'dead' } })]);
    expect(await row(first.id)).toMatchObject({ state: 'dead', attempts: 2, finished: true });
    expect((await attempts(first.id)).map(({ number }) => number)).toEqual([1, 2]);
  });

  test('a report that comes twice changes nothing the second time', async () => {
    await addDeliveries(database, destination, [{}, {}]);
    const [good, bad] = (await here.claim()) as [LeasedDelivery, LeasedDelivery];
    const reports = [reportOf(good), failureOf(bad)];
    await here.store.report(reports);
    const before = [await row(good.id), await state()];
    await here.store.report(reports);
    await here.store.report([...reports].reverse());
    expect([await row(good.id), await state()]).toEqual(before);
    expect((await state()).failures).toBe(1);
    expect(await attempts(bad.id)).toHaveLength(1);
  });

  test('a report about one that has been removed is no error', async () => {
    await addDeliveries(database, destination, [{}, {}]);
    const [gone, there] = (await here.claim()) as [LeasedDelivery, LeasedDelivery];
    await database.query('DELETE FROM deliveries WHERE id = $1', [gone.id]);
    await here.store.report([reportOf(gone), reportOf(there)]);
    expect(await row(there.id)).toMatchObject({ state: 'delivered' });
    expect(await attempts(gone.id)).toEqual([]);
  });
});

describe('a lease that was lost', () => {
  const other = randomUUID();
  let lost: LeasedDelivery;
  let taken: LeasedDelivery;
  beforeEach(async () => {
    await addDeliveries(database, destination, [{}]);
    lost = await one();
    await database.query(`UPDATE deliveries SET lease_until = now() - interval '1 ms'`);
    [taken] = (await here.claim(1, other)) as [LeasedDelivery];
    expect(taken.id).toBe(lost.id);
  });

  test('a late failure is on record, and the lease stays whose it is', async () => {
    await here.store.report([failureOf(lost, { next: { state: 'dead' } })]);
    expect(await row(lost.id)).toMatchObject({ state: 'sending', attempts: 0, lease_owner: other });
    await here.store.report([failureOf(taken, { owner: other })]);
    expect(await row(lost.id)).toMatchObject({ state: 'pending', attempts: 1, due_in: about(60) });
    expect((await attempts(lost.id)).map(({ number }) => number)).toEqual([1, 1]);
  });

  test('a late success delivers, and what the other reports then changes nothing', async () => {
    await here.store.report([reportOf(lost)]);
    expect(await row(lost.id)).toMatchObject({ state: 'delivered', lease_owner: null });
    await here.store.report([failureOf(taken, { owner: other })]);
    expect(await row(lost.id)).toMatchObject({ state: 'delivered', attempts: 1 });
    expect(await attempts(lost.id)).toHaveLength(2);
  });

  test('both come in one report', async () => {
    await here.store.report([failureOf(taken, { owner: other }), reportOf(lost)]);
    expect(await row(lost.id)).toMatchObject({ state: 'delivered' });
  });

  test.each(['cancelled', 'dead'])('what arrived is delivered although it is %s', async (final) => {
    await database.query(`UPDATE deliveries SET state = $1, lease_owner = NULL, finished_at = now()`, [final]);
    await here.store.report([failureOf(taken, { owner: other })]);
    expect(await row(lost.id)).toMatchObject({ state: final });
    await here.store.report([reportOf(lost)]);
    expect(await row(lost.id)).toMatchObject({ state: 'delivered' });
  });
});

describe('ordering', () => {
  beforeEach(() => database.query(`UPDATE destinations SET ordering = 'subject'`));

  test.each<[string, (leased: LeasedDelivery) => AttemptReport]>([
    ['delivered', (leased) => reportOf(leased)],
    ['dead', (leased) => failureOf(leased, { next: { state: 'dead' } })],
  ])('once the first of a subject is %s, the next is due at once', async (_, report) => {
    const ids = await addDeliveries(database, destination, many(4, { subject: 'a' }));
    const leased = await one();
    // Sets back those behind it.
    expect(await here.claim()).toEqual([]);
    expect((await row(ids[1])).due_in).toEqual(about(300));
    await here.store.report([report(leased)]);
    expect((await row(ids[1])).due_in).toEqual(about(0));
    expect((await row(ids[2])).due_in).toEqual(about(300));
    expect((await one()).id).toBe(ids[1]);
  });

  test('one that failed for now keeps those behind it waiting', async () => {
    const ids = await addDeliveries(database, destination, many(2, { subject: 'a' }));
    const leased = await one();
    await here.claim();
    await here.store.report([failureOf(leased)]);
    expect((await row(ids[1])).due_in).toEqual(about(300));
  });
});

describe('circuit', () => {
  const fail = async (count: number) => {
    await addDeliveries(database, destination, many(count));
    const leased = await here.claim(count);
    await here.store.report(leased.map((delivery) => failureOf(delivery)));
    return leased;
  };

  test('four failures in a row leave it closed, and a success forgets them', async () => {
    await fail(4);
    expect(await state()).toMatchObject({ failures: 4, failing_since: expect.any(Date), circuit_open: false });
    await addDeliveries(database, destination, [{}]);
    await here.store.report([reportOf(await one())]);
    expect(await state()).toMatchObject({ failures: 0, failing_since: null });
  });

  test('what says nothing of the destination counts for nothing', async () => {
    await addDeliveries(database, destination, many(6));
    const leased = await here.claim();
    await here.store.report(
      leased.map((delivery) => failureOf(delivery, { failure: 'no_content', destinationHealthy: null })),
    );
    expect(await state()).toMatchObject({ failures: 0, circuit_open: false });
  });

  test('the fifth opens it: nothing more is leased until one probe is due, then that one only', async () => {
    await fail(5);
    expect(await state()).toMatchObject({ failures: 5, circuit_open: true, probe_in: about(5) });
    await addDeliveries(database, destination, many(3));
    expect(await here.claim()).toEqual([]);
    expect(await here.store.nextDueInMs()).toSatisfy((ms: number) => ms > 1_000 && ms <= 5_001);
    await probeNow();
    const other = openDeliveries(database.url);
    const claims = await Promise.all([here.claim(), other.claim(), here.claim()]);
    await other.close();
    expect(claims.flat()).toMatchObject([{ probe: true }]);
    expect(await here.claim()).toEqual([]);
  });

  test('failed probes cost the delivery neither attempts nor time, and come at growing intervals', async () => {
    await fail(5);
    const [id] = await addDeliveries(database, destination, [{}]);
    const waits: number[] = [];
    for (let probe = 0; probe < 9; probe++) {
      await probeNow();
      const leased = await one();
      expect(leased).toMatchObject({ id, probe: true, attempts: 0 });
      await here.store.report([failureOf(leased, { next: { state: 'dead' } })]);
      expect(await row(id)).toMatchObject({
        state: 'pending',
        attempts: 0,
        due_in: about(-60),
        last_failure: 'timeout',
        finished: false,
      });
      waits.push((await state()).probe_in);
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300, 300].map(about));
    // Only the last is kept.
    expect(await attempts(id)).toHaveLength(1);
  });

  test('a failed probe replaces failed probes alone: attempts of that number, before a redrive, stay', async () => {
    const [id] = await addDeliveries(database, destination, [{}]);
    await here.store.report([failureOf(await one(), { next: { state: 'dead' } })]);
    await fail(4);
    expect(await state()).toMatchObject({ circuit_open: true });
    await database.query(
      `UPDATE deliveries SET state = 'pending', attempts = 0, next_attempt_at = now() - interval '1 day' WHERE id = $1`,
      [id],
    );
    for (let probe = 0; probe < 3; probe++) {
      await probeNow();
      const probed = await one();
      expect(probed).toMatchObject({ id, probe: true });
      await here.store.report([failureOf(probed)]);
    }
    const kept = await database.query(
      'SELECT number, probe FROM delivery_attempts WHERE delivery_id = $1 ORDER BY id',
      [id],
    );
    expect(kept).toEqual([
      { number: 1, probe: false },
      { number: 1, probe: true },
    ]);
  });

  test('who asks to be left alone gets no probe before that, and then all that waits for it', async () => {
    await addDeliveries(database, destination, many(5));
    const leased = await here.claim();
    const calm = { next: { state: 'pending', inMs: 3_600_000 }, retryAfterMs: 3_600_000 } as const;
    await here.store.report(leased.map((delivery) => failureOf(delivery, calm)));
    expect(await state()).toMatchObject({ circuit_open: true, probe_in: about(3_600) });
    await addDeliveries(database, destination, [{}]);
    expect(await here.claim()).toEqual([]);
  });

  test('attempts that were under way when it opened count, but push the probe no further off', async () => {
    await addDeliveries(database, destination, many(8));
    const leased = await here.claim();
    await here.store.report(leased.slice(0, 5).map((delivery) => failureOf(delivery)));
    const before = await state();
    await here.store.report(leased.slice(5).map((delivery) => failureOf(delivery)));
    expect(await state()).toMatchObject({ failures: 5, failing_since: before.failing_since, circuit_open: true });
    expect(await row(leased[7]?.id)).toMatchObject({ state: 'pending', attempts: 1 });
  });

  test('a probe that arrives closes it, and what failed meanwhile is due again', async () => {
    const failed = await fail(5);
    const [waiting, early] = await addDeliveries(database, destination, [{}, { dueIn: 3_600, attempts: 2 }]);
    await probeNow();
    const probe = await one();
    expect(probe.id).toBe(waiting);
    await here.store.report([reportOf(probe)]);
    expect(await state()).toMatchObject({ failures: 0, failing_since: null, circuit_open: false, probe_in: null });
    for (const { id } of failed) expect((await row(id)).due_in).toEqual(about(0));
    // That one had not failed since.
    expect((await row(early)).due_in).toEqual(about(3_600));
    expect(await here.claim()).toHaveLength(5);
  });

  test('a probe that says nothing of the destination leaves it open, and the next is sent soon', async () => {
    await fail(5);
    const [id] = await addDeliveries(database, destination, [{}]);
    await probeNow();
    await here.store.report([
      failureOf(await one(), { failure: 'no_content', next: { state: 'dead' }, destinationHealthy: null }),
    ]);
    expect(await row(id)).toMatchObject({ state: 'dead', attempts: 1 });
    expect(await state()).toMatchObject({ failures: 5, circuit_open: true, probe_in: about(1) });
  });

  test('a probe given back makes room for another', async () => {
    await fail(5);
    await addDeliveries(database, destination, [{}]);
    await probeNow();
    const probe = await one();
    expect(await here.claim()).toEqual([]);
    await here.store.release((await row(probe.id)).lease_owner, [probe]);
    expect(await one()).toMatchObject({ id: probe.id, probe: true });
  });

  test('what was leased before and is given back now brings no probe before its time, nor a second one', async () => {
    await addDeliveries(database, destination, [{}, {}, {}, {}, {}, {}, {}]);
    const leased = await here.claim();
    await here.store.report(leased.slice(0, 5).map((delivery) => failureOf(delivery)));
    await here.store.release(OWNER, leased.slice(5, 6));
    expect(await state()).toMatchObject({ circuit_open: true, probe_in: about(5) });
    await probeNow();
    await one();
    await here.store.release(OWNER, leased.slice(6));
    expect(await here.claim()).toEqual([]);
  });

  test('after five days without a success the destination is paused, not before', async () => {
    await fail(5);
    await addDeliveries(database, destination, [{}]);
    const failAfter = async (interval: string) => {
      await database.query(`UPDATE destination_state SET failing_since = now() - $1::interval`, [interval]);
      await probeNow();
      await here.store.report([failureOf(await one())]);
    };
    await failAfter('4 days 23 hours');
    expect(await paused()).toEqual({ state: 'active', pause_reason: null });
    await failAfter('5 days 1 second');
    expect(await paused()).toEqual({
      state: 'auto_paused',
      pause_reason: expect.stringMatching(/^it has failed since 20.*Z/),
    });
    const [{ failing_since } = {}] = await database.query('SELECT failing_since FROM destination_state');
    expect(await database.query('SELECT source, type, payload FROM events')).toEqual([
      {
        source: 'gateway',
        type: 'destination.auto_paused',
        payload: expect.objectContaining({
          reason: (await paused()).pause_reason,
          failingSince: failing_since.toISOString(),
        }),
      },
    ]);
    await probeNow();
    expect(await here.claim()).toEqual([]);
  });

  test('410 pauses at once, and an operator who paused it before is not overruled', async () => {
    await addDeliveries(database, destination, many(2));
    const [first, second] = (await here.claim()) as [LeasedDelivery, LeasedDelivery];
    const gone = { failure: 'gone' as const, next: { state: 'dead' as const }, pause: 'it answered 410' };
    await here.store.report([failureOf(first, gone)]);
    expect(await paused()).toEqual({ state: 'auto_paused', pause_reason: 'it answered 410' });
    await database.query(`UPDATE destinations SET state = 'paused', pause_reason = 'by hand'`);
    await here.store.report([failureOf(second, gone)]);
    expect(await paused()).toEqual({ state: 'paused', pause_reason: 'by hand' });
  });
});
