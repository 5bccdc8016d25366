/** Leases ahead of the places, on a real PostgreSQL: as many as are asked for, and over all processes never more under way. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { LeasedDelivery } from '../../../src/core/delivery.ts';
import { lease, lockTurns } from '../../../src/storage/postgres/delivery-claim.ts';
import { Lanes } from '../../../src/workers/lanes.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDeliveries, addDestination, failureOf, openDeliveries, reportOf } from '../../support/deliveries.ts';

let database: TestDatabase;
let store: ReturnType<typeof openDeliveries>['store'];
let close: () => Promise<void>;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  ({ store, close } = openDeliveries(database.url));
});
afterEach(() => close());

const [here, elsewhere] = [randomUUID(), randomUUID()];
const due = (destination: string, count: number) =>
  addDeliveries(
    database,
    destination,
    Array.from({ length: count }, () => ({})),
  );
const claim = (owner: string, ahead: Readonly<Record<string, number>> = {}, limit = 1_000) =>
  store.claim({ owner, limit, leaseMs: 30_000, ahead: new Map(Object.entries(ahead)) });
const report = (owner: string, deliveries: readonly LeasedDelivery[]) =>
  store.report(deliveries.map((delivery) => reportOf(delivery, { owner })));
const placesOf = (deliveries: readonly LeasedDelivery[]) => new Set(deliveries.map(({ places }) => places));

test('a worker leases so many beyond the concurrency as it asks for, and is told how many may be under way', async () => {
  const destination = await addDestination(database, { concurrency: 3 });
  await due(destination, 20);
  const first = await claim(here, { [destination]: 5 });
  expect(first).toHaveLength(8);
  expect(placesOf(first)).toEqual(new Set([3]));
  expect(await claim(here, { [destination]: 5 })).toEqual([]);
  await report(here, first.slice(0, 4));
  expect(await claim(here)).toEqual([]);
  expect(await claim(here, { [destination]: 2 })).toHaveLength(1);
});

test('others get the places that its leases leave, and not before there is one', async () => {
  const destination = await addDestination(database, { concurrency: 3 });
  await due(destination, 20);
  const first = await claim(here, { [destination]: 5 });
  expect(await claim(elsewhere, { [destination]: 5 })).toEqual([]);
  await report(here, first.slice(0, 6));
  const second = await claim(elsewhere, { [destination]: 2 });
  expect(second).toHaveLength(3);
  expect(placesOf(second)).toEqual(new Set([1]));
});

test('a place that somebody took while the turn was looked for is not given again', async () => {
  const destination = await addDestination(database, { concurrency: 1 });
  await due(destination, 20);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const options = { owner: here, limit: 100, leaseMs: 30_000, ahead: new Map([[destination, 10]]) };
    await client.query('BEGIN');
    const turns = await lockTurns(client, options);
    await client.query('ROLLBACK');
    expect(await claim(elsewhere, { [destination]: 3 })).toHaveLength(4);
    expect(await lease(client, turns, options)).toEqual([]);
  } finally {
    await client.end();
  }
});

test('nothing is leased ahead where there is a rate, nor of a destination whose circuit is open', async () => {
  const rated = await addDestination(database, { concurrency: 3, rate_per_second: 100 });
  await database.query('UPDATE destination_state SET tokens = 100');
  await due(rated, 20);
  expect(await claim(here, { [rated]: 10 })).toHaveLength(3);

  const failing = await addDestination(database, { concurrency: 5 });
  await due(failing, 20);
  const sent = await claim(here, { [failing]: 0 });
  await store.report(sent.map((delivery) => failureOf(delivery, { owner: here })));
  await database.query(`UPDATE destination_state SET next_probe_at = now() WHERE destination_id = $1`, [failing]);
  const probes = await claim(here, { [failing]: 10 });
  expect(probes.map(({ probe }) => probe)).toEqual([true]);
});

test('whoever claims, sends and reports when, no more are under way than the concurrency allows, and all are delivered', async () => {
  const concurrency = 4;
  const destination = await addDestination(database, { concurrency });
  await due(destination, 300);
  const random = seeded(20_261_121);
  const workers = Array.from({ length: 3 }, () => ({
    owner: randomUUID(),
    lanes: new Lanes({ maxUnderWay: 100, maxAhead: 100 }),
    underWay: [] as LeasedDelivery[],
    answered: [] as LeasedDelivery[],
  }));
  let delivered = 0;
  let most = 0;
  while (delivered < 300) {
    const worker = workers[random(3)];
    if (worker === undefined) throw new Error('no such worker');
    const { owner, lanes, underWay, answered } = worker;
    switch (random(3)) {
      case 0:
        lanes.add(await claim(owner, { [destination]: random(12) }, 1 + random(20)));
        break;
      case 1:
        for (const delivery of underWay.splice(0, 1 + random(4))) {
          lanes.ended(destination, true);
          answered.push(delivery);
        }
        break;
      default:
        await report(owner, answered);
        delivered += answered.splice(0).length;
    }
    for (let next = lanes.next(); next !== undefined; next = lanes.next()) underWay.push(next);
    const all = workers.reduce((sum, { lanes: { underWay: count } }) => sum + count, 0);
    expect(all).toBeLessThanOrEqual(concurrency);
    most = Math.max(most, all);
  }
  expect(most).toBe(concurrency);
  const states = await database.query('SELECT state, attempts, count(*)::int FROM deliveries GROUP BY 1, 2');
  expect(states).toEqual([{ state: 'delivered', attempts: 1, count: 300 }]);
});

/** The same numbers each time: integers below `limit`. */
function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
