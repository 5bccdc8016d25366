/** That settings reach what they are for. What that does with them is tested where it stands. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_ENVIRONMENT, apiClient } from './support/api.ts';
import { createDatabase, type TestDatabase } from './support/database.ts';
import { addDeliveries, addDestination } from './support/deliveries.ts';
import { startTestGateway, type TestGateway } from './support/gateway.ts';
import { answer, type Receiver, startReceiver } from './support/receiver.ts';
import { until } from './support/until.ts';
import { fresh, post } from './support/webhooks.ts';

const DAY_MS = 86_400_000;
const ago = (days: number) => new Date(Date.now() - days * DAY_MS);
/** The shortest that can be set. */
const SETTINGS = {
  DESTINATION_DISABLE_AFTER_SECONDS: '60',
  DELIVERY_RETENTION_DAYS: '1',
  AUDIT_RETENTION_DAYS: '1',
};

let database: TestDatabase;
let receiver: Receiver;
let gateway: TestGateway;
const failing = { long: '', short: '' };
beforeAll(async () => {
  [database, receiver] = await Promise.all([createDatabase(), startReceiver()]);
  receiver.behave(answer(500));
  failing.long = await addFailing(61);
  failing.short = await addFailing(1);
  await addFinished();
  await addEntries();
  gateway = await startTestGateway({
    DATABASE_URL: database.url,
    DELIVERY_ALLOW_NETWORKS: '127.0.0.0/8',
    ...API_ENVIRONMENT,
    ...SETTINGS,
  });
  expect((await post(gateway.url, fresh('stripe'))).accepted).toBe('stored');
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all([receiver.close(), database.drop()]);
});

/** Its circuit is open: what it is owed first is a probe. @returns its id */
async function addFailing(seconds: number): Promise<string> {
  const id = await addDestination(database, { url: receiver.url });
  await database.query(
    `UPDATE destination_state SET failures = 5, circuit_open = true, next_probe_at = now(),
                                  failing_since = now() - $2 * interval '1 second'
      WHERE destination_id = $1`,
    [id, seconds],
  );
  return id;
}

async function addFinished(): Promise<void> {
  const finished = (state: string, days: number) => ({ state, type: `${state} ${days}`, finished_at: ago(days) });
  const ids = await addDeliveries(database, await addDestination(database, { types: ['none'] }), [
    finished('delivered', 2),
    finished('delivered', 0.5),
    finished('dead', 4),
    finished('dead', 2),
  ]);
  // Made long ago: what has a young id is not looked at.
  for (const [index, id] of ids.entries()) {
    await database.query('UPDATE deliveries SET id = $1 WHERE id = $2', [idOf(5, index), id]);
  }
}

async function addEntries(): Promise<void> {
  for (const days of [2, 0.5]) {
    await database.query(
      `INSERT INTO audit_log (id, at, actor, ip, action) VALUES ($1, $2, 'somebody', '::1', 'test.old')`,
      [idOf(days), ago(days)],
    );
  }
}

/** An id made so many days ago. */
function idOf(days: number, number = 0): string {
  const hex = ago(days).getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${String(number).padStart(12, '0')}`;
}

test('DESTINATION_DISABLE_AFTER_SECONDS: who has failed for longer is paused, who has not is tried again', async () => {
  const stateOf = async (id: string) => {
    const [row] = await database.query(
      'SELECT state, failures FROM destinations JOIN destination_state ON destination_id = id WHERE id = $1',
      [id],
    );
    return row;
  };
  await until('the one to be paused', async () => (await stateOf(failing.long)).state === 'auto_paused');
  await until('a probe of the other', async () => (await stateOf(failing.short)).failures > 5);
  expect((await stateOf(failing.short)).state).toBe('active');
});

test('DELIVERY_RETENTION_DAYS: what was finished before goes, dead ones after three times as long', async () => {
  const left = async () =>
    (await database.query('SELECT type FROM deliveries WHERE finished_at IS NOT NULL ORDER BY type')).map(
      ({ type }) => type,
    );
  await until('the walk', async () => !(await left()).includes('delivered 2'));
  expect(await left()).toEqual(['dead 2', 'delivered 0.5']);
});

test('AUDIT_RETENTION_DAYS: what is older goes with the next change', async () => {
  const call = apiClient(gateway.gateway.apiUrl ?? '');
  const entries = async () => (await database.query('SELECT at, action FROM audit_log ORDER BY id')) as { at: Date }[];
  expect(await entries()).toHaveLength(2);
  expect((await call('POST /keys', { body: { name: 'a change', scope: 'read' } })).status).toBe(201);
  const [kept, change, ...others] = await entries();
  expect(kept?.at.getTime()).toBeGreaterThan(ago(1).getTime());
  expect([change, others]).toEqual([expect.objectContaining({ action: 'key.create' }), []]);
});
