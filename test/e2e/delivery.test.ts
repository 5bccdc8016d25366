/** From a signed webhook to the receivers of its event: once if all goes well, again if it does not, and never without trace. */
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createSecretBox, newEncryptionKey, SECRETS_FIELD } from '../../src/core/secret-box.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type DestinationRowParts, insertDestination } from '../support/destination-row.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { answer, type Receiver, silence, startReceiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';
import { fresh, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

const KEY = newEncryptionKey();

let database: TestDatabase;
let receiver: Receiver;
const daemons: Daemon[] = [];
const gateways: TestGateway[] = [];
beforeAll(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  await Promise.all(daemons.splice(0).map((daemon) => daemon.dispose()));
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  await receiver?.close();
  for (const table of ['delivery_attempts', 'deliveries', 'destination_state', 'destinations']) {
    await database.query(`DELETE FROM ${table}`);
  }
  await database.truncate();
});
afterAll(() => database.drop());

const environmentOf = (more: Record<string, string>) => ({
  DATABASE_URL: database.url,
  COMMIT_TIMEOUT_MS: '30000',
  DELIVERY_ALLOW_NETWORKS: '127.0.0.1',
  ENCRYPTION_KEYS: KEY,
  ...more,
});
async function start(environment: Record<string, string> = {}): Promise<TestGateway> {
  const gateway = await startTestGateway(environmentOf(environment));
  gateways.push(gateway);
  return gateway;
}
/** As a process of its own, where that is stopped or killed, or works beside others. */
async function startProcess(environment: Record<string, string> = {}): Promise<Daemon> {
  const daemon = await startDaemon({ ...PROVIDER_ENVIRONMENT, ...environmentOf(environment) });
  daemons.push(daemon);
  return daemon;
}
async function openReceiver(parts: DestinationRowParts = {}): Promise<string> {
  receiver = await startReceiver();
  return insertDestination(database, { url: receiver.url, ...parts });
}
async function send({ url }: Pick<Daemon, 'url'>, count: number): Promise<void> {
  const answers = await Promise.all(Array.from({ length: count }, () => post(url, fresh('stripe'))));
  for (const { accepted } of answers) expect(accepted).toBe('stored');
}
const states = async () => {
  const rows = await database.query('SELECT state, count(*)::int AS n FROM deliveries GROUP BY state');
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
};
const allDelivered = (count: number) =>
  until('all to be delivered', async () => (await states())['delivered'] === count);
const eventIds = () => receiver.received.map(({ body }) => JSON.parse(body.toString()).id as string);

test('each event arrives once, signed such that the receiver’s library takes it, and is counted', async () => {
  const secret = `whsec_${Buffer.from('a secret of thirty-two bytes ...').toString('base64')}`;
  const id = '01900000-0000-7000-8000-00000000000d';
  const sealed = createSecretBox([KEY]).seal(secret, { destinationId: id, field: SECRETS_FIELD });
  await openReceiver({ id, signing: 'standard', secrets: [sealed] });
  const gateway = await start();
  await send(gateway, 50);
  await allDelivered(50);
  expect(receiver.received).toHaveLength(50);
  const stored = await database.query('SELECT id FROM events');
  expect(eventIds().sort()).toEqual(stored.map(({ id }) => id).sort());
  for (const { headers, body } of receiver.received) {
    expect(new Webhook(secret).verify(body.toString(), headers as Record<string, string>)).toMatchObject({
      provider: 'stripe',
    });
    expect(headers['user-agent']).toMatch(/^webhook-gateway\/\d/);
  }
  expect(await gateway.metric('webhook_delivery_attempts_total{outcome="delivered"}')).toBe(50);
  expect(await gateway.metric('webhook_delivery_lag_seconds_count')).toBe(50);
});

test('what fails is tried again by the schedule, with the same id; then it is dead, and the log names no URL', async () => {
  await openReceiver({ retrySchedule: [1, 1] });
  receiver.behave(answer(400, {}, 'a body that nobody should log'));
  const gateway = await start();
  await send(gateway, 1);
  await until('it to be dead', async () => (await states())['dead'] === 1);
  expect(receiver.received.map(({ headers }) => headers['x-webhook-attempt'])).toEqual(['1', '2', '3']);
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  const attempts = await database.query('SELECT number, status, failure FROM delivery_attempts ORDER BY number');
  expect(attempts).toEqual([1, 2, 3].map((number) => ({ number, status: 400, failure: 'status' })));
  const logged = JSON.stringify(gateway.log);
  expect(logged).toContain('a delivery is dead');
  expect(logged).not.toContain(receiver.url);
  expect(logged).not.toContain('nobody should log');
});

test('a receiver whose address is not allowed gets nothing', async () => {
  await openReceiver({ retrySchedule: [] });
  const gateway = await start({ DELIVERY_ALLOW_NETWORKS: '127.0.0.2' });
  await send(gateway, 1);
  await until('it to be dead', async () => (await states())['dead'] === 1);
  expect(await database.query('SELECT failure FROM delivery_attempts')).toEqual([{ failure: 'forbidden_address' }]);
  expect(receiver.connections()).toBe(0);
});

test('a daemon killed while receivers have not answered: another sends all of that again, with the same ids', async () => {
  await openReceiver({ timeoutMs: 60_000 });
  receiver.behave(silence);
  const killed = await startProcess();
  await send(killed, 5);
  await until('all to be under way', () => receiver.received.length === 5);
  await killed.kill();
  expect(await states()).toEqual({ sending: 5 });
  receiver.behave(answer(204));
  // The leases would run for another minute and a half.
  await database.query(`UPDATE deliveries SET lease_until = now() WHERE state = 'sending'`);
  await start();
  await allDelivered(5);
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect(ids).toHaveLength(10);
  expect(ids.slice(5).sort()).toEqual(ids.slice(0, 5).sort());
  expect(eventIds().slice(5).sort()).toEqual(eventIds().slice(0, 5).sort());
});

test('a stop during deliveries takes no longer than it may, and loses nothing', async () => {
  await openReceiver({ timeoutMs: 60_000 });
  receiver.behave((response, { headers }) => {
    // Every second one is answered at once, the others never.
    if (receiver.received.findIndex((one) => one.headers['webhook-id'] === headers['webhook-id']) % 2 === 0) {
      response.writeHead(204).end();
    }
  });
  const stopped = await startProcess();
  await send(stopped, 6);
  await until('all to be under way', () => receiver.received.length === 6);
  expect(await stopped.stop()).toBe(0);
  expect(await states()).toEqual({ delivered: 3, sending: 3 });
  receiver.behave(answer(204));
  await database.query(`UPDATE deliveries SET lease_until = now() WHERE state = 'sending'`);
  await start({ ROLE: 'worker' });
  await allDelivered(6);
});

test('several workers share what is owed, and none of it is sent twice', async () => {
  await openReceiver();
  const ingest = await start({ ROLE: 'ingest' });
  await send(ingest, 200);
  await Promise.all([startProcess({ ROLE: 'worker' }), startProcess({ ROLE: 'worker' })]);
  await allDelivered(200);
  expect(new Set(eventIds()).size).toBe(200);
  expect(receiver.received).toHaveLength(200);
});
