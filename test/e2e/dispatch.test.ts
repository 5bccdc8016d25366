/** From the answer of 200 to the projection, over processes of every role. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { CHANNEL } from '../../src/storage/postgres/dispatch-signals.ts';
import { runCommand } from '../support/command.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { readMetric } from '../support/metrics.ts';
import { allDispatched, undispatched } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { fresh, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

let database: TestDatabase;
const daemons: Daemon[] = [];
const gateways: TestGateway[] = [];
const clients: pg.Client[] = [];
beforeAll(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  await Promise.all(daemons.splice(0).map((daemon) => daemon.dispose()));
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await database.truncate();
});
afterAll(() => database.drop());

async function start(role: 'all' | 'ingest' | 'worker'): Promise<TestGateway> {
  const gateway = await startTestGateway({ DATABASE_URL: database.url, ROLE: role });
  gateways.push(gateway);
  return gateway;
}

/** A process of its own. */
async function startWorker(): Promise<Daemon> {
  const daemon = await startDaemon({ ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url, ROLE: 'worker' });
  daemons.push(daemon);
  return daemon;
}

async function send({ url }: TestGateway, count: number): Promise<void> {
  const webhooks = Array.from({ length: count }, (_, index) => fresh(index % 2 === 0 ? 'stripe' : 'whatsapp'));
  const answers = await Promise.all(webhooks.map((webhook) => post(url, webhook)));
  expect(answers.map(({ accepted }) => accepted)).toEqual(webhooks.map(() => 'stored'));
}

const listeners = async (): Promise<number> => {
  const sessions = `SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'webhook-gateway listener'`;
  return (await database.query(sessions)).length;
};

/** As a worker does. */
async function listen(): Promise<{ times(): number }> {
  const client = new pg.Client({ connectionString: database.url });
  let times = 0;
  client.on('notification', () => void times++);
  await client.connect();
  clients.push(client);
  await client.query(`LISTEN ${CHANNEL}`);
  return { times: () => times };
}

const owed = async () => (await database.query('SELECT count(*)::int AS n FROM event_dispatch'))[0]?.n;

test('role all dispatches what it has taken, and counts it', async () => {
  const gateway = await start('all');
  const { metric } = gateway;
  await send(gateway, 100);
  await until('everything to be dispatched', () => allDispatched(database.query));
  expect(await undispatched(database.query)).toEqual(new Set());
  await until('all to be counted', async () => (await metric('webhook_dispatched_total{outcome="projected"}')) === 100);
  expect(await metric('webhook_dispatch_seconds_count')).toBe(100);
  await until('nothing to be old', async () => (await metric('webhook_oldest_undispatched_seconds')) === 0);
  expect(await metric('webhook_dispatch_parked')).toBe(0);
});

test('role ingest dispatches nothing, shows what is owed and tells of what comes; a worker takes it over, and listens', async () => {
  const ingest = await start('ingest');
  await send(ingest, 20);
  // Longer than any worker would take.
  await until(
    'the oldest to be a second old',
    async () => (await ingest.metric('webhook_oldest_undispatched_seconds')) > 1,
  );
  expect(await owed()).toBe(20);
  const before = await listeners();
  const worker = await startWorker();
  await until('the backlog to be dispatched', () => allDispatched(database.query));
  await until('the worker to listen', async () => (await listeners()) > before);
  // That a worker which listens is woken, dispatch-worker.test.ts shows: this one would also find it by itself.
  const told = await listen();
  for (let round = 1; round <= 3; round++) {
    const times = told.times();
    await send(ingest, 1);
    await until('the ingest process to tell of it', () => told.times() > times);
    await until('it to be dispatched', () => allDispatched(database.query));
  }
  expect(await undispatched(database.query)).toEqual(new Set());
  expect(await worker.stop()).toBe(0);
});

test('two workers share a backlog', async () => {
  const ingest = await start('ingest');
  for (let round = 0; round < 5; round++) await send(ingest, 200);
  const workers = await Promise.all([startWorker(), startWorker()]);
  await until('the backlog to be dispatched', () => allDispatched(database.query));
  expect(await undispatched(database.query)).toEqual(new Set());
  await until('both to have counted all', async () => {
    const counts = workers.map(({ url }) => readMetric(url, 'webhook_dispatched_total{outcome="projected"}'));
    return (await Promise.all(counts)).reduce((sum, count) => sum + count) === 1_000;
  });
});

test('an event that can never be projected holds up nobody, and is seen in the metrics, by doctor and in the log', async () => {
  const ingest = await start('ingest');
  await send(ingest, 41);
  // It has used up all of its attempts but the last.
  const [poison] = await database.query(
    `UPDATE event_dispatch SET attempts = 7 WHERE event_id = (SELECT id FROM events WHERE source = 'stripe' LIMIT 1)
     RETURNING event_id, (SELECT payload ->> 'id' FROM events WHERE id = event_id) AS name`,
  );
  await database.query(`ALTER TABLE stripe_object_events ADD CHECK (event <> '${poison.name}') NOT VALID`);
  const worker = await start('worker');
  await until('the others to be dispatched', async () => (await owed()) === 1);
  const { metric } = worker;
  await until('the one to be parked', async () => (await metric('webhook_dispatch_parked')) === 1);
  expect(await metric('webhook_oldest_undispatched_seconds')).toBe(0);
  expect(await metric('webhook_dispatched_total{outcome="parked"}')).toBe(1);
  expect(await metric('webhook_dispatched_total{outcome="projected"}')).toBe(40);
  expect(await database.query('SELECT event_id, attempts, error, next_attempt_at FROM event_dispatch')).toEqual([
    {
      event_id: poison.event_id,
      attempts: 8,
      error: 'PostgreSQL refused (SQLSTATE 23514)',
      next_attempt_at: Number.POSITIVE_INFINITY,
    },
  ]);
  expect(JSON.stringify(worker.log)).toContain(poison.event_id);
  const env = { ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url, ROLE: 'worker', PORT: '0' };
  const { stdout, code } = await runCommand('doctor', { env });
  expect(code).toBe(0);
  expect(stdout).toContain('1 event is parked: their projection failed again and again');
});
