/** The worker on real servers: woken, cut off, killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { DispatchSignals } from '../../src/core/dispatch.ts';
import { createDispatchSignals, createNotifier } from '../../src/storage/postgres/dispatch-signals.ts';
import { applyMigrations } from '../../src/storage/postgres/migrations/apply.ts';
import { createSharedPrisma } from '../../src/storage/postgres/prisma.ts';
import { createDispatchWorker, type DispatchWorkerOptions } from '../../src/workers/dispatch-worker.ts';
import { atExit } from '../support/at-exit.ts';
import { storeEvents, TEST_TABLES } from '../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type DispatchPlace, openDispatch } from '../support/dispatch.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const HOUR = 3_600_000;

let database: TestDatabase;
let closers: (() => Promise<unknown>)[];
beforeAll(async () => {
  database = await createDatabase();
  await database.query(TEST_TABLES);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  await database.query('DELETE FROM test_counters');
  closers = [];
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
});

const NO_SIGNALS: DispatchSignals = { notify: () => undefined, listen: () => ({ close: async () => undefined }) };

function startWorker(place: DispatchPlace, more: Partial<DispatchWorkerOptions> = {}) {
  const options = { signals: NO_SIGNALS, logger: pino({ level: 'silent' }), pollMs: HOUR, ...more };
  const worker = createDispatchWorker({ ...place.options, ...options });
  closers.push(() => worker.close());
  worker.start();
  return worker;
}

function open(url = database.url): DispatchPlace {
  const place = openDispatch(url);
  closers.push(() => place.close());
  return place;
}

/** As a process of its own has them. */
function openBothSignals(url = database.url) {
  const connection = { databaseUrl: url, applicationName: 'test', connectTimeoutMs: 5_000, queryTimeoutMs: 5_000 };
  const { prisma, close: closePrisma } = createSharedPrisma(connection, 1);
  const both = createDispatchSignals({ databaseUrl: url, prisma });
  closers.push(async () => {
    await both.close();
    await closePrisma();
  });
  return both;
}

const openSignals = (url = database.url): DispatchSignals => openBothSignals(url).signals;

const nothingOwed = async () => (await database.query('SELECT 1 FROM event_dispatch LIMIT 1')).length === 0;
const sums = async () =>
  new Map(
    (await database.query('SELECT name, hits::int AS hits FROM test_counters')).map(({ name, hits }) => [name, hits]),
  );
const some = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ payload: { counters: ['all', `${index % 7}`] } }));

test('what was owed before its start is dispatched, and later whatever it is woken for', async () => {
  await storeEvents(database.url, some(1_200));
  const place = open();
  const worker = startWorker(place);
  await until('the backlog to be gone', nothingOwed);
  await storeEvents(database.url, some(3));
  worker.wake();
  await until('the new ones to be gone', nothingOwed);
  expect((await sums()).get('all')).toBe(1_203);
});

test('beside a busy ingest it takes small batches and rests, and gets to the end all the same', async () => {
  await storeEvents(database.url, some(450));
  const place = open();
  const sizes: number[] = [];
  const { store } = place.options;
  startWorker(place, {
    busy: () => true,
    store: {
      ...store,
      async project(claim, project) {
        const events = await store.project(claim, project);
        sizes.push(events.length);
        return events;
      },
    },
  });
  await until('every event is dispatched', nothingOwed);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(50);
  expect((await sums()).get('all')).toBe(450);
});

test('nobody wakes it: the slow look finds them', async () => {
  startWorker(open(), { pollMs: 50 });
  await storeEvents(database.url, some(3));
  await until('all to be dispatched', nothingOwed);
});

test('a failed event is tried again when it is due, and not only at the next look', async () => {
  await storeEvents(database.url, [{ payload: { throws: 'project' } }]);
  const place = open();
  startWorker({ ...place, options: { ...place.options, retryDelays: [50, 50] } });
  await until('the third attempt', () => place.failures.length === 3);
  expect(place.failures.at(-1)?.retryInMs).toBeNull();
});

test('NOTIFY wakes the worker of another process', async () => {
  const place = open();
  startWorker(place, { signals: openSignals() });
  await untilListening();
  const elsewhere = openSignals();
  for (let round = 1; round <= 3; round++) {
    await storeEvents(database.url, some(1));
    elsewhere.notify();
    await until('it to be dispatched', nothingOwed);
  }
});

test('deliveries have a signal of their own, on the same connection', async () => {
  const heard: string[] = [];
  const here = openBothSignals();
  const listeners = [
    here.signals.listen(() => void heard.push('events')),
    here.deliverySignals.listen(() => void heard.push('deliveries')),
  ];
  closers.push(() => Promise.all(listeners.map((listener) => listener.close())));
  await untilListening();
  const sessions = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%listener'`;
  expect(await database.query(sessions)).toHaveLength(1);
  // Each is told once as soon as somebody listens: it may have missed something.
  await until('both to be told', () => heard.length === 2);
  const elsewhere = openBothSignals();
  elsewhere.deliverySignals.notify();
  await until('deliveries to be told', () => heard.length === 3);
  elsewhere.signals.notify();
  await until('events to be told', () => heard.length === 4);
  expect(heard.slice(2)).toEqual(['deliveries', 'events']);
  await listeners[0]?.close();
  elsewhere.deliverySignals.notify();
  await until('the one that is left to be told', () => heard.length === 5);
  await listeners[1]?.close();
  await until('the connection to be closed', async () => (await database.query(sessions)).length === 0);
});

test('a process tells itself at once, also where nothing comes through PostgreSQL', async () => {
  const heard: string[] = [];
  const here = openBothSignals('postgresql://nobody@127.0.0.1:1/none');
  const listeners = [
    here.signals.listen(() => void heard.push('events')),
    here.deliverySignals.listen(() => void heard.push('deliveries')),
  ];
  closers.push(() => Promise.all(listeners.map((listener) => listener.close())));
  here.deliverySignals.notify();
  expect(heard).toEqual(['deliveries']);
});

test('a listener whose connection is cut listens again, and looks for what it may have missed', async () => {
  const url = new URL(database.url);
  const proxy = await startTcpProxy(Number(url.port));
  closers.push(() => proxy.close());
  url.port = String(proxy.port);
  startWorker(open(), { signals: openSignals(url.toString()) });
  await untilListening();
  await storeEvents(database.url, some(1));
  proxy.cut();
  await until('what was missed to be dispatched', nothingOwed);
  await untilListening();
  await storeEvents(database.url, some(1));
  openSignals().notify();
  await until('it to be dispatched', nothingOwed);
});

async function untilListening(): Promise<void> {
  const listening = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`;
  await until('somebody to listen', async () => (await database.query(listening)).length > 0);
}

test('a thousand commits are a few notifications, and the last is not left out', async () => {
  let sent = 0;
  const notifier = createNotifier(async () => void sent++, 50);
  const startedAt = performance.now();
  while (performance.now() - startedAt < 200) {
    notifier.notify();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const before = sent;
  expect(before).toBeLessThanOrEqual(6);
  notifier.notify();
  await until('the last to be sent', () => sent > before);
  await notifier.close();
  notifier.notify();
  expect(sent).toBe(before + 1);
});

test('PostgreSQL paused in the middle of a batch, stopped, and back: nothing is lost, nothing applied twice', async () => {
  const server = await startPostgresServer();
  closers.push(() => server.destroy());
  await applyMigrations({ databaseUrl: server.url() }, { logger: { info: () => undefined, warn: () => undefined } });
  const query = async (sql: string) => {
    const client = new pg.Client({ connectionString: server.url() });
    await client.connect();
    return client.query(sql).finally(() => client.end());
  };
  await query(TEST_TABLES);
  const place = openDispatch(server.url(), 300);
  closers.push(() => place.close());
  const log: string[] = [];
  const logger = pino({}, { write: (line) => void log.push(JSON.parse(line).msg) });
  startWorker(place, { pollMs: 20, logger });
  let stored = 0;
  for (let round = 1; round <= 3; round++) {
    await storeEvents(server.url(), some(2_000));
    stored += 2_000;
    const before = place.dispatched.length;
    await until('some batches', () => place.dispatched.length >= before + 500);
    // By then a transaction is open whose answer does not come; the server goes on with it later.
    server.pause();
    await until('the worker to give up', () => log.filter((line) => line.includes('not dispatched')).length >= round);
    server.resume();
    await until('it to go on', () => log.filter((line) => line.includes('again')).length >= round);
  }
  await server.stop();
  await server.start();
  await storeEvents(server.url(), some(100));
  await until('everything to be dispatched', async () => (await query('SELECT FROM event_dispatch')).rowCount === 0);
  const { rows } = await query(`SELECT hits::int FROM test_counters WHERE name = 'all'`);
  expect(rows).toEqual([{ hits: stored + 100 }]);
  expect(place.failures).toEqual([]);
});

test('PostgreSQL cut off in the middle of batches and back: nothing lost, nothing applied twice, no attempt counted', async () => {
  const url = new URL(database.url);
  const proxy = await startTcpProxy(Number(url.port));
  closers.push(() => proxy.close());
  url.port = String(proxy.port);
  const place = open(url.toString());
  startWorker(place, { pollMs: 20 });
  let stored = 0;
  for (let cut = 0; cut < 10; cut++) {
    // Now it learns of the commit, now it does not.
    proxy.cutAfter((chunk) =>
      chunk.includes('COMMIT') && Math.random() < 0.5 ? (cut % 2 === 0 ? 'sent' : 'answered') : null,
    );
    await storeEvents(database.url, some(300));
    stored += 300;
  }
  proxy.cutAfter(() => null);
  await until('everything to be dispatched', nothingOwed);
  expect((await sums()).get('all')).toBe(stored);
  expect(place.failures).toEqual([]);
  expect(proxy.accepted).toBeGreaterThan(1);
});

interface WorkerProcess {
  readonly child: ChildProcess;
  kill(): Promise<void>;
}

function startProcess(): WorkerProcess {
  const script = fileURLToPath(new URL('dispatch-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, database.url], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const exited = once(child, 'exit').then(atExit(() => void child.kill('SIGKILL')));
  return {
    child,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

test('a worker killed in the middle of a batch: nothing is lost, and nothing applied twice', async () => {
  await storeEvents(database.url, some(400));
  await database.query(`INSERT INTO test_counters VALUES ('stripe', 'all', 0, NULL, now())`);
  // Whoever holds this row stops the worker where it has made other rows already.
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  closers.push(() => holder.end());
  await holder.query(`BEGIN; SELECT FROM test_counters WHERE name = 'all' FOR UPDATE`);
  const killed = startProcess();
  closers.push(() => killed.kill());
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'webhook-gateway dispatch'
                      AND datname = current_database()`;
  await until('it to wait for the row', async () => (await database.query(waiting)).length > 0);
  await killed.kill();
  await holder.query('ROLLBACK');
  expect((await sums()).get('all')).toBe(0);
  startWorker(open(), { pollMs: 20 });
  await until('another to do the work', nothingOwed);
  const total = await sums();
  expect([total.get('all'), [...total.values()].reduce((sum, hits) => sum + hits, 0)]).toEqual([400, 800]);
});

test('workers killed anywhere, again and again, under load', { timeout: 120_000 }, async () => {
  let stored = 0;
  for (let kill = 0; kill < 4; kill++) {
    const doomed = startProcess();
    closers.push(() => doomed.kill());
    const before = (await sums()).get('all') ?? 0;
    for (let round = 0; round < 3; round++) {
      await storeEvents(database.url, some(500));
      stored += 500;
    }
    await until('it to have begun', async () => ((await sums()).get('all') ?? 0) > before);
    await doomed.kill();
  }
  startWorker(open(), { pollMs: 20 });
  await until('everything to be dispatched', nothingOwed);
  expect((await sums()).get('all')).toBe(stored);
  const [failed] = await database.query(
    'SELECT count(*)::int AS n FROM events e JOIN event_dispatch ON event_id = e.id',
  );
  expect(failed.n).toBe(0);
});
