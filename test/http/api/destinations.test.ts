/** `/destinations` over HTTP, down to the rows. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ascendingRowId } from '../../../src/core/row-id.ts';
import { createSecretBox, SECRETS_FIELD, secretHeaderField } from '../../../src/core/secret-box.ts';
import { API_ENVIRONMENT, type ApiPlace, apiClient, openApi } from '../../support/api.ts';
import { startTestGateway } from '../../support/gateway.ts';

const box = createSecretBox([API_ENVIRONMENT.ENCRYPTION_KEYS]);
const SECRET = `whsec_${Buffer.alloc(24, 'hunter2').toString('base64')}`;
const HTTP = { kind: 'http', url: 'https://example.com/hooks' } as const;

let place: ApiPlace;
beforeAll(async () => {
  place = await openApi();
});
afterAll(() => place.close());
beforeEach(() =>
  place.database.query(
    'DELETE FROM deliveries; DELETE FROM destination_state; DELETE FROM destinations; DELETE FROM audit_log',
  ),
);

const create = async (settings: object = {}) => {
  const answer = await place.call('POST /destinations', { body: { name: 'one', target: HTTP, ...settings } });
  expect(answer.status, JSON.stringify(answer.json)).toBe(201);
  return answer.json;
};
const row = async (id: string) => (await place.database.query('SELECT * FROM destinations WHERE id = $1', [id]))[0];
const audit = () => place.database.query('SELECT actor, ip, action, target, details FROM audit_log ORDER BY id');

async function owe(destinationId: string, state: string): Promise<string> {
  const id = ascendingRowId();
  await place.database.query(
    `INSERT INTO deliveries (id, destination_id, event_id, request_id, source, provider, type, state, next_attempt_at, received_at, created_at)
     VALUES ($1, $2, $3, $3, 'stripe', 'stripe', 'a', $4, 'infinity', now(), now())`,
    [id, destinationId, randomUUID(), state],
  );
  return id;
}

describe('a new one', () => {
  test('has a default for everything but name and target, and a secret that is shown once', async () => {
    const { id, generatedSecret, createdAt, updatedAt, ...rest } = await create();
    expect(generatedSecret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(updatedAt).toBe(createdAt);
    expect(rest).toEqual({
      name: 'one',
      target: HTTP,
      filter: { sources: null, types: ['*'], condition: null },
      format: 'event',
      signing: 'standard',
      secretCount: 1,
      headers: {},
      secretHeaderNames: [],
      timeoutMs: 15_000,
      concurrency: 10,
      ratePerSecond: null,
      retrySchedule: [5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
      ordering: 'none',
      state: 'active',
      pauseReason: null,
      health: null,
    });
    const { json } = await place.call(`GET /destinations/${id}`);
    expect(json).toEqual({ id, createdAt, updatedAt, ...rest });
    const stored = await row(id);
    expect(stored.sources).toBeNull();
    expect(box.open(stored.secrets[0], { destinationId: id, field: SECRETS_FIELD })).toBe(generatedSecret);
    expect(await audit()).toEqual([
      {
        actor: 'ADMIN_API_KEY',
        ip: '127.0.0.1',
        action: 'destination.create',
        target: id,
        details: { name: 'one', kind: 'http' },
      },
    ]);
  });

  test('keeps everything that is given', async () => {
    const settings = {
      name: 'Orders, no 1'.replace(',', ''),
      filter: {
        sources: ['stripe'],
        types: ['invoice.*', 'charge.failed'],
        condition: { 'data.object.amount': { $gte: 100 } },
      },
      format: 'original',
      signing: 'provider',
      headers: { 'X-Team': 'orders' },
      timeoutMs: 5_000,
      concurrency: 3,
      ratePerSecond: 0.5,
      retrySchedule: [1, 2],
      ordering: 'subject',
    };
    const made = await create({
      ...settings,
      secrets: ['not-only-whsec'],
      secretHeaders: { Authorization: 'Basic x' },
    });
    expect(made).toMatchObject({
      ...settings,
      secretCount: 1,
      secretHeaderNames: ['Authorization'],
      generatedSecret: null,
    });
    const { secrets, secret_headers } = await row(made.id);
    expect(box.open(secrets[0], { destinationId: made.id, field: SECRETS_FIELD })).toBe('not-only-whsec');
    const place_ = { destinationId: made.id, field: secretHeaderField('Authorization') };
    expect(box.open(secret_headers.Authorization, place_)).toBe('Basic x');
  });

  test('may be a stream of Redis, which nothing signs', async () => {
    const made = await create({ target: { kind: 'redis_stream', stream: 'events' } });
    expect(made).toMatchObject({
      target: { kind: 'redis_stream', stream: 'events', maxLength: 100_000 },
      signing: 'none',
      secretCount: 0,
      generatedSecret: null,
    });
  });

  test('has a name of its own', async () => {
    await create();
    const { status, json } = await place.call('POST /destinations', { body: { name: 'one', target: HTTP } });
    expect([status, json.error.code, json.error.details[0].path]).toEqual([409, 'conflict', 'name']);
  });

  test.each([
    [{}, ['name', 'target']],
    [{ name: '', target: HTTP }, ['name']],
    [{ name: 'one', target: { kind: 'smtp' } }, ['target.kind']],
    [{ name: 'one', target: { kind: 'http' } }, ['target.url']],
    [{ name: 'one', target: { ...HTTP, maxLength: 1 } }, ['target.maxLength']],
    [{ name: 'one', target: HTTP, colour: 'blue' }, ['colour']],
    [{ name: 'one', target: HTTP, id: randomUUID() }, ['id']],
    [{ name: 'one', target: HTTP, filter: { types: [] } }, ['filter.types']],
    [{ name: 'one', target: HTTP, filter: { types: ['a*b'] } }, ['filter.types.0']],
    [{ name: 'one', target: HTTP, filter: { sources: [] } }, ['filter.sources']],
    [
      { name: 'one', target: HTTP, timeoutMs: 1, concurrency: 0, ratePerSecond: 0 },
      ['timeoutMs', 'concurrency', 'ratePerSecond'],
    ],
    [{ name: 'one', target: HTTP, retrySchedule: [0] }, ['retrySchedule.0']],
    [{ name: 'one', target: { kind: 'http', url: 'ftp://example.com' } }, ['target.url']],
    [{ name: 'one', target: { kind: 'http', url: 'http://127.0.0.1/' } }, ['target.url']],
    [{ name: 'one', target: { kind: 'http', url: 'http://169.254.169.254/latest' } }, ['target.url']],
    [{ name: 'one', target: HTTP, headers: { Host: 'x' } }, ['headers.Host']],
    [{ name: 'one', target: HTTP, headers: { 'X-A': 'a\r\nB: c' } }, ['headers.X-A']],
    [{ name: 'one', target: HTTP, secretHeaders: { 'x-a': 'a', 'X-A': 'b' } }, ['secretHeaders.X-A']],
    [{ name: 'one', target: HTTP, secrets: ['too-simple'] }, ['secrets.0']],
    [{ name: 'one', target: HTTP, signing: 'provider' }, ['secrets']],
    [{ name: 'one', target: HTTP, signing: 'none', secrets: [SECRET] }, ['secrets']],
    [
      { name: 'one', target: HTTP, signing: 'provider', secrets: [SECRET], filter: { sources: ['gateway'] } },
      ['signing'],
    ],
    [{ name: 'one', target: { kind: 'redis_stream', stream: 'a' }, signing: 'standard' }, ['signing']],
    [{ name: 'one', target: HTTP, filter: { condition: { $where: 'true' } } }, ['filter.condition.$where']],
  ])('%j is refused', async (body, paths) => {
    const { status, json } = await place.call('POST /destinations', { body });
    expect([status, json.error.code]).toEqual([400, 'bad_request']);
    expect(json.error.details.map(({ path }: { path: string }) => path)).toEqual(paths);
    expect(await place.database.query('SELECT FROM destinations')).toEqual([]);
    expect(await audit()).toEqual([]);
  });
});

describe('a change', () => {
  test('leaves alone what it does not name', async () => {
    const { id } = await create({ secretHeaders: { Authorization: 'hunter2' } });
    const before = await row(id);
    const { json } = await place.call(`PATCH /destinations/${id}`, { body: { timeoutMs: 5_000, name: 'two' } });
    expect(json).toMatchObject({ timeoutMs: 5_000, name: 'two', secretCount: 1, secretHeaderNames: ['Authorization'] });
    const after = await row(id);
    expect(after).toEqual({ ...before, timeout_ms: 5_000, name: 'two', updated_at: after.updated_at });
    expect((await audit()).at(-1)).toMatchObject({
      action: 'destination.update',
      details: { fields: ['name', 'timeoutMs'] },
    });
  });

  test('replaces what it names, all of it', async () => {
    const { id } = await create({ filter: { sources: ['stripe'], types: ['a'], condition: { a: 1 } } });
    const { json } = await place.call(`PATCH /destinations/${id}`, { body: { filter: { types: ['b'] } } });
    expect(json.filter).toEqual({ sources: null, types: ['b'], condition: null });
    const stored = await row(id);
    expect([stored.sources, stored.condition]).toEqual([null, null]);
  });

  test('of secrets takes two during a roll', async () => {
    const { id } = await create();
    const other = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    const { json } = await place.call(`PATCH /destinations/${id}`, { body: { secrets: [SECRET, other] } });
    expect(json.secretCount).toBe(2);
    const { secrets } = await row(id);
    const opened = secrets.map((token: string) => box.open(token, { destinationId: id, field: SECRETS_FIELD }));
    expect(opened).toEqual([SECRET, other]);
  });

  test.each([
    [{}, ''],
    [{ state: 'paused' }, 'state'],
    [{ secrets: [] }, 'secrets'],
    [{ signing: 'none' }, 'secrets'],
    [{ secrets: [`whsec_${Buffer.alloc(32, 1).toString('base64').replace('=', '')}`] }, 'secrets.0'],
    [{ target: { kind: 'redis_stream', stream: 'a' } }, 'signing'],
    [{ target: { kind: 'http', url: 'http://10.0.0.1/' } }, 'target.url'],
  ])('%j is refused', async (body, path) => {
    const { id } = await create();
    const before = await row(id);
    const { status, json } = await place.call(`PATCH /destinations/${id}`, { body });
    expect([status, json.error.details[0].path]).toEqual([400, path]);
    expect(await row(id)).toEqual(before);
    expect(await audit()).toHaveLength(1);
  });

  test('to a name that another has is refused', async () => {
    await create();
    const { id } = await create({ name: 'two' });
    expect((await place.call(`PATCH /destinations/${id}`, { body: { name: 'one' } })).status).toBe(409);
  });

  test('of two at the same time, neither is lost', async () => {
    const { id } = await create();
    const bodies = [{ timeoutMs: 5_000 }, { concurrency: 3 }, { retrySchedule: [9] }];
    await Promise.all(bodies.map((body) => place.call(`PATCH /destinations/${id}`, { body })));
    const { json } = await place.call(`GET /destinations/${id}`);
    expect(json).toMatchObject({ timeoutMs: 5_000, concurrency: 3, retrySchedule: [9] });
  });
});

test('a pause and its end, the failures so far forgotten', async () => {
  const { id } = await create();
  const paused = await place.call(`POST /destinations/${id}/pause`, { body: { reason: 'they migrate' } });
  expect(paused.json).toMatchObject({ state: 'paused', pauseReason: 'they migrate' });
  // Once more changes nothing.
  expect((await place.call(`POST /destinations/${id}/pause`)).json.pauseReason).toBe('they migrate');
  await place.database.query(
    `INSERT INTO destination_state (destination_id, failures, failing_since, circuit_open, next_probe_at)
     VALUES ($1, 9, now(), true, now())`,
    [id],
  );
  await place.database.query(`UPDATE destinations SET state = 'auto_paused' WHERE id = $1`, [id]);
  expect((await place.call(`GET /destinations/${id}`)).json.health).toMatchObject({ failures: 9, circuitOpen: true });
  const resumed = await place.call(`POST /destinations/${id}/resume`, { body: {} });
  expect(resumed.json).toMatchObject({
    state: 'active',
    pauseReason: null,
    health: { failures: 0, failingSince: null, circuitOpen: false, nextProbeAt: null },
  });
  expect((await audit()).map(({ action }) => action)).toEqual([
    'destination.create',
    'destination.pause',
    'destination.resume',
  ]);
});

test('resuming one that failed has what failed meanwhile sent at once, and nothing else before its time', async () => {
  const { id } = await create();
  await place.database.query(
    `INSERT INTO destination_state (destination_id, failures, failing_since) VALUES ($1, 3, now() - interval '1 hour')`,
    [id],
  );
  const attempted = async (startedAt: string) => {
    const delivery = await owe(id, 'pending');
    await place.database.query(
      `WITH attempt AS (INSERT INTO delivery_attempts (delivery_id, number, id, started_at, duration_ms)
                        VALUES ($1, 1, $1, now() - $2::interval, 1))
       UPDATE deliveries SET attempts = 1, next_attempt_at = now() + interval '1 day' WHERE id = $1`,
      [delivery, startedAt],
    );
    return delivery;
  };
  const [meanwhile, before] = [await attempted('50 minutes'), await attempted('2 hours')];
  await place.call(`POST /destinations/${id}/resume`);
  const due = await place.database.query('SELECT id, next_attempt_at <= now() AS due FROM deliveries ORDER BY id');
  expect(due).toEqual([
    { id: meanwhile, due: true },
    { id: before, due: false },
  ]);
});

test('resuming one that is active closes its circuit', async () => {
  const { id } = await create();
  await place.call(`POST /destinations/${id}/resume`);
  expect(await audit()).toHaveLength(1);
  await place.database.query(
    `INSERT INTO destination_state (destination_id, failures, failing_since, circuit_open, next_probe_at)
     VALUES ($1, 5, now(), true, now())`,
    [id],
  );
  const { json } = await place.call(`POST /destinations/${id}/resume`);
  expect(json).toMatchObject({ state: 'active', health: { failures: 0, circuitOpen: false, nextProbeAt: null } });
  expect((await audit()).map(({ action }) => action)).toEqual(['destination.create', 'destination.resume']);
});

describe('a removal', () => {
  test('leaves nothing of it but what was finished', async () => {
    const { id } = await create();
    const delivered = await owe(id, 'delivered');
    await place.database.query('INSERT INTO destination_state (destination_id) VALUES ($1)', [id]);
    expect((await place.call(`DELETE /destinations/${id}`)).status).toBe(204);
    expect((await place.call(`GET /destinations/${id}`)).status).toBe(404);
    expect(await place.database.query('SELECT FROM destination_state')).toEqual([]);
    expect(await place.database.query('SELECT id, state FROM deliveries')).toEqual([
      { id: delivered, state: 'delivered' },
    ]);
  });

  test('waits for unfinished deliveries, unless it is forced', async () => {
    const { id } = await create();
    const other = await create({ name: 'two' });
    const unfinished = [await owe(id, 'pending'), await owe(id, 'sending')];
    const untouched = [await owe(id, 'dead'), await owe(other.id, 'pending')];
    const { status, json } = await place.call(`DELETE /destinations/${id}`);
    expect([status, json.error.code]).toEqual([409, 'conflict']);
    expect((await place.call(`DELETE /destinations/${id}?force=true`)).status).toBe(204);
    const states = async (ids: readonly string[]) =>
      (
        await place.database.query(
          'SELECT state FROM deliveries WHERE id = ANY ($1::uuid[]) ORDER BY array_position($1::uuid[], id)',
          [ids],
        )
      ).map(({ state }) => state);
    expect(await states(unfinished)).toEqual(['cancelled', 'cancelled']);
    expect(await states(untouched)).toEqual(['dead', 'pending']);
    expect((await audit()).slice(-2)).toMatchObject([
      { action: 'destination.delete', target: id, details: { force: true, cancelledDeliveries: 2 } },
      { action: 'destination.delete', target: id, details: { force: true, removed: true } },
    ]);
  });
});

test('what there is none of is 404', async () => {
  const id = randomUUID();
  for (const call of ['GET ', 'DELETE ', 'POST /pause', 'POST /resume']) {
    const [method, rest] = call.split(' ');
    expect((await place.call(`${method} /destinations/${id}${rest}`)).status).toBe(404);
  }
  expect((await place.call(`PATCH /destinations/${id}`, { body: { timeoutMs: 500 } })).status).toBe(404);
  expect(await audit()).toEqual([]);
});

test('nothing that is secret is answered, logged or in the audit log', async () => {
  const secretHeaders = { Authorization: 'Bearer hunter2-of-theirs' };
  const { id, generatedSecret } = await create({ secretHeaders });
  const answers = [
    await place.call(`PATCH /destinations/${id}`, { body: { secrets: [SECRET, generatedSecret], secretHeaders } }),
    await place.call(`PATCH /destinations/${id}`, { body: { secrets: [SECRET, 'wrong-hunter2'] } }),
    await place.call('POST /destinations', { body: { name: 'one', target: HTTP, secrets: [SECRET], secretHeaders } }),
    await place.call('GET /destinations'),
    await place.call(`GET /destinations/${id}`),
    await place.call('GET /audit'),
    await place.call(`DELETE /destinations/${id}`),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 400, 409, 200, 200, 200, 204]);
  const said = answers.map(({ bytes }) => bytes.toString()).join() + JSON.stringify(place.gateway.log);
  for (const secret of ['hunter2', SECRET, generatedSecret]) expect(said).not.toContain(secret);
});

test('without a key to encrypt with, nothing secret is taken, and the answer says what to set', async () => {
  const gateway = await startTestGateway({
    DATABASE_URL: place.database.url,
    ADMIN_API_KEY: API_ENVIRONMENT.ADMIN_API_KEY,
    NODE_ENV: 'production',
  });
  try {
    const call = apiClient(`${gateway.url}/api/v1`);
    const { status, json } = await call('POST /destinations', { body: { name: 'one', target: HTTP } });
    expect([status, json.error.message]).toEqual([409, expect.stringContaining('ENCRYPTION_KEYS')]);
    expect((await call('POST /destinations', { body: { name: 'one', target: HTTP, signing: 'none' } })).status).toBe(
      201,
    );
  } finally {
    await gateway.stop();
  }
});
