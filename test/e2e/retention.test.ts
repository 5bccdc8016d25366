/** Old rows go while webhooks come, in daemons of every role, and a killed one leaves nothing half done. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { alike, storeOldRequests } from '../support/old-requests.ts';
import { allDispatched, undispatched } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { startWebhookLoad } from '../support/webhook-load.ts';
import { PROVIDER_ENVIRONMENT } from '../support/webhooks.ts';

let database: TestDatabase;
const gateways: TestGateway[] = [];
let killed: Daemon | undefined;
beforeAll(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  await killed?.dispose();
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  await database.truncate();
  await database.query('DELETE FROM retention; INSERT INTO retention DEFAULT VALUES');
});
afterAll(() => database.drop());

async function start(role: 'all' | 'ingest' | 'worker'): Promise<TestGateway> {
  const gateway = await startTestGateway({ DATABASE_URL: database.url, ROLE: role });
  gateways.push(gateway);
  return gateway;
}

const removed = ({ metric }: TestGateway, what: 'events' | 'requests') =>
  metric(`webhook_retention_removed_total{what="${what}"}`);
const count = async (table: string) => (await database.query(`SELECT count(*)::int AS n FROM ${table}`))[0].n as number;
const counted = async () =>
  (await database.query('SELECT events_removed::int AS events, requests_removed::int AS requests FROM retention'))[0];

test('role ingest removes nothing, a worker does, and counts it', async () => {
  await storeOldRequests(database.url, [{ ageDays: 31 }, { ageDays: 401 }, { ageDays: 29 }]);
  // The first to start would be the first to remove.
  const ingest = await start('ingest');
  const worker = await start('worker');
  await until('the worker to have removed both', async () => (await removed(worker, 'requests')) === 2);
  expect(await removed(worker, 'events')).toBe(1);
  expect([await removed(ingest, 'requests'), await removed(ingest, 'events')]).toEqual([0, 0]);
  expect(await count('webhook_requests')).toBe(1);
  expect(worker.log.map(({ msg }) => msg)).toContain('old rows have been removed');
});

test('thousands of old rows go while webhooks are taken and dispatched, and none of the new ones', async () => {
  const one = { payloads: [{ a: 1 }, { a: 2 }, { a: 3 }] };
  await storeOldRequests(database.url, [
    ...alike(1_100, { ageDays: 450, ...one }),
    ...alike(1_400, { ageDays: 100, ...one }),
  ]);
  const gateway = await start('all');
  const load = startWebhookLoad(gateway.url, { keepAlive: 6, oneShot: 0 });
  await until(
    'all that is old to be gone',
    async () => (await removed(gateway, 'requests')) === 2_500 && (await removed(gateway, 'events')) === 3_300,
  );
  await until('some more webhooks', () => load.accepted() > 200);
  const { keptAlive, failures } = await load.stop();
  expect(failures).toEqual([]);
  await until('everything to be dispatched', () => allDispatched(database.query));
  const stored = await database.query(`
    SELECT dedupe_key, EXISTS (SELECT FROM webhook_requests r WHERE r.id = request_id) AS "hasRequest"
      FROM events WHERE received_at > now() - interval '1 day'`);
  expect(new Set(stored.map(({ dedupe_key }) => dedupe_key))).toEqual(new Set(keptAlive));
  expect(stored.filter(({ hasRequest }) => !hasRequest)).toEqual([]);
  expect(await undispatched(database.query)).toEqual(new Set());
  expect(await count(`events WHERE received_at < now() - interval '1 day'`)).toBe(4_200);
  expect(await counted()).toEqual({ events: 3_300, requests: 2_500 });
  // Neither worker was refused anything, by a deadlock for instance; on a busy machine a connection may come too late.
  const refusals = gateway.log.filter(
    ({ msg, reason }) => /for now$/.test(`${msg}`) && !/connection lost/.test(`${reason}`),
  );
  expect(refusals).toEqual([]);
});

/** Four pages of each table. */
const OLD = 4_000;

test('killed in the middle: what is gone is counted, and another goes on', async () => {
  await storeOldRequests(database.url, alike(OLD, { ageDays: 450 }));
  const first = await startDaemon({ ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url, ROLE: 'worker' });
  killed = first;
  await until('the first rows to be gone', async () => (await counted()).events > 0);
  await first.kill();
  // What it had sent may still be on its way through the server.
  await until('its session to end', async () => (await database.query(SESSIONS))[0].n === 0);
  const { events, requests } = await counted();
  expect(events).toBeLessThan(OLD);
  expect(await count('events')).toBe(OLD - events);
  expect(await count('webhook_requests')).toBe(OLD - requests);
  // The minute for which the lease of the killed one holds.
  await database.query(`UPDATE retention SET leased_until = leased_until - interval '1 minute'`);
  const second = await start('worker');
  await until('the rest to be gone', async () => (await count('events')) + (await count('webhook_requests')) === 0);
  expect(await counted()).toEqual({ events: OLD, requests: OLD });
  await until('it to have counted', async () => (await removed(second, 'events')) === OLD - events);
});
const SESSIONS = `
  SELECT count(*)::int AS n FROM pg_stat_activity
   WHERE application_name = 'webhook-gateway retention' AND datname = current_database()`;
