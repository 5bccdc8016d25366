/** `/deliveries` and `/dead-letters` over HTTP. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ascendingRowId, rowId } from '../../../src/core/row-id.ts';
import { type ApiPlace, openApi } from '../../support/api.ts';
import { type Receiver, startReceiver } from '../../support/receiver.ts';
import { until } from '../../support/until.ts';
import { fresh, keysOf, post } from '../../support/webhooks.ts';

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
beforeEach(async () => {
  await place.database.query(
    'DELETE FROM delivery_attempts; DELETE FROM deliveries; DELETE FROM destination_state; DELETE FROM destinations; DELETE FROM audit_log',
  );
});

/** Paused, so that nothing is sent behind the test's back. */
async function createPaused(name = 'one'): Promise<string> {
  const body = { name, target: { kind: 'http', url: receiver.url }, signing: 'none' };
  const { id } = (await place.call('POST /destinations', { body })).json;
  await place.call(`POST /destinations/${id}/pause`);
  return id;
}

interface Owed {
  readonly destinationId: string;
  readonly state?: string;
  readonly eventId?: string;
}

async function owe({ destinationId, state = 'pending', eventId = randomUUID() }: Owed): Promise<string> {
  const id = ascendingRowId();
  const finished = state === 'pending' || state === 'sending' ? null : new Date();
  await place.database.query(
    `INSERT INTO deliveries (id, destination_id, event_id, request_id, source, provider, type, subject, state, attempts,
                             next_attempt_at, received_at, created_at, finished_at)
     VALUES ($1, $2, $3, $3, 'stripe', 'stripe', 'invoice.paid', 'in_1', $4, 3, now(), now(), now(), $5)`,
    [id, destinationId, eventId, state, finished],
  );
  return id;
}

const idsOf = async (call: string) => (await place.call(call)).json.data.map(({ id }: { id: string }) => id);
const stateOf = async (id: string) => (await place.call(`GET /deliveries/${id}`)).json.state;
const audit = async () =>
  (await place.call('GET /audit')).json.data
    .filter(({ action }: { action: string }) => !action.startsWith('destination.'))
    .map(({ actor, action, target, details }: Record<string, unknown>) => ({ actor, action, target, details }));

describe('the list', () => {
  test('takes every filter, and is read page by page', async () => {
    const [one, two] = [await createPaused('one'), await createPaused('two')];
    const eventId = randomUUID();
    const first = await owe({ destinationId: one, eventId });
    const second = await owe({ destinationId: two, eventId, state: 'dead' });
    const third = await owe({ destinationId: one, state: 'delivered' });
    expect(await idsOf('GET /deliveries')).toEqual([third, second, first]);
    expect(await idsOf(`GET /deliveries?destination=${one}`)).toEqual([third, first]);
    expect(await idsOf(`GET /deliveries?destination=${one}&state=pending`)).toEqual([first]);
    expect(await idsOf('GET /deliveries?state=dead')).toEqual([second]);
    expect(await idsOf(`GET /deliveries?event=${eventId}`)).toEqual([second, first]);
    const page = (await place.call('GET /deliveries?limit=2')).json;
    expect(await idsOf(`GET /deliveries?limit=2&cursor=${page.nextCursor}`)).toEqual([first]);
    expect(await idsOf('GET /dead-letters')).toEqual([second]);
    expect(await idsOf(`GET /dead-letters?destination=${one}`)).toEqual([]);
  });

  test.each(['state=lost', 'destination=one', 'event=1', 'colour=blue'])('refuses %s', async (query) => {
    expect((await place.call(`GET /deliveries?${query}`)).status).toBe(400);
  });
});

test('a delivery comes with its attempts, and with what was answered to them', async () => {
  const id = await owe({ destinationId: await createPaused(), state: 'dead' });
  const attempt = (number: number, status: number | null, body: Buffer | null, failure: string | null) =>
    place.database.query(
      `INSERT INTO delivery_attempts (delivery_id, number, id, started_at, duration_ms, status, response_headers, response_body, failure, error)
       VALUES ($1, $2::int, $3, now() + $2::int * interval '1 second', 12, $4, '{"content-type":"text/plain"}', $5, $6, $7)`,
      [id, number, rowId(), status, body, failure, failure === null ? null : 'for people'],
    );
  await attempt(1, 500, Buffer.from('naïve'), 'status');
  await attempt(2, null, null, 'timeout');
  await attempt(3, 200, Buffer.from([0xff, 0x00]), null);
  const { json } = await place.call(`GET /deliveries/${id}`);
  expect(json).toMatchObject({
    id,
    state: 'dead',
    type: 'invoice.paid',
    subject: 'in_1',
    attempts: 3,
    nextAttemptAt: null,
  });
  expect(json.history).toEqual([
    {
      number: 1,
      startedAt: expect.any(String),
      durationMs: 12,
      status: 500,
      responseHeaders: { 'content-type': 'text/plain' },
      responseBody: { encoding: 'text', content: 'naïve' },
      failure: 'status',
      error: 'for people',
      probe: false,
    },
    expect.objectContaining({ number: 2, status: null, responseBody: null, failure: 'timeout' }),
    expect.objectContaining({ number: 3, responseBody: { encoding: 'base64', content: '/wA=' }, failure: null }),
  ]);
});

test.each([
  ['retry', 'dead', 200, 'pending'],
  ['retry', 'cancelled', 200, 'pending'],
  ['retry', 'pending', 200, 'pending'],
  ['retry', 'delivered', 409, 'delivered'],
  ['cancel', 'pending', 200, 'cancelled'],
  ['cancel', 'delivered', 409, 'delivered'],
  ['cancel', 'dead', 409, 'dead'],
])('%s of one that is %s: %d', async (verb, state, status, after) => {
  const id = await owe({ destinationId: await createPaused(), state });
  const answer = await place.call(`POST /deliveries/${id}/${verb}`);
  expect([answer.status, await stateOf(id)]).toEqual([status, after]);
  if (status === 200) expect(answer.json).toMatchObject({ id, state: after });
  const entry = { actor: 'ADMIN_API_KEY', action: `delivery.${verb}`, target: id, details: null };
  expect(await audit()).toEqual(status === 200 ? [entry] : []);
});

test('what there is none of is 404', async () => {
  for (const call of ['GET ', 'POST /retry', 'POST /cancel']) {
    const [method, rest] = call.split(' ');
    expect((await place.call(`${method} /deliveries/${randomUUID()}${rest}`)).status).toBe(404);
  }
});

test('dead ones of a destination are tried again, oldest first', async () => {
  const [one, two] = [await createPaused('one'), await createPaused('two')];
  const dead = [];
  for (let index = 0; index < 3; index++) dead.push(await owe({ destinationId: one, state: 'dead' }));
  const others = [
    await owe({ destinationId: two, state: 'dead' }),
    await owe({ destinationId: one, state: 'cancelled' }),
  ];
  const redrive = async (limit: number) =>
    (await place.call('POST /dead-letters/redrive', { body: { destination: one, limit } })).json.redriven;
  expect(await redrive(2)).toBe(2);
  expect(await idsOf(`GET /dead-letters?destination=${one}`)).toEqual(dead.slice(2));
  expect(await redrive(2)).toBe(1);
  expect(await redrive(2)).toBe(0);
  expect(await Promise.all(dead.map(stateOf))).toEqual(['pending', 'pending', 'pending']);
  expect(await Promise.all(others.map(stateOf))).toEqual(['dead', 'cancelled']);
  expect((await audit()).reverse()).toMatchObject([
    { action: 'dead_letters.redrive', target: one, details: { redriven: 2 } },
    { action: 'dead_letters.redrive', target: one, details: { redriven: 1 } },
  ]);
});

test('dead ones of a time alone are tried again', async () => {
  const destination = await createPaused();
  const hours = [9, 10, 11].map((hour) => new Date(Date.UTC(2026, 4, 1, hour)).toISOString());
  const dead: string[] = [];
  for (const hour of hours) {
    const id = await owe({ destinationId: destination, state: 'dead' });
    await place.database.query('UPDATE deliveries SET received_at = $2 WHERE id = $1', [id, hour]);
    dead.push(id);
  }
  const body = { destination, from: hours[1], to: hours[2] };
  expect((await place.call('POST /dead-letters/redrive', { body })).json).toEqual({ redriven: 1 });
  expect(await Promise.all(dead.map(stateOf))).toEqual(['dead', 'pending', 'dead']);
});

test('whoever makes something due wakes those who send', async () => {
  let told = 0;
  const listener = place.gateway.gateway.storage.deliverySignals.listen(() => void told++);
  const woken = async (call: string, body?: object) => {
    told = 0;
    expect((await place.call(call, body === undefined ? {} : { body })).status).toBe(200);
    return told > 0;
  };
  try {
    const destination = await createPaused();
    const [one] = [
      await owe({ destinationId: destination, state: 'dead' }),
      await owe({ destinationId: destination, state: 'dead' }),
    ];
    expect(await woken(`POST /deliveries/${one}/retry`)).toBe(true);
    expect(await woken('POST /dead-letters/redrive', { destination })).toBe(true);
    expect(await woken(`POST /deliveries/${one}/cancel`)).toBe(true);
    expect(await woken(`POST /destinations/${destination}/resume`)).toBe(true);
  } finally {
    await listener.close();
  }
});

test('nothing is owed anew to a destination that has been removed', async () => {
  const destination = await createPaused();
  const id = await owe({ destinationId: destination, state: 'dead' });
  expect((await place.call(`DELETE /destinations/${destination}`)).status).toBe(204);
  expect((await place.call(`POST /deliveries/${id}/retry`)).status).toBe(409);
  expect((await place.call('POST /dead-letters/redrive', { body: { destination } })).json).toEqual({ redriven: 0 });
  expect(await stateOf(id)).toBe('dead');
});

test('an event that arrives is seen to be delivered', async () => {
  const body = { name: 'live', target: { kind: 'http', url: receiver.url }, filter: { types: ['invoice.*'] } };
  const { id: destinationId } = (await place.call('POST /destinations', { body })).json;
  const webhook = fresh('stripe', 'invoice.paid');
  await post(place.gateway.url, webhook);
  const event = (await place.call(`GET /events?key=${keysOf(webhook)[0]}`)).json.data[0];
  const delivered = await until('the delivery', async () => {
    const { data } = (await place.call(`GET /deliveries?event=${event.id}&state=delivered`)).json;
    return data[0];
  });
  expect(delivered).toMatchObject({
    destinationId,
    eventId: event.id,
    attempts: 1,
    lastStatus: 204,
    nextAttemptAt: null,
  });
  expect(await idsOf(`GET /deliveries?request=${event.requestId}`)).toEqual([delivered.id]);
  const detail = (await place.call(`GET /events/${event.id}`)).json;
  expect(detail.deliveries).toEqual([delivered]);
  expect((await place.call(`GET /destinations/${destinationId}`)).json.health).toMatchObject({
    failures: 0,
    deliveredAt: expect.any(String),
  });
});
