/** Events as they are followed over the API. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { API_ENVIRONMENT, type ApiPlace, openApi } from '../../support/api.ts';
import { openStream, type StreamClient, type StreamClientOptions } from '../../support/event-stream.ts';
import { startTestGateway } from '../../support/gateway.ts';
import { until } from '../../support/until.ts';
import { fresh, post, signed } from '../../support/webhooks.ts';

let place: ApiPlace;
const streams: StreamClient[] = [];
beforeAll(async () => {
  place = await openApi();
});
afterAll(() => place.close());
beforeEach(async () => {
  await allDispatched();
});
afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});

const base = () => place.gateway.gateway.apiUrl ?? '';
async function open(query = '', options?: StreamClientOptions): Promise<StreamClient> {
  const stream = await openStream(base(), query, options);
  streams.push(stream);
  await stream.ready();
  return stream;
}
async function send(count: number, provider: 'stripe' | 'whatsapp' = 'stripe', type?: string): Promise<void> {
  for (let sent = 0; sent < count; sent++) await post(place.gateway.url, fresh(provider, type));
}
const allDispatched = () =>
  until('all to be dispatched', async () => (await place.database.query('SELECT FROM event_dispatch')).length === 0);
const positions = (stream: StreamClient) => stream.events().map(({ position }) => position);
async function follower(settings: object = {}): Promise<string> {
  return (await place.call('POST /followers', { body: { name: 'listen', ...settings } })).json.id;
}
const acknowledge = (id: string, some: readonly number[]) =>
  place.call(`POST /followers/${id}/acks`, { body: { positions: some } });
const ackedTo = async (id: string) =>
  (await place.call('GET /followers')).json.data.find((row: { id: string }) => row.id === id).ackedTo as number;

test('from now on events come as they are dispatched, in the form of a delivery', async () => {
  await send(1);
  await allDispatched();
  const stream = await open();
  expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(stream.response.headers.get('x-accel-buffering')).toBe('no');
  expect(stream.frames[0]).toEqual({ retry: '1000' });
  const start = await stream.ready();
  const body = `{"id":"evt_${randomUUID()}","type":"invoice.paid","data":{"object":{"id":"in_1","n":12345678901234567890123}}}`;
  await post(place.gateway.url, signed('stripe', body));
  const [first] = await stream.count(1);
  expect(first).toMatchObject({
    position: start + 1,
    webhookId: expect.stringMatching(/^msg_[0-9a-f-]{36}$/),
    event: { source: 'stripe', provider: 'stripe', type: 'invoice.paid', subject: 'in_1' },
  });
  expect(stream.frames.at(-1)?.id).toBe(String(start + 1));
  const [row] = await place.database.query('SELECT id, payload::text FROM events ORDER BY id DESC LIMIT 1');
  expect(first?.event.id).toBe(row.id);
  const text = await (await fetch(`${base()}/stream?after=${start}`, { headers: auth() })).body?.getReader();
  let printed = '';
  while (!printed.includes(row.payload)) printed += Buffer.from((await text?.read())?.value ?? []).toString();
  await text?.cancel();
});
const auth = () => ({ authorization: `Bearer ${API_ENVIRONMENT.ADMIN_API_KEY}` });

test('whoever comes back with the last id misses nothing and gets nothing twice', async () => {
  const first = await open();
  await send(3);
  const [one] = await first.count(3);
  first.close();
  await send(2);
  const again = await open('', { headers: { 'last-event-id': String(one?.position) } });
  const events = await again.count(4);
  expect(events.map(({ position }) => position)).toEqual([1, 2, 3, 4].map((step) => Number(one?.position) + step));
  expect(events[0]?.webhookId).toBe(first.events()[1]?.webhookId);
  // Clients repeat the address they were given with every connection.
  const repeated = await open('?after=0', { headers: { 'last-event-id': String(one?.position) } });
  expect(await repeated.ready()).toBe(one?.position);
});

test('only what is asked for comes', async () => {
  const condition = encodeURIComponent('{"data.object.amount_due":{"$gte":1}}');
  const filtered = await open('?sources=stripe&types=invoice.*');
  const narrow = await open(`?types=*&condition=${condition}`);
  const others = await open('?sources=whatsapp');
  await send(1, 'stripe', 'customer.created');
  await send(1, 'whatsapp');
  await send(1, 'stripe', 'invoice.paid');
  for (const stream of [filtered, narrow]) {
    expect((await stream.count(1)).map(({ event }) => event.type)).toEqual(['invoice.paid']);
  }
  expect((await others.count(1)).map(({ event }) => event.source)).toEqual(['whatsapp']);
});

test('with the format native comes what the provider would have sent, with its signature', async () => {
  const stream = await open('?format=native');
  const webhook = fresh('stripe');
  await post(place.gateway.url, webhook);
  const [event] = await stream.count(1);
  expect(Buffer.from(event?.bodyBase64 ?? '', 'base64').equals(webhook.body)).toBe(true);
  expect(event?.headers).toEqual({
    'content-type': 'application/json',
    'x-original-stripe-signature': webhook.headers['stripe-signature'],
  });
  expect(Object.keys(event?.event)).not.toContain('payload');
});

test('what cannot be followed is refused by its name', async () => {
  const refused = async (query: string) => {
    const { status, json } = await place.call(`GET /stream${query}`);
    return [status, json.error.details?.[0]?.path];
  };
  expect(await refused('?after=999999999')).toEqual([400, 'after']);
  expect(await refused('?after=x')).toEqual([400, 'after']);
  expect(await refused('?condition={')).toEqual([400, 'condition']);
  expect(await refused('?condition={"a":{"$where":1}}')).toEqual([400, 'condition.a.$where']);
  expect(await refused('?condition={"__proto__":{"a":1}}')).toEqual([400, 'condition']);
  expect(await refused('?sources=No')).toEqual([400, 'sources.0']);
  expect(await refused(`?follower=${randomUUID()}&after=1`)).toEqual([400, 'follower']);
  expect(await refused(`?follower=${randomUUID()}`)).toEqual([404, undefined]);
});

test('a HEAD changes nothing: the stream of a follower goes on', async () => {
  const id = await follower();
  const stream = await open(`?follower=${id}`);
  const connection = async () =>
    (await place.database.query('SELECT connection FROM followers WHERE id = $1', [id]))[0].connection;
  const before = await connection();
  const answer = await fetch(`${base()}/stream?follower=${id}`, { method: 'HEAD', headers: auth() });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  expect(await connection()).toBe(before);
  await send(1);
  await stream.count(1);
});

test('a follower gets what it has not acknowledged again, with the same ids, and nothing else', async () => {
  const id = await follower();
  const first = await open(`?follower=${id}`);
  await send(4);
  const [one, two, three, four] = await first.count(4);
  const start = await first.ready();
  expect((await acknowledge(id, [two?.position ?? 0])).status).toBe(204);
  expect((await acknowledge(id, [four?.position ?? 0])).status).toBe(204);
  first.close();
  const second = await open(`?follower=${id}`);
  expect(await second.ready()).toBe(start);
  expect((await second.count(2)).map(({ webhookId }) => webhookId)).toEqual([one?.webhookId, three?.webhookId]);
  await acknowledge(id, [one?.position ?? 0, three?.position ?? 0]);
  await until('all to be acknowledged', async () => (await ackedTo(id)) === four?.position);
  second.close();
  await send(1);
  const third = await open(`?follower=${id}`);
  expect((await third.count(1)).map(({ position }) => position)).toEqual([start + 5]);
  const other = await open(`?after=${start}`);
  const ids = (await other.count(1)).map(({ webhookId }) => webhookId);
  expect(ids).not.toContain(one?.webhookId);
  expect(await place.database.query(`SELECT FROM audit_log WHERE target = $1`, [id])).toHaveLength(1);
});

test('a follower begins where it is told to, and what it does not want needs no acknowledgement', async () => {
  const start = await (await open()).ready();
  await send(1, 'stripe', 'customer.created');
  await send(1, 'stripe', 'invoice.paid');
  await send(1, 'stripe', 'customer.created');
  await allDispatched();
  const id = await follower({ after: start, types: ['invoice.*'], sources: ['stripe'], format: 'native' });
  const stream = await open(`?follower=${id}`);
  const [event] = await stream.count(1);
  expect([event?.position, typeof event?.bodyBase64]).toEqual([start + 2, 'string']);
  await until('the first to be passed over', async () => (await ackedTo(id)) === start + 1);
  await acknowledge(id, [start + 2]);
  await until('the last to be passed over', async () => (await ackedTo(id)) === start + 3);
});

test('no more than 256 are under way at a time', async () => {
  const id = await follower();
  const stream = await open(`?follower=${id}`);
  const start = await stream.ready();
  await place.database.query(
    `WITH given AS (UPDATE position_counter SET last = last + 300 RETURNING last - 300 AS before)
     INSERT INTO event_positions SELECT before + n, (SELECT id FROM events LIMIT 1) FROM given, generate_series(1, 300) AS n`,
  );
  await stream.count(256);
  await acknowledge(id, [start + 1]);
  await stream.count(257);
  expect(positions(stream)).toEqual(Array.from({ length: 257 }, (_, index) => start + 1 + index));
  await acknowledge(id, positions(stream));
  await stream.count(300);
  // A position that has not been given yet is nothing that could be acknowledged.
  await acknowledge(id, [...positions(stream), start + 301]);
  await until('all to be acknowledged', async () => (await ackedTo(id)) === start + 300);
  await send(1);
  await stream.count(301);
});

test('a second stream of a follower ends the first; a removed one ends too', async () => {
  const id = await follower();
  const first = await open(`?follower=${id}`);
  const second = await open(`?follower=${id}`);
  expect(await first.ended()).toBe('replaced');
  await send(1);
  await second.count(1);
  expect((await place.call(`DELETE /followers/${id}`)).status).toBe(204);
  expect(await second.ended()).toBe('removed');
  expect((await place.call(`DELETE /followers/${id}`)).status).toBe(404);
  expect((await acknowledge(id, [1])).status).toBe(404);
});

test('followers are listed page by page, newest first', async () => {
  const made: string[] = [];
  for (let index = 0; index < 3; index++) made.unshift(await follower());
  const first = (await place.call('GET /followers?limit=2')).json;
  const ids = ({ data }: typeof first) => data.map(({ id }: { id: string }) => id);
  expect(ids(first)).toEqual(made.slice(0, 2));
  const second = (await place.call(`GET /followers?limit=1&cursor=${first.nextCursor}`)).json;
  expect(ids(second)).toEqual(made.slice(2));
  for (const id of made) await place.call(`DELETE /followers/${id}`);
  const rest = (await place.call('GET /followers')).json;
  expect(ids(rest)).not.toContain(made[0]);
  expect(rest.nextCursor).toBeNull();
  const { status, json } = await place.call('GET /followers?limit=101');
  expect([status, json.error.details[0].path]).toEqual([400, 'limit']);
});

test('followers have their limit, and make room for those that have not been seen for days', async () => {
  await place.database.query(
    `INSERT INTO followers (id, name, types, format, acked_to, acked, created_at, seen_at)
     SELECT gen_random_uuid(), 'many', '{*}', 'event', 0, '{}', now(), now() FROM generate_series(1, 1000)`,
  );
  const refused = await place.call('POST /followers', { body: { name: 'one more' } });
  expect([refused.status, refused.json.error.code]).toEqual([409, 'conflict']);
  await place.database.query(`UPDATE followers SET seen_at = now() - interval '73 hours' WHERE name = 'many'`);
  expect((await place.call('POST /followers', { body: { name: 'one more' } })).status).toBe(201);
  expect(await place.database.query(`SELECT FROM followers WHERE name = 'many'`)).toEqual([]);
  const wrong = await place.call('POST /followers', { body: { name: 'x', after: 999_999_999 } });
  expect([wrong.status, wrong.json.error.details[0].path]).toEqual([400, 'after']);
});

test('positions that have gone back end a stream, and the last id is refused then', async () => {
  const stream = await open();
  const position = await stream.ready();
  await place.database.query('UPDATE position_counter SET last = last - 1');
  try {
    expect(await stream.ended()).toBeNull();
    const { status, json } = await place.call('GET /stream', { headers: { 'last-event-id': String(position) } });
    expect([status, json.error.details[0].message]).toEqual([400, expect.stringContaining('restored')]);
  } finally {
    await place.database.query('UPDATE position_counter SET last = last + 1');
  }
});

test('a stop tells every stream, and does not wait for one', async () => {
  const gateway = await startTestGateway({ DATABASE_URL: place.database.url, ...API_ENVIRONMENT });
  const stream = await openStream(gateway.gateway.apiUrl ?? '');
  await stream.ready();
  const stopped = gateway.stop();
  expect(await stream.ended()).toBe('stopping');
  await stopped;
});
