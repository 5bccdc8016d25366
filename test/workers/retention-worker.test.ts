/** The worker on a real PostgreSQL: when it works, when it rests, and what it tells. */
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RemovedBatch, RetentionStore } from '../../src/core/retention.ts';
import { createRetentionStore } from '../../src/storage/postgres/retention-store.ts';
import { createTransactionPool } from '../../src/storage/postgres/transaction-pool.ts';
import { createRetentionWorker, type RetentionWorkerOptions } from '../../src/workers/retention-worker.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { alike, storeOldRequests } from '../support/old-requests.ts';
import { until } from '../support/until.ts';

const HOUR = 3_600_000;

let database: TestDatabase;
let closers: (() => Promise<unknown>)[];
let log: Record<string, unknown>[];
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  closers = [];
  log = [];
  await database.truncate();
  await database.query('DELETE FROM retention; INSERT INTO retention DEFAULT VALUES');
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
});

function openStore(pageRows = 100): RetentionStore {
  const pool = createTransactionPool({ databaseUrl: database.url, applicationName: 'test', timeoutMs: 10_000 });
  closers.push(() => pool.close());
  return createRetentionStore({ pool, onTablesMissing: () => undefined, pageRows });
}

function startWorker(store: RetentionStore, more: Partial<RetentionWorkerOptions> = {}) {
  const batches: RemovedBatch[] = [];
  const worker = createRetentionWorker({
    store,
    limits: { rawDays: 30, eventDays: 400 },
    busy: () => false,
    onRemoved: (batch) => void batches.push(batch),
    clock: () => new Date(),
    logger: pino({ level: 'debug' }, { write: (line) => void log.push(JSON.parse(line)) }),
    startDelayMs: 0,
    pollMs: HOUR,
    heldMs: HOUR,
    restMs: 0,
    busyMs: 5,
    ...more,
  });
  closers.push(() => worker.close());
  worker.start();
  return { worker, batches };
}

const left = async (table: string) => (await database.query(`SELECT count(*)::int AS n FROM ${table}`))[0].n as number;
const sum = (batches: readonly RemovedBatch[], what: 'events' | 'requests') =>
  batches.reduce((total, batch) => total + batch[what], 0);
const messages = () => log.map(({ msg }) => msg);
const roundsTold = () => messages().filter((text) => text === 'old rows have been removed').length;

test('removes what is old page by page, tells the round in one line, and looks again later', async () => {
  await storeOldRequests(database.url, [...alike(450, { ageDays: 401 }), ...alike(450, { ageDays: 31 })]);
  const { batches } = startWorker(openStore(), { pollMs: 20 });
  await until('the round to end', () => roundsTold() === 1);
  expect(await left('webhook_requests')).toBe(0);
  expect(await left('events')).toBe(450);
  expect(log).toEqual([
    expect.objectContaining({ level: 30, events: 450, requests: 900, msg: 'old rows have been removed' }),
  ]);
  expect(batches.length).toBeGreaterThanOrEqual(10);
  // In the order of their ids they come after those that have gone.
  await storeOldRequests(database.url, alike(3, { ageDays: 30.5 }));
  await until('the next round', () => roundsTold() === 2);
  expect(log.at(-1)).toMatchObject({ events: 0, requests: 3 });
});

test('two processes at once remove each row once', async () => {
  await storeOldRequests(database.url, alike(1_000, { ageDays: 401 }));
  const workers = [startWorker(openStore(), { heldMs: 1 }), startWorker(openStore(), { heldMs: 1 })];
  await until('everything to be removed', async () => (await left('events')) === 0);
  await Promise.all(workers.map(({ worker }) => worker.close()));
  const batches = workers.flatMap((worker) => worker.batches);
  expect([sum(batches, 'events'), sum(batches, 'requests')]).toEqual([1_000, 1_000]);
  const [row] = await database.query('SELECT events_removed::int AS e, requests_removed::int AS r FROM retention');
  expect(row).toEqual({ e: 1_000, r: 1_000 });
  // The other one found it taken.
  expect(workers.filter(({ batches: own }) => own.length > 0)).toHaveLength(1);
});

test('gives way while webhooks wait for their commit, but not for ever', async () => {
  await storeOldRequests(database.url, alike(150, { ageDays: 31 }));
  let asked = 0;
  const { batches } = startWorker(openStore(50), { busy: () => ++asked > 0 });
  await until('all to be removed', () => sum(batches, 'requests') === 150);
  expect(asked).toBeGreaterThanOrEqual(10 * batches.length);
});

test('an outage is told once, and its end', async () => {
  await storeOldRequests(database.url, alike(3, { ageDays: 31 }));
  await database.query('ALTER TABLE webhook_requests RENAME TO away');
  const store = openStore();
  let calls = 0;
  const counted: RetentionStore = {
    removeSome(walk, now) {
      calls++;
      return store.removeSome(walk, now);
    },
  };
  const { batches } = startWorker(counted);
  await until('some failures', () => calls >= 5);
  await database.query('ALTER TABLE away RENAME TO webhook_requests');
  await until('it to go on', () => sum(batches, 'requests') === 3);
  const told = ['old rows are not removed for now', 'old rows are removed again'];
  expect(messages().filter((text) => told.includes(String(text)))).toEqual(told);
});

test('a stop ends a rest at once', async () => {
  await storeOldRequests(database.url, alike(3, { ageDays: 31 }));
  const { worker, batches } = startWorker(openStore(1), { restMs: HOUR });
  await until('the first page', () => batches.length === 1);
  await worker.close();
  expect(batches).toHaveLength(1);
});

test('a walk that fails again and again keeps no other from its turn', async () => {
  await storeOldRequests(database.url, alike(3, { ageDays: 31 }));
  const store = openStore();
  startWorker({
    removeSome: (walk, now) =>
      walk.table === 'events' ? Promise.reject(new Error('broken')) : store.removeSome(walk, now),
  });
  await until('the requests to be removed', async () => (await left('webhook_requests')) === 0);
});

test('the longest time that can be configured reaches before 1970, and removes nothing', async () => {
  await storeOldRequests(database.url, [...alike(3, { ageDays: 31 }), ...alike(2, { ageDays: 1 })]);
  startWorker(openStore(), { limits: { rawDays: 30, eventDays: 36_500 } });
  await until('the requests to be removed', async () => (await left('webhook_requests')) === 2);
  expect(await left('events')).toBe(5);
});
