/** `POST /destinations/:id/test`: a sample goes out as a delivery would, and nothing stays behind. */
import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ApiPlace, openApi } from '../../support/api.ts';
import { type Receiver, startReceiver } from '../../support/receiver.ts';

let place: ApiPlace;
let receiver: Receiver;
beforeAll(async () => {
  place = await openApi({ DELIVERY_ALLOW_NETWORKS: '127.0.0.0/8' });
  receiver = await startReceiver();
});
afterAll(async () => {
  await place.close();
  await receiver.close();
});
beforeEach(() => place.database.query('DELETE FROM destinations; DELETE FROM audit_log'));

async function create(settings: object = {}) {
  const body = { name: 'one', target: { kind: 'http', url: receiver.url }, ...settings };
  const { status, json } = await place.call('POST /destinations', { body });
  expect(status).toBe(201);
  return json;
}

test('the receiver gets it signed and marked, and the caller what came back', async () => {
  const { id, generatedSecret } = await create({ secretHeaders: { Authorization: 'Bearer hunter2' } });
  receiver.behave((response) => response.writeHead(202, { 'content-type': 'text/plain' }).end('thanks'));
  const { status, json } = await place.call(`POST /destinations/${id}/test`);
  expect([status, json]).toEqual([
    200,
    {
      durationMs: expect.any(Number),
      status: 202,
      responseHeaders: expect.objectContaining({ 'content-type': 'text/plain' }),
      responseBody: { encoding: 'text', content: 'thanks' },
      failure: null,
      error: null,
    },
  ]);
  const delivery = receiver.received.at(-1);
  expect(delivery?.headers).toMatchObject({ 'x-gateway-test': 'true', authorization: 'Bearer hunter2' });
  const verified = new Webhook(generatedSecret).verify(
    delivery?.body.toString() ?? '',
    delivery?.headers as Record<string, string>,
  );
  expect(verified).toMatchObject({ source: 'stripe', type: 'payment_intent.succeeded' });
  expect(await place.database.query('SELECT FROM deliveries')).toEqual([]);
  expect(await place.database.query('SELECT FROM events')).toEqual([]);
  const entries = await place.database.query(`SELECT details FROM audit_log WHERE action = 'destination.test'`);
  expect(entries).toEqual([{ details: { provider: 'stripe' } }]);
});

test('in another provider’s form, of another type, also while it is paused', async () => {
  const { id } = await create({ format: 'native' });
  await place.call(`POST /destinations/${id}/pause`);
  receiver.behave((response) => response.writeHead(200).end(Buffer.from([0xff, 0x00])));
  const body = { provider: 'whatsapp', type: 'message.text' };
  const { json } = await place.call(`POST /destinations/${id}/test`, { body });
  expect(json).toMatchObject({ status: 200, responseBody: { encoding: 'base64', content: '/wA=' } });
  expect(JSON.parse(receiver.received.at(-1)?.body.toString() ?? '')).toMatchObject({
    object: 'whatsapp_business_account',
  });
});

test('a failure is an answer too', async () => {
  const { id } = await create();
  receiver.behave((response) => response.writeHead(500).end());
  expect((await place.call(`POST /destinations/${id}/test`)).json).toMatchObject({ status: 500, failure: 'status' });
  receiver.behave((response) => response.destroy());
  const { json } = await place.call(`POST /destinations/${id}/test`);
  expect(json).toMatchObject({ status: null, responseBody: null, failure: 'connection', error: expect.any(String) });
});

test('what there is no sample of is refused, and what there is none of is 404', async () => {
  const { id } = await create();
  const sent = receiver.received.length;
  const { status, json } = await place.call(`POST /destinations/${id}/test`, { body: { type: 'no.such' } });
  expect([status, json.error.details[0].path]).toEqual([400, 'type']);
  expect((await place.call(`POST /destinations/${id}/test`, { body: { provider: 'paypal' } })).status).toBe(400);
  expect((await place.call(`POST /destinations/${randomUUID()}/test`)).status).toBe(404);
  expect(receiver.received).toHaveLength(sent);
});
