/** `/events` over HTTP. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ascendingRowId, rowId } from '../../../src/core/row-id.ts';
import { type ApiPlace, openApi } from '../../support/api.ts';
import { fresh, keysOf, post, signed } from '../../support/webhooks.ts';

let place: ApiPlace;
beforeAll(async () => {
  place = await openApi();
});
afterAll(() => place.close());
beforeEach(() => place.database.truncate());

/** Posts a webhook with one event, and gives that as the list has it. */
async function received(webhook = fresh('stripe')) {
  expect((await post(place.gateway.url, webhook)).accepted).toBe('stored');
  const [key = ''] = keysOf(webhook);
  const { json } = await place.call(`GET /events?key=${key}`);
  expect(json.data).toHaveLength(1);
  return json.data[0];
}

describe('the list', () => {
  test('is read page by page', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) ids.unshift((await received()).id);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await place.call(`GET /events?limit=2${cursor}`);
      seen.push(...json.data.map(({ id }: { id: string }) => id));
      cursor = json.nextCursor === null ? '' : `&cursor=${json.nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(ids);
  });

  test('takes every filter', async () => {
    const { type, subject, source, receivedAt } = await received();
    await received(fresh('whatsapp'));
    const count = async (query: Record<string, string>) =>
      (await place.call(`GET /events?${new URLSearchParams(query)}`)).json.data.length;
    expect(await count({})).toBe(2);
    expect(await count({ source, type, subject })).toBe(1);
    expect(await count({ type: 'payment_intent.*' })).toBe(1);
    expect(await count({ from: receivedAt, to: '2100-01-01T00:00:00+02:00' })).toBe(2);
    expect(await count({ to: receivedAt })).toBe(0);
    expect(await count({ from: receivedAt, text: subject })).toBe(1);
  });

  test('finds a key in every source, or in one', async () => {
    const { dedupeKey, id } = await received();
    await place.database.query(
      `INSERT INTO events SELECT $2, request_id, 'another', provider, type, dedupe_key, subject, occurred_at, received_at, payload
         FROM events WHERE id = $1`,
      [id, rowId()],
    );
    expect((await place.call(`GET /events?key=${dedupeKey}`)).json.data).toHaveLength(2);
    expect((await place.call(`GET /events?key=${dedupeKey}&source=another`)).json.data).toHaveLength(1);
    expect((await place.call('GET /events?key=none')).json).toEqual({ data: [], nextCursor: null, truncated: false });
  });

  test('finds what has an id: the provider’s own, behind every kind and with every account, or ours', async () => {
    const store = async (provider: 'stripe' | 'whatsapp', body: object) =>
      expect((await post(place.gateway.url, signed(provider, JSON.stringify(body)))).accepted).toBe('stored');
    const stripe = (id: string, account?: string) => store('stripe', { id, object: 'event', type: 'a.b', account });
    const whatsapp = (value: object) => {
      const metadata = { phone_number_id: '7' };
      return store('whatsapp', {
        entry: [{ id: '1', changes: [{ field: 'messages', value: { metadata, ...value } }] }],
      });
    };
    const found = async (id: string, more = '') => {
      const { status, json } = await place.call(`GET /events?id=${encodeURIComponent(id)}${more}`);
      expect([status, json.truncated]).toEqual([200, false]);
      return json.data.map(({ dedupeKey }: { dedupeKey: string }) => dedupeKey);
    };
    await stripe('evt_1');
    await stripe('evt_1', 'acct_1');
    await stripe('evt_10');
    await stripe('evt%_: 1', 'acct_1');
    await whatsapp({ messages: [{ id: 'wamid.A=', type: 'text' }] });
    await whatsapp({ statuses: [{ id: 'wamid.A=', status: 'sent', timestamp: '1' }] });
    await whatsapp({
      statuses: [
        { id: 'wamid.A=', status: 'read', timestamp: '2' },
        { id: 'wamid.A', status: 'read' },
      ],
    });
    expect(await found('evt_1')).toEqual(['evt_1:acct_1', 'evt_1']);
    expect(await found('evt_1', '&source=whatsapp')).toEqual([]);
    expect(await found('evt%_: 1')).toEqual([expect.stringMatching(/^[0-9a-f]{64}:acct_1$/)]);
    const expected = ['status:wamid.A=:7:read:-:2', 'status:wamid.A=:7:sent:-:1', 'message:wamid.A=:7'];
    expect(await found('wamid.A=')).toEqual(expected);
    expect(await found('wamid.A=', '&source=whatsapp')).toEqual(expected);
    expect(await found('wamid.')).toEqual([]);
    expect(await found('evt_')).toEqual([]);
    expect(await found('\0')).toEqual([]);
    const first = (await place.call('GET /events?id=wamid.A%3D&limit=2')).json;
    expect(first.data).toHaveLength(2);
    expect(await found('wamid.A=', `&limit=2&cursor=${first.nextCursor}`)).toEqual(expected.slice(2));
    const { id } = first.data[0];
    expect(await found(id)).toEqual(expected.slice(0, 1));
    expect(await found(randomUUID())).toEqual([]);
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['cursor=nonsense', 'cursor'],
    ['from=yesterday', 'from'],
    ['from=2026-05-01', 'from'],
    ['from=2026-05-01T00:00:00Z&to=2026-05-01T00:00:00Z', 'to'],
    ['type=%25', 'type'],
    ['text=abc', 'from'],
    ['text=abc&from=2026-05-01T00:00:00Z&to=2026-05-08T00:00:01Z', 'from'],
    ['text=ab&from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z', 'text'],
    ['key=a&type=b', 'key'],
    ['id=', 'id'],
    ['id=a&key=b', 'id'],
    ['id=a&subject=b', 'id'],
    ['subjekt=1', 'subjekt'],
  ])('refuses %s, and says where the fault lies', async (query, path) => {
    const { status, json } = await place.call(`GET /events?${query}`);
    expect([status, json.error.code]).toEqual([400, 'bad_request']);
    expect(json.error.details).toEqual([{ path, message: expect.any(String) }]);
  });
});

describe('a search for text', () => {
  const DAY_MS = 86_400_000;
  const ago = (days: number, milliseconds = 0) => new Date(Date.now() - days * DAY_MS - milliseconds).toISOString();
  const search = (query: Record<string, string>) =>
    place.call(`GET /events?${new URLSearchParams({ text: 'object', ...query })}`);
  const details = async (query: Record<string, string>) => {
    const { status, json } = await search(query);
    expect(status).toBe(400);
    return json.error.details.map(({ path, message }: { path: string; message: string }) => `${path} ${message}`);
  };
  const FROM = '2026-05-01T00:00:00Z';

  test('may span exactly 7 days, told in any offset, and not a millisecond more', async () => {
    for (const to of ['2026-05-08T00:00:00Z', '2026-05-08T02:00:00+02:00', '2026-05-07T23:59:59.999Z']) {
      expect((await search({ from: FROM, to })).status).toBe(200);
    }
    for (const to of ['2026-05-08T00:00:00.001Z', '2026-05-08T00:00:00-00:01']) {
      expect(await details({ from: FROM, to })).toEqual(['from with text the range may be 7 days at most']);
    }
  });

  test('without `to` reaches until now, which is to be within the 7 days', async () => {
    const { id, receivedAt } = await received();
    const found = async (from: string) => (await search({ from })).json.data.map((event: { id: string }) => event.id);
    expect(await found(receivedAt)).toEqual([id]);
    // A minute for a machine that takes its time.
    expect(await found(ago(7, -60_000))).toEqual([id]);
    expect(await details({ from: ago(7, 1) })).toEqual(['from with text the range may be 7 days at most']);
  });

  test('without `from` is refused, with `to` as well as without', async () => {
    for (const query of [{}, { to: '2026-05-08T00:00:00Z' }, { to: ago(0) }] as Record<string, string>[]) {
      expect(await details(query)).toEqual(['from is needed with text']);
    }
  });

  test('finds what lies at `from` and not what lies at `to`, upper and lower case alike', async () => {
    const { id, receivedAt } = await received();
    const at = new Date(receivedAt).getTime();
    const found = async (from: number, to: number, text = 'object') => {
      const range = { from: new Date(at + from).toISOString(), to: new Date(at + to).toISOString() };
      return (await search({ ...range, text })).json.data.map((event: { id: string }) => event.id);
    };
    expect(await found(0, 1)).toEqual([id]);
    expect(await found(-7 * DAY_MS + 1, 1)).toEqual([id]);
    expect(await found(-1, 0)).toEqual([]);
    expect(await found(1, 2)).toEqual([]);
    expect(await found(0, 1, 'OBJECT')).toEqual([id]);
    expect(await found(0, 1, 'ob_ect')).toEqual([]);
    expect(await found(0, 1, '%%%')).toEqual([]);
  });
});

describe('an event', () => {
  test('comes with its request, and with what is still to be done', async () => {
    const webhook = fresh('stripe');
    const { id, requestId } = await received(webhook);
    await place.database.query('DELETE FROM event_dispatch');
    const { json } = await place.call(`GET /events/${id}`);
    expect(json).toMatchObject({
      id,
      payload: { object: 'event' },
      request: {
        id: requestId,
        headers: { 'content-type': 'application/json' },
        bodyBytes: webhook.body.length,
        bodySha256: createHash('sha256').update(webhook.body).digest('hex'),
      },
      dispatch: null,
      deliveries: [],
    });
    await place.database.query(
      `INSERT INTO event_dispatch (event_id, received_at, attempts, next_attempt_at, error) VALUES ($1, now(), 8, 'infinity', 'why')`,
      [id],
    );
    expect((await place.call(`GET /events/${id}`)).json.dispatch).toEqual({
      routedAt: null,
      attempts: 8,
      nextAttemptAt: null,
      parked: true,
      error: 'why',
    });
  });

  test('keeps every digit of its payload', async () => {
    const body = '{"id":"evt_digits","object":"event","type":"a.b","data":{"object":{"n":12345678901234567890.10}}}';
    const { id } = await received(signed('stripe', body));
    expect((await place.call(`GET /events/${id}`)).bytes.toString()).toContain('12345678901234567890.10');
  });

  test('comes with its deliveries, those of its request and replays included', async () => {
    const { id, requestId } = await received();
    const owe = async (eventId: string | null, replayId: string | null, request = requestId) => {
      const deliveryId = ascendingRowId();
      await place.database.query(
        `INSERT INTO deliveries (id, destination_id, event_id, request_id, replay_id, source, provider, type, state,
                                 next_attempt_at, received_at, created_at)
         VALUES ($1, $2, $3, $4, $5, 'stripe', 'stripe', 'a', 'pending', now(), now(), now())`,
        [deliveryId, randomUUID(), eventId, request, replayId],
      );
      return deliveryId;
    };
    const expected = [
      await owe(id, null),
      await owe(id, randomUUID()),
      await owe(null, null),
      await owe(null, randomUUID()),
    ];
    await owe(rowId(), null);
    await owe(null, null, rowId());
    const { json } = await place.call(`GET /events/${id}`);
    expect(json.deliveries.map((delivery: { id: string }) => delivery.id)).toEqual(expected.reverse());
  });

  test('that there is none of is 404, and what is no id is 400', async () => {
    for (const path of ['', '/body']) {
      expect((await place.call(`GET /events/${randomUUID()}${path}`)).status).toBe(404);
      const { status, json } = await place.call(`GET /events/1${path}`);
      expect([status, json.error.details[0].path]).toEqual([400, 'id']);
    }
  });
});

describe('the body', () => {
  test('is what was received, byte for byte, and no page that a browser shows', async () => {
    const body = Buffer.concat([
      Buffer.from('{"id":"evt_bytes","x":"'),
      Buffer.from([0xff, 0xfe, 0x00, 0x80]),
      Buffer.from('"}\r\n '),
    ]);
    await post(place.gateway.url, signed('stripe', body));
    const [{ id }] = (await place.call('GET /events')).json.data;
    const { bytes, headers } = await place.call(`GET /events/${id}/body`);
    expect(bytes.equals(body)).toBe(true);
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('content-disposition')).toBe('attachment');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('is 404 once it has been removed; its event says so', async () => {
    const { id } = await received();
    await place.database.query('DELETE FROM webhook_requests');
    expect((await place.call(`GET /events/${id}/body`)).status).toBe(404);
    expect((await place.call(`GET /events/${id}`)).json.request).toBeNull();
  });
});
