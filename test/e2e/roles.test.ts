/** Processes of different roles, as on machines of their own: one database, the same keys, and nothing else in common. */
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, API_ENVIRONMENT, apiClient } from '../support/api.ts';
import { runCommand } from '../support/command.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';
import { fresh, keysOf, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

const SHARED = { NODE_ENV: 'production', HOST: '127.0.0.1', COMMIT_TIMEOUT_MS: '30000' };
/** Each role has just what docs/scaling.md says it needs. */
const NEEDED = {
  ingest: { ...PROVIDER_ENVIRONMENT },
  worker: { ...API_ENVIRONMENT, DELIVERY_ALLOW_NETWORKS: '127.0.0.1' },
};

let database: TestDatabase;
let receiver: Receiver;
const daemons: Daemon[] = [];
beforeAll(async () => {
  database = await createDatabase({ migrated: false });
  receiver = await startReceiver();
});
afterEach(() => Promise.all(daemons.splice(0).map((daemon) => daemon.dispose())));
afterAll(async () => {
  await receiver.close();
  await database.drop();
});

const environmentOf = (role: keyof typeof NEEDED) => ({
  ...SHARED,
  ...NEEDED[role],
  DATABASE_URL: database.url,
  ROLE: role,
});

async function start(role: keyof typeof NEEDED): Promise<Daemon> {
  const daemon = await startDaemon(environmentOf(role));
  daemons.push(daemon);
  return daemon;
}

async function startUnmigrated(role: keyof typeof NEEDED): Promise<Daemon> {
  const daemon = await startDaemon({ ...environmentOf(role), MIGRATE_ON_START: 'false' }, { wait: 'listening' });
  daemons.push(daemon);
  return daemon;
}

test('processes of a newer release start before `npm run migrate`: none is ready, what comes is kept, and then all is stored', async () => {
  const both = await Promise.all([startUnmigrated('ingest'), startUnmigrated('worker')]);
  const ready = () => Promise.all(both.map(async ({ url }) => (await fetch(`${url}/ready`)).status));
  expect(await ready()).toEqual([503, 503]);
  const webhook = fresh('stripe');
  expect((await post(both[0].url, webhook)).accepted).toBe('spooled');
  const { code, stderr } = await runCommand('migrate', { env: environmentOf('worker') });
  expect([code, stderr]).toEqual([0, '']);
  await until('both to be ready', async () => (await ready()).every((status) => status === 200));
  const stored = async () =>
    (await database.query('SELECT dedupe_key FROM events')).map(({ dedupe_key }) => dedupe_key);
  await until('the spooled webhook to be stored', async () => (await stored()).length > 0);
  expect(await stored()).toEqual(keysOf(webhook));
});

test('what one process takes another delivers, with a secret that a third one, gone since, has made', async () => {
  const [ingest, first] = await Promise.all([start('ingest'), start('worker')]);
  const call = apiClient(`${first.url}/api/v1`);
  const target = { kind: 'http', url: receiver.url };
  const { status, json } = await call('POST /destinations', { body: { name: 'receiver', target } });
  expect(status).toBe(201);
  const { json: key } = await call('POST /keys', { body: { name: 'reader', scope: 'read' } });
  expect(await first.stop()).toBe(0);
  expect((await post(ingest.url, fresh('stripe'))).accepted).toBe('stored');

  const second = await start('worker');
  await until('the delivery', () => receiver.received.length > 0);
  const [{ body = Buffer.alloc(0), headers = {} } = {}] = receiver.received;
  const event = new Webhook(json.generatedSecret).verify(body.toString(), headers as Record<string, string>);
  const answer = await apiClient(`${second.url}/api/v1`)('GET /events?limit=1', { key: key.key });
  expect(answer.json.data[0].id).toBe((event as { id: string }).id);

  expect((await post(second.url, fresh('stripe'))).status).toBe(404);
  const refused = await fetch(`${ingest.url}/api/v1/status`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  expect(refused.status).toBe(404);
});
