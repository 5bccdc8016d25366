/** Webhooks of weeks ago, replayed: what receives them checks them as it checks the provider’s own of today. */
import { createHmac } from 'node:crypto';
import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ApiPlace, openApi } from '../support/api.ts';
import { type ReceivedDelivery, type Receiver, startReceiver } from '../support/receiver.ts';
import { allDispatched } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { fresh, post, type Webhook } from '../support/webhooks.ts';

const DAY_MS = 86_400_000;
const WEEKS_MS = 21 * DAY_MS;

let place: ApiPlace;
let before: Receiver;
let now: Receiver;
beforeAll(async () => {
  place = await openApi({ DELIVERY_ALLOW_NETWORKS: '127.0.0.0/8' });
  [before, now] = [await startReceiver(), await startReceiver()];
});
afterAll(async () => {
  await Promise.all([place.close(), before.close(), now.close()]);
});
beforeEach(() => place.database.truncate());

/** As if it had come three weeks ago. */
async function receivedLongAgo(webhook: Webhook): Promise<void> {
  expect((await post(place.gateway.url, webhook)).accepted).toBe('stored');
  await until('it to be dispatched', () => allDispatched(place.database.query));
  await until('it to be delivered', async () => (await unfinished()) === 0);
  const aged = (
    id: string,
  ) => `(lpad(to_hex(('x' || translate(left(${id}::text, 13), '-', ''))::bit(48)::bigint - ${WEEKS_MS}), 12, '0')
    || substr(translate(${id}::text, '-', ''), 13))::uuid`;
  const earlier = `received_at = received_at - interval '21 days'`;
  await place.database.query(`
    UPDATE webhook_requests SET id = ${aged('id')}, ${earlier};
    UPDATE events SET id = ${aged('id')}, request_id = ${aged('request_id')}, ${earlier}`);
}
const unfinished = async (): Promise<number> =>
  (await place.database.query(`SELECT FROM deliveries WHERE state <> 'delivered'`)).length;

interface Settings {
  readonly format: string;
  readonly sources: readonly string[];
  readonly secrets: readonly [string, string];
}

/** Owed to a destination that has moved, and has another secret, since the webhook came. */
async function replay(webhook: Webhook, { format, sources, secrets }: Settings): Promise<ReceivedDelivery> {
  const [old, current] = secrets;
  const settings = { name: `${format} of ${sources}`, filter: { sources }, format, signing: 'provider' };
  const target = (url: string) => ({ target: { kind: 'http', url } });
  const created = { ...settings, ...target(before.url), secrets: [old] };
  const { id } = (await place.call('POST /destinations', { body: created })).json;
  await receivedLongAgo(webhook);
  const had = [before.received.length, now.received.length];
  await place.call(`PATCH /destinations/${id}`, { body: { ...target(now.url), secrets: [current] } });
  const range = { from: ago(WEEKS_MS + DAY_MS), to: ago(WEEKS_MS - DAY_MS) };
  const ordered = await place.call('POST /replays', { body: { ...range, destinations: [id] } });
  expect(ordered.status).toBe(201);
  const delivered = await until('the replay to be delivered', async () => {
    const { deliveries } = (await place.call(`GET /replays/${ordered.json.id}`)).json;
    return deliveries.delivered === 1 && now.received.at(-1);
  });
  expect([before.received.length, now.received.length]).toEqual([had[0], (had[1] ?? 0) + 1]);
  expect(delivered.headers['x-webhook-replay']).toBe('true');
  expect(before.received.at(-1)?.headers).not.toHaveProperty('x-webhook-replay');
  return delivered;
}
const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();

test.each(['native', 'original'])('Stripe’s own library takes one in the format %s', async (format) => {
  const webhook = fresh('stripe', 'invoice.paid');
  const { body, headers } = await replay(webhook, {
    format,
    sources: ['stripe'],
    secrets: ['whsec_old', 'whsec_current'],
  });
  const signature = String(headers['stripe-signature']);
  expect(body.equals(webhook.body)).toBe(true);
  // With its tolerance of five minutes.
  expect(Stripe.webhooks.constructEvent(body, signature, 'whsec_current').type).toBe('invoice.paid');
  expect(() => Stripe.webhooks.constructEvent(body, signature, 'whsec_old')).toThrow(/signature/i);
  expect(headers['x-original-stripe-signature']).toBe(webhook.headers['stripe-signature']);
});

test.each(['native', 'original'])('one of WhatsApp is signed as Meta does, in the format %s', async (format) => {
  const webhook = fresh('whatsapp', 'message.text');
  const secrets = ['app-secret-old', 'app-secret-current'] as const;
  const { body, headers } = await replay(webhook, { format, sources: ['whatsapp'], secrets });
  const expected = createHmac('sha256', 'app-secret-current').update(body).digest('hex');
  expect(headers['x-hub-signature-256']).toBe(`sha256=${expected}`);
  const message = (bytes: Buffer) => JSON.parse(bytes.toString()).entry[0].changes[0].value.messages[0];
  expect(message(body)).toEqual(message(webhook.body));
});
