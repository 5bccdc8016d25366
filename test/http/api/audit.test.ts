/** Whatever the API changes is on record: who, from where, what and when. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rowId } from '../../../src/core/row-id.ts';
import { type ApiPlace, type CallOptions, openApi } from '../../support/api.ts';
import { addDeliveries, addDestination } from '../../support/deliveries.ts';
import { type Receiver, startReceiver } from '../../support/receiver.ts';

/** Somebody behind a proxy. */
const ADDRESS = '10.1.2.3';

let place: ApiPlace;
let receiver: Receiver;
let caller: { readonly id: string; readonly key: string };
beforeAll(async () => {
  [place, receiver] = await Promise.all([
    openApi({ TRUST_PROXY: '127.0.0.0/8', DELIVERY_ALLOW_NETWORKS: '127.0.0.0/8' }),
    startReceiver(),
  ]);
  caller = await create('keys', { name: 'of the suite', scope: 'admin' });
});
afterAll(async () => {
  await place.close();
  await receiver.close();
});

async function create(what: string, body: object) {
  const { status, json } = await place.call(`POST /${what}`, { body });
  expect(status, JSON.stringify(json)).toBe(201);
  return json;
}
/** Paused: what it is owed stays as it is. */
const destination = (state = 'paused') => addDestination(place.database, { url: receiver.url, state });
const delivery = async (columns: object, to?: string) =>
  (await addDeliveries(place.database, to ?? (await destination()), [columns]))[0] ?? '';
const replay = async () => (await create('replays', { events: [rowId()] })).id as string;

interface Change {
  readonly action: string;
  /** Id in the path, or where that has none what the entry is to name; null: the id in the answer. */
  readonly target: string | null;
  readonly body?: object;
}

/** Every call that changes something, with what it needs to do so. */
const CHANGES: Readonly<Record<string, () => Change | Promise<Change>>> = {
  'POST /destinations': () => ({
    action: 'destination.create',
    target: null,
    body: { name: 'new', target: { kind: 'http', url: receiver.url } },
  }),
  'PATCH /destinations/:id': async () => ({
    action: 'destination.update',
    target: await destination(),
    body: { concurrency: 2 },
  }),
  'DELETE /destinations/:id': async () => ({ action: 'destination.delete', target: await destination() }),
  'POST /destinations/:id/pause': async () => ({
    action: 'destination.pause',
    target: await destination('active'),
    body: {},
  }),
  'POST /destinations/:id/resume': async () => ({ action: 'destination.resume', target: await destination() }),
  'POST /destinations/:id/test': async () => ({ action: 'destination.test', target: await destination(), body: {} }),
  'POST /deliveries/:id/retry': async () => ({ action: 'delivery.retry', target: await delivery({ state: 'dead' }) }),
  'POST /deliveries/:id/cancel': async () => ({ action: 'delivery.cancel', target: await delivery({}) }),
  'POST /dead-letters/redrive': async () => {
    const target = await destination();
    await delivery({ state: 'dead' }, target);
    return { action: 'dead_letters.redrive', target, body: { destination: target } };
  },
  'POST /replays': () => ({ action: 'replay.create', target: null, body: { events: [rowId()] } }),
  'POST /replays/:id/cancel': async () => {
    const target = await replay();
    // It may have ended by now; what waits of it can be cancelled all the same.
    await delivery({ replay_id: target });
    return { action: 'replay.cancel', target };
  },
  'POST /keys': () => ({ action: 'key.create', target: null, body: { name: 'new', scope: 'read' } }),
  'DELETE /keys/:id': async () => ({
    action: 'key.revoke',
    target: (await create('keys', { name: 'old', scope: 'read' })).id,
  }),
  'POST /followers': () => ({ action: 'follower.create', target: null, body: { name: 'new' } }),
  'DELETE /followers/:id': async () => ({
    action: 'follower.remove',
    target: (await create('followers', { name: 'old' })).id,
  }),
};

/** Calls that change something and leave no entry, with the reason. */
const WITHOUT_ENTRY: Readonly<Record<string, string>> = {
  'POST /followers/:id/acks': 'progress of a reader, many times a second; nothing of the gateway’s is set by it',
};

const entries = () => place.database.query('SELECT at, actor, ip, action, target, details FROM audit_log ORDER BY id');
const made = (call: string, options: CallOptions) =>
  place.call(call, { key: caller.key, headers: { 'x-forwarded-for': ADDRESS }, ...options });

test('every route that changes something stands here', async () => {
  const { paths } = (await place.call('GET /openapi.json', { key: null })).json;
  const changing = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => !['get', 'head', 'options'].includes(method))
      .map((method) => `${method.toUpperCase()} ${path.replace('/api/v1', '').replace(/\{(\w+)\}/g, ':$1')}`),
  );
  expect([...Object.keys(CHANGES), ...Object.keys(WITHOUT_ENTRY)].sort()).toEqual(changing.sort());
});

test.each(Object.entries(CHANGES))('%s leaves one entry', async (call, prepare) => {
  const { action, target, body } = await prepare();
  const before = await entries();
  const from = Date.now();
  const { status, json } = await made(call.replace(':id', target ?? ''), body === undefined ? {} : { body });
  const to = Date.now();
  expect(status, JSON.stringify(json)).toBeLessThan(300);
  const [entry, ...others] = (await entries()).slice(before.length);
  expect(entry).toMatchObject({ actor: caller.id, ip: ADDRESS, action, target: target ?? json.id });
  expect(others).toEqual([]);
  expect(entry.at.getTime()).toBeGreaterThanOrEqual(from);
  expect(entry.at.getTime()).toBeLessThanOrEqual(to);
});

test.each(Object.entries(CHANGES).filter(([call]) => call.includes(':id')))(
  '%s of what is not there leaves none',
  async (call, prepare) => {
    const { body } = await prepare();
    const before = await entries();
    expect((await made(call.replace(':id', rowId()), body === undefined ? {} : { body })).status).toBe(404);
    expect(await entries()).toEqual(before);
  },
);

test.each(Object.keys(WITHOUT_ENTRY))('%s leaves none', async (call) => {
  const { id } = await create('followers', { name: 'of the suite' });
  const before = await entries();
  expect((await made(call.replace(':id', id), { body: { positions: [1] } })).status).toBe(204);
  expect(await entries()).toEqual(before);
});
