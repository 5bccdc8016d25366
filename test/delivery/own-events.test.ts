/** What the gateway tells of itself, from the failure of a destination to those who asked to hear of it. */
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ApiPlace, openApi } from '../support/api.ts';
import { answer, type Receiver, startReceiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';
import { fresh, post } from '../support/webhooks.ts';

let place: ApiPlace;
let receivers: Record<'failing' | 'operator' | 'consumer', Receiver>;
beforeEach(async () => {
  place = await openApi({ DELIVERY_ALLOW_NETWORKS: '127.0.0.1' });
  const [failing, operator, consumer] = await Promise.all([startReceiver(), startReceiver(), startReceiver()]);
  receivers = { failing, operator, consumer };
  failing.behave(answer(410));
});
afterEach(async () => {
  await place.close();
  await Promise.all(Object.values(receivers).map((receiver) => receiver.close()));
});

async function add(name: keyof typeof receivers, settings: object) {
  const target = { kind: 'http', url: receivers[name].url };
  const { status, json } = await place.call('POST /destinations', { body: { name, target, ...settings } });
  expect(status, JSON.stringify(json)).toBe(201);
  return json;
}
const eventsOf = async (source: string) => (await place.call(`GET /events?source=${source}`)).json.data;
const paused = () => place.gateway.metric('webhook_destinations_auto_paused_total');
const warnings = () => place.gateway.log.filter(({ msg }) => String(msg).startsWith('a destination is paused'));
const undelivered = async () =>
  (await place.database.query(`SELECT count(*)::int AS n FROM deliveries WHERE state <> 'delivered'`))[0]?.n;

test('a destination that answers 410 is paused once, and who asked for it is told; consumers of everything are not', async () => {
  const { id } = await add('failing', {});
  const { generatedSecret } = await add('operator', { filter: { sources: ['gateway'] } });
  await add('consumer', {});
  for (let n = 0; n < 5; n++) expect((await post(place.gateway.url, fresh('stripe'))).accepted).toBe('stored');
  const { operator, consumer } = receivers;
  await until('the operator to be told', () => operator.received.length > 0);
  await until('all but the failing one to have theirs', async () => (await undelivered()) === 5);

  expect([operator.received.length, consumer.received.length]).toEqual([1, 5]);
  expect(consumer.received.map(({ headers }) => headers['x-webhook-source'])).toEqual(Array(5).fill('stripe'));
  const [told] = operator.received;
  const body = new Webhook(generatedSecret).verify(
    told?.body.toString() ?? '',
    told?.headers as Record<string, string>,
  );
  const [event, ...further] = await eventsOf('gateway');
  expect(further).toEqual([]);
  expect(body).toMatchObject({
    id: event.id,
    source: 'gateway',
    provider: 'gateway',
    type: 'destination.auto_paused',
    subject: id,
    payload: { destination: { id, name: 'failing' }, reason: 'it answered 410 Gone', at: event.occurredAt },
  });
  expect(warnings()).toMatchObject([{ level: 40, destination: 'failing', destinationId: id }]);
  expect(await paused()).toBe(1);
});

test.each(['event', 'native', 'original'])(
  'one who fails on what it is told in the format %s is paused once itself, without a storm',
  async (format) => {
    const { id } = await add('failing', { filter: { sources: ['gateway', 'stripe'] }, format });
    await post(place.gateway.url, fresh('stripe'));
    await until('it to be owed its own pause', async () => (await undelivered()) === 2);
    const { failing } = receivers;
    const attempted = failing.received.length;
    failing.behave(answer(204));
    await place.call(`POST /destinations/${id}/resume`);
    await until('all to be delivered', async () => (await undelivered()) === 0);
    expect([(await eventsOf('gateway')).length, await paused()]).toEqual([1, 1]);
    const after = failing.received.slice(attempted).find(({ headers }) => headers['x-webhook-source'] === 'gateway');
    const sent = JSON.parse(after?.body.toString() ?? '');
    expect(format === 'event' ? sent.payload : sent).toMatchObject({
      type: 'destination.auto_paused',
      destination: { id, name: 'failing' },
    });
  },
);

test('a destination can be tried with such an event, and nobody can post one', async () => {
  const { id } = await add('operator', { filter: { sources: ['gateway'] } });
  const { json } = await place.call(`POST /destinations/${id}/test`, { body: { provider: 'gateway' } });
  expect(json).toMatchObject({ failure: null, status: 204 });
  expect(JSON.parse(receivers.operator.received[0]?.body.toString() ?? '')).toMatchObject({
    source: 'gateway',
    type: 'destination.auto_paused',
    payload: { destination: { name: 'sample' } },
  });
  const { headers, body } = fresh('stripe');
  expect((await fetch(`${place.gateway.url}/webhooks/gateway`, { method: 'POST', headers, body })).status).toBe(404);
  expect(await eventsOf('gateway')).toEqual([]);
});
