/** Finished deliveries that have had their time. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDeliveryRetention } from '../../../src/storage/postgres/delivery-retention.ts';
import { createTransactionPool, type TransactionPool } from '../../../src/storage/postgres/transaction-pool.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDeliveries, addDestination, openDeliveries, reportOf } from '../../support/deliveries.ts';

const DAY_MS = 86_400_000;
const ago = (days: number) => new Date(Date.now() - days * DAY_MS);

let database: TestDatabase;
let pool: TransactionPool;
let destination: string;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  pool = createTransactionPool({ databaseUrl: database.url, applicationName: 'test', timeoutMs: 10_000 });
  destination = await addDestination(database);
});
afterEach(() => pool.close());

const left = async () =>
  (await database.query('SELECT state FROM deliveries ORDER BY state')).map(({ state }) => state);
/** The whole walk; returns how many went in how many steps. */
async function removeOld(limit: number) {
  const { removeFinished } = createDeliveryRetention({ pool, onTablesMissing: () => undefined });
  let [after, removed, steps]: [string | null, number, number] = [null, 0, 0];
  do {
    const step = await removeFinished({ finishedBefore: ago(30), deadBefore: ago(90), after, limit });
    removed += step.removed;
    steps++;
    after = step.next;
  } while (after !== null);
  return { removed, steps };
}
/** As if they had been made so long ago. */
const age = (days: number) =>
  database.query(
    `UPDATE deliveries SET id = (lpad(to_hex(((extract(epoch FROM now()) - $1 * 86400) * 1000)::bigint), 12, '0')
                                 || substr(replace(id::text, '-', ''), 13))::uuid`,
    [days],
  );

test('delivered and cancelled ones go after their time, dead ones later, and others never', async () => {
  await addDeliveries(database, destination, [
    { state: 'delivered', finished_at: ago(31) },
    { state: 'cancelled', finished_at: ago(31) },
    { state: 'dead', finished_at: ago(91) },
    { state: 'delivered', finished_at: ago(29) },
    { state: 'dead', finished_at: ago(31) },
    { state: 'pending' },
    { state: 'sending' },
  ]);
  await age(100);
  expect(await removeOld(3)).toEqual({ removed: 3, steps: 3 });
  expect(await left()).toEqual(['dead', 'delivered', 'pending', 'sending']);
  expect(await removeOld(100)).toEqual({ removed: 0, steps: 1 });
});

test('their attempts go with them, and nobody else’s', async () => {
  await addDeliveries(database, destination, [{}, {}]);
  const here = openDeliveries(database.url);
  const leased = await here.claim();
  await here.store.report(leased.map((delivery) => reportOf(delivery)));
  await here.close();
  await database.query('UPDATE deliveries SET finished_at = $1 WHERE id = $2', [ago(40), leased[0]?.id]);
  const attempts = () => database.query('SELECT delivery_id FROM delivery_attempts');
  // By its id it is too young to be looked at.
  expect(await removeOld(10)).toEqual({ removed: 0, steps: 1 });
  const old = leased[0]?.id.replace(/^.{8}-.{4}/, '00000000-0001') ?? '';
  await database.query('UPDATE deliveries SET id = $1 WHERE id = $2', [old, leased[0]?.id]);
  await database.query('UPDATE delivery_attempts SET delivery_id = $1 WHERE delivery_id = $2', [old, leased[0]?.id]);
  expect(await removeOld(10)).toEqual({ removed: 1, steps: 1 });
  expect(await attempts()).toEqual([{ delivery_id: leased[1]?.id }]);
});

test('replays go after their time, unless something of them is still to be sent', async () => {
  const add = async (finishedAt: Date | null) => {
    const id = randomUUID();
    await database.query(
      `INSERT INTO replays (id, state, created_by, types, ignore_filter, next_step_at, created_at, finished_at)
       VALUES ($1, 'done', 'test', '{*}', false, now(), now(), $2)`,
      [id, finishedAt],
    );
    return id;
  };
  const [old, recent, waits, running] = [await add(ago(31)), await add(ago(29)), await add(ago(31)), await add(null)];
  await addDeliveries(database, destination, [
    { replay_id: old, state: 'delivered', finished_at: ago(31) },
    { replay_id: waits, state: 'sending' },
  ]);
  const { removeReplays } = createDeliveryRetention({ pool, onTablesMissing: () => undefined });
  await removeReplays(ago(30));
  const ids = (await database.query('SELECT id FROM replays')).map(({ id }) => id);
  expect(ids.sort()).toEqual([recent, waits, running].sort());
});

test('followers that have not been seen for three days go with the first step', async () => {
  const add = (seen: Date) =>
    database.query(
      `INSERT INTO followers (id, name, types, format, acked_to, acked, created_at, seen_at)
       VALUES (gen_random_uuid(), 'listen', '{*}', 'event', 0, '{}', now(), $1)`,
      [seen],
    );
  await add(ago(3.1));
  await add(ago(2.9));
  await removeOld(10);
  const rows = await database.query('SELECT seen_at FROM followers');
  expect(rows.map(({ seen_at }) => seen_at > ago(3))).toEqual([true]);
});
