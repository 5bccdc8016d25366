/** `/replays` over HTTP. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ApiPlace, openApi } from '../../support/api.ts';
import { type Receiver, startReceiver } from '../../support/receiver.ts';
import { allDispatched } from '../../support/undispatched.ts';
import { until } from '../../support/until.ts';
import { fresh, keysOf, post } from '../../support/webhooks.ts';

const HOUR = 3_600_000;
const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();

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
  await place.database.truncate();
  await place.database.query('DELETE FROM audit_log');
  place.gateway.gateway.storage.seen.databaseLost();
});

async function destination(name: string, more: object = {}): Promise<string> {
  const body = { name, target: { kind: 'http', url: receiver.url }, signing: 'none', ...more };
  return (await place.call('POST /destinations', { body })).json.id;
}
/** @returns the ids of its events, which have been dispatched to whoever was there */
async function receive(type: string, count = 1): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const webhook = fresh('stripe', type);
    expect((await post(place.gateway.url, webhook)).accepted).toBe('stored');
    ids.push((await place.call(`GET /events?key=${keysOf(webhook)[0]}`)).json.data[0].id);
  }
  await until('them to be dispatched', () => allDispatched(place.database.query));
  return ids;
}
const order = (body: object) => place.call('POST /replays', { body });
const shown = async (id: string) => (await place.call(`GET /replays/${id}`)).json;
const done = (id: string) => until('it to be done', async () => (await shown(id)).state === 'done' && shown(id));
const audit = async () =>
  (await place.call('GET /audit')).json.data
    .filter(({ action }: { action: string }) => action.startsWith('replay.'))
    .map(({ actor, action, target, details }: Record<string, unknown>) => ({ actor, action, target, details }));

test('an event by its id goes to one destination, as a delivery of its own', async () => {
  const [event] = await receive('invoice.paid', 2);
  const id = await destination('new');
  await destination('other');
  const { status, json } = await order({ events: [event], destinations: [id] });
  expect([status, json]).toEqual([
    201,
    {
      id: expect.any(String),
      state: 'running',
      events: [event],
      filter: null,
      from: null,
      to: null,
      destinations: [id],
      ignoreFilter: false,
      ratePerSecond: null,
      createdBy: 'ADMIN_API_KEY',
      createdAt: expect.any(String),
      finishedAt: null,
      scanned: 0,
      matched: 0,
      owed: 0,
      progress: 0,
      error: null,
    },
  ]);
  const delivered = await until('the delivery', async () => {
    const { data } = (await place.call(`GET /deliveries?replay=${json.id}&state=delivered`)).json;
    return data[0];
  });
  expect(delivered).toMatchObject({ destinationId: id, eventId: event, replayId: json.id });
  expect(JSON.parse(receiver.received.at(-1)?.body.toString() ?? '').id).toBe(event);
  expect(await shown(json.id)).toMatchObject({
    state: 'done',
    finishedAt: expect.any(String),
    scanned: 1,
    matched: 1,
    owed: 1,
    progress: 1,
    deliveries: { pending: 0, delivered: 1, dead: 0, cancelled: 0 },
  });
});

test('events of a time and a filter go to everybody whose own filter they pass', async () => {
  const [invoice] = await receive('invoice.paid');
  const [charge] = await receive('payment_intent.succeeded');
  const [all, some] = [await destination('all'), await destination('some', { filter: { types: ['invoice.*'] } })];
  const from = ago(HOUR);
  const sent = (await order({ from, types: ['invoice.*', 'payment_intent.*'], condition: { livemode: false } })).json;
  expect(sent).toMatchObject({
    events: null,
    filter: { sources: null, types: ['invoice.*', 'payment_intent.*'], condition: { livemode: false } },
    from,
    to: expect.any(String),
    destinations: null,
  });
  expect(await done(sent.id)).toMatchObject({ scanned: 2, matched: 2, owed: 3 });
  const { data } = (await place.call(`GET /deliveries?replay=${sent.id}`)).json;
  const owed = data.map((row: Record<string, unknown>) => `${row['eventId']} ${row['destinationId']}`).sort();
  expect(owed).toEqual([`${invoice} ${all}`, `${invoice} ${some}`, `${charge} ${all}`].sort());
  const everything = (await order({ from, types: ['payment_intent.*'], ignoreFilter: true })).json;
  expect(await done(everything.id)).toMatchObject({ matched: 1, owed: 2, ignoreFilter: true });
  expect((await place.call('GET /replays')).json.data.map(({ id }: { id: string }) => id)).toEqual([
    everything.id,
    sent.id,
  ]);
  expect((await place.call('GET /replays?limit=1')).json).toMatchObject({ nextCursor: expect.any(String) });
});

test('one that is under way is cancelled, and every change is on record', async () => {
  await receive('invoice.paid', 3);
  const id = await destination('paused');
  await place.call(`POST /destinations/${id}/pause`);
  const from = ago(HOUR);
  const body = { from, condition: { livemode: false }, destinations: [id], ratePerSecond: 0.01 };
  const { id: replay, to } = (await order(body)).json;
  await until('the first to be owed', async () => (await shown(replay)).owed === 1);
  const cancelled = await place.call(`POST /replays/${replay}/cancel`);
  expect(cancelled).toMatchObject({ status: 200, json: { id: replay, ratePerSecond: 0.01 } });
  const end = await until('its end', async () => {
    const now = await shown(replay);
    return now.state === 'cancelled' && now;
  });
  expect(end).toMatchObject({ owed: 1, deliveries: { pending: 0, delivered: 0, dead: 0, cancelled: 1 } });
  expect((await place.call(`POST /replays/${replay}/cancel`)).status).toBe(409);
  const by = { actor: 'ADMIN_API_KEY', target: replay };
  const filter = { scope: 'filter', from, to, sources: null, types: ['*'], condition: true };
  expect(await audit()).toEqual([
    { ...by, action: 'replay.cancel', details: null },
    {
      ...by,
      action: 'replay.create',
      details: { ...filter, destinations: [id], ignoreFilter: false, ratePerSecond: 0.01 },
    },
  ]);
  expect(place.gateway.log).toContainEqual(
    expect.objectContaining({ msg: 'a replay has ended', state: 'cancelled', owed: 1 }),
  );
});

describe('an order that cannot be meant is refused, and says why', () => {
  const id = randomUUID();
  test.each<[object, string]>([
    [{}, 'from'],
    [{ types: ['invoice.*'] }, 'from'],
    [{ events: [] }, 'events'],
    [{ events: ['one'] }, 'events.0'],
    [{ events: Array(1_001).fill(id) }, 'events'],
    [{ events: [id], from: ago(HOUR) }, 'from'],
    [{ events: [id], to: ago(HOUR) }, 'to'],
    [{ events: [id], types: ['*'] }, 'types'],
    [{ events: [id], sources: ['stripe'] }, 'sources'],
    [{ events: [id], condition: {} }, 'condition'],
    [{ from: '1999-12-31T23:59:59Z' }, 'from'],
    [{ from: 'yesterday' }, 'from'],
    [{ from: new Date(Date.now() + HOUR).toISOString() }, 'from'],
    [{ from: ago(HOUR), to: ago(HOUR * 2) }, 'to'],
    [{ from: ago(HOUR), types: ['in*ce'] }, 'types.0'],
    [{ from: ago(HOUR), types: [] }, 'types'],
    [{ from: ago(HOUR), sources: ['A source'] }, 'sources.0'],
    [{ from: ago(HOUR), condition: { $where: '1' } }, 'condition.$where'],
    [{ from: ago(HOUR), condition: { a: { $regex: 'x' } } }, 'condition.a.$regex'],
    [{ from: ago(HOUR), destinations: [] }, 'destinations'],
    [{ from: ago(HOUR), destinations: [id] }, 'destinations'],
    [{ from: ago(HOUR), ratePerSecond: 0 }, 'ratePerSecond'],
    [{ from: ago(HOUR), ratePerSecond: 1e-300 }, 'ratePerSecond'],
    [{ from: ago(HOUR), ratePerSecond: 10_001 }, 'ratePerSecond'],
    [{ from: ago(HOUR), speed: 1 }, 'speed'],
  ])('%j: %s', async (body, path) => {
    const { status, json } = await order(body);
    expect([status, json.error.code]).toEqual([400, 'bad_request']);
    expect(json.error.details.map((detail: { path: string }) => detail.path)).toEqual([path]);
    expect(await audit()).toEqual([]);
  });

  test('an end that lies in the future is now', async () => {
    const { json } = await order({ from: ago(HOUR), to: '2099-01-01T00:00:00Z' });
    expect(Date.parse(json.to)).toBeLessThanOrEqual(Date.now());
  });
});

test('what there is none of is 404', async () => {
  expect((await place.call(`GET /replays/${randomUUID()}`)).status).toBe(404);
  expect((await place.call(`POST /replays/${randomUUID()}/cancel`)).status).toBe(404);
});
