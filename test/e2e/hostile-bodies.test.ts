/** Signed bodies that a database would refuse: each is kept whole, and none harms its neighbours. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { HOSTILE_BODIES } from '../support/hostile-bodies.ts';
import { withinSameHour } from '../support/same-hour.ts';
import { fresh, keysOf, post, signed } from '../support/webhooks.ts';

let database: TestDatabase;
let gateway: TestGateway;

beforeAll(async () => {
  database = await createDatabase();
  gateway = await startTestGateway({ DATABASE_URL: database.url });
});
afterAll(async () => {
  await gateway.stop();
  await database.drop();
});
beforeEach(withinSameHour);
beforeEach(async () => {
  await database.truncate();
  gateway.gateway.storage.seen.databaseLost();
  gateway.gateway.storage.seen.databaseConnected('another database');
});

test.each(HOSTILE_BODIES)('$provider: $name, alone', async ({ provider, body }) => {
  const answer = await post(gateway.url, signed(provider, body));
  expect([answer.status, answer.accepted]).toEqual([200, 'stored']);
  const [row] = await database.query('SELECT body, body_sha256 = sha256(body) AS whole FROM webhook_requests');
  expect(body.equals(row.body)).toBe(true);
  expect(row.whole).toBe(true);
  const events = await database.query('SELECT dedupe_key, payload FROM events');
  expect(events.map(({ dedupe_key }) => dedupe_key).sort()).toEqual(
    keysOf({ provider, body, headers: {} }, answer.requestId ?? '').sort(),
  );
  expect((await post(gateway.url, signed(provider, body))).accepted).toBe('duplicate');
});

test.each(HOSTILE_BODIES)('$provider: $name, amid forty good ones', async ({ provider, body }) => {
  const good = Array.from({ length: 40 }, (_, index) => fresh(index % 2 === 0 ? 'stripe' : 'whatsapp'));
  const all = [...good.slice(0, 20), signed(provider, body), ...good.slice(20)];
  const answers = await Promise.all(all.map((webhook) => post(gateway.url, webhook)));
  expect(answers.map(({ status, accepted }) => `${status} ${accepted}`)).toEqual(all.map(() => '200 stored'));
  const stored = new Set((await database.query('SELECT dedupe_key FROM events')).map(({ dedupe_key }) => dedupe_key));
  for (const webhook of good) for (const key of keysOf(webhook)) expect(stored.has(key)).toBe(true);
  expect((await database.query('SELECT count(*)::int AS n FROM webhook_requests'))[0].n).toBe(41);
});

test('numbers of many digits are kept to the last one', async () => {
  const body =
    '{"id":"evt_digits","object":"event","type":"a.b","amount":12345678901234567890.125,"small":1e-30,"plain":1.50}';
  await post(gateway.url, signed('stripe', body));
  const [row] = await database.query(
    `SELECT payload->>'amount' AS amount, (payload->>'small')::numeric = 1e-30 AS small FROM events`,
  );
  expect(row).toEqual({ amount: '12345678901234567890.125', small: true });
});

test('no prototype is touched', () => {
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});
