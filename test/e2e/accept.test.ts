/** The path of a webhook from the socket to its rows. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { allDispatched, undispatched } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { fresh, keysOf, post, SECRETS, signed } from '../support/webhooks.ts';

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
beforeEach(() => database.truncate());

describe.each(['stripe', 'whatsapp'] as const)('a signed webhook of %s', (provider) => {
  test('is stored once, byte for byte, however often it comes', async () => {
    const webhook = fresh(provider);
    const answers = [
      await post(gateway.url, webhook),
      await post(gateway.url, webhook),
      await post(gateway.url, webhook),
    ];

    expect(answers.map(({ status, accepted }) => [status, accepted])).toEqual([
      [200, 'stored'],
      [200, 'duplicate'],
      [200, 'duplicate'],
    ]);
    expect(answers[0]?.text).toBe('{"received":true}');
    const requests = await database.query('SELECT * FROM webhook_requests');
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ id: answers[0]?.requestId, source: provider, provider });
    expect(webhook.body.equals(requests[0].body)).toBe(true);
    const events = await database.query('SELECT * FROM events');
    expect(events.map(({ dedupe_key }) => dedupe_key)).toEqual(keysOf(webhook));
    expect(events[0].request_id).toBe(answers[0]?.requestId);
    await until('it to be dispatched', () => allDispatched(database.query));
    expect(await undispatched(database.query)).toEqual(new Set());
  });

  test('keeps the headers worth keeping and no others', async () => {
    const webhook = fresh(provider);
    const headers = {
      ...webhook.headers,
      authorization: 'Bearer x',
      cookie: 'a=b',
      'user-agent': 'sender/1',
      'x-request-id': 'theirs',
    };
    await post(gateway.url, { ...webhook, headers });
    const [row] = await database.query('SELECT headers FROM webhook_requests');
    expect(Object.keys(row.headers).sort()).toEqual(
      [
        'content-type',
        'user-agent',
        'x-request-id',
        ...Object.keys(webhook.headers).filter((name) => name.includes('signature')),
      ].sort(),
    );
  });

  test('is refused with a wrong secret, and does not keep the genuine one out', async () => {
    const genuine = fresh(provider);
    const forged = signed(provider, genuine.body, 'somebody else’s secret');
    const refused = await post(gateway.url, forged);
    expect(refused.status).toBe(401);
    expect(JSON.parse(refused.text)).toEqual({
      error: { code: 'unauthorized', message: expect.any(String), requestId: refused.requestId },
    });
    expect(await database.query('SELECT id FROM webhook_requests')).toEqual([]);
    expect((await post(gateway.url, genuine)).accepted).toBe('stored');
  });

  test('is accepted whatever its content type says', async () => {
    for (const contentType of ['', 'text/plain', 'application/xml; charset=latin1', 'not/a/content;;type', '///']) {
      const webhook = fresh(provider);
      const answer = await post(gateway.url, {
        ...webhook,
        headers: { ...webhook.headers, 'content-type': contentType },
      });
      expect([contentType, answer.status, answer.accepted]).toEqual([contentType, 200, 'stored']);
    }
  });

  test('that is not JSON is kept as an unknown event', async () => {
    const webhook = signed(provider, Buffer.from([0xff, 0x00, 0x7b, 0x22]));
    expect((await post(gateway.url, webhook)).accepted).toBe('stored');
    const [event] = await database.query('SELECT type, payload, dedupe_key FROM events');
    expect(event).toEqual({ type: 'unknown', payload: null, dedupe_key: expect.stringMatching(/^body:[0-9a-f]{64}$/) });
  });
});

test('one body with a thousand statuses is a thousand events', async () => {
  const statuses = Array.from({ length: 1000 }, (_, index) => ({
    id: `wamid.batch${index}`,
    status: 'delivered',
    timestamp: '1766000000',
    recipient_id: '15550001111',
    biz_opaque_callback_data: 'x'.repeat(2_900),
  }));
  const value = { messaging_product: 'whatsapp', metadata: { phone_number_id: '1' }, statuses };
  const body = JSON.stringify({
    object: 'whatsapp_business_account',
    entry: [{ id: '2', changes: [{ field: 'messages', value }] }],
  });
  expect(body.length).toBeGreaterThan(3_000_000);
  expect((await post(gateway.url, signed('whatsapp', body))).accepted).toBe('stored');
  expect((await database.query('SELECT count(*)::int AS n FROM events'))[0].n).toBe(1000);
  expect((await post(gateway.url, signed('whatsapp', body))).accepted).toBe('duplicate');
});

test('a body over the limit is answered 413', async () => {
  const answer = await post(gateway.url, signed('stripe', Buffer.alloc(4 * 1024 * 1024 + 1, 0x20)));
  expect(answer.status).toBe(413);
});

test('either of two secrets is accepted, and its position counted', async () => {
  const two = await startTestGateway({
    DATABASE_URL: database.url,
    STRIPE_WEBHOOK_SECRET: `whsec_new, ${SECRETS.stripe}`,
  });
  try {
    const before = await two.metric('webhook_signature_matches_total{source="stripe",secret="1"}');
    expect((await post(two.url, fresh('stripe'))).status).toBe(200);
    expect(await two.metric('webhook_signature_matches_total{source="stripe",secret="1"}')).toBe(before + 1);
    expect(await two.metric('webhook_signature_matches_total{source="stripe",secret="0"}')).toBe(0);
  } finally {
    await two.stop();
  }
});
