/** Who may call what: every endpoint with every kind of key. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES, type Scope, scopeCovers } from '../../../src/core/api-key.ts';
import { ADMIN_KEY, API_ENVIRONMENT, type ApiPlace, apiClient, ENDPOINTS, openApi } from '../../support/api.ts';
import { startTestGateway } from '../../support/gateway.ts';
import { until } from '../../support/until.ts';

let place: ApiPlace;
const keys = new Map<string, string>();

/** As the proxy tells of somebody whose network is none of `ADMIN_ALLOWED_IPS`. */
const FOREIGN = { 'x-forwarded-for': '203.0.113.9' };

async function makeKey(scope: Scope): Promise<{ id: string; key: string }> {
  return (await place.call('POST /keys', { body: { name: `a key to ${scope}`, scope } })).json;
}

beforeAll(async () => {
  place = await openApi({ TRUST_PROXY: '127.0.0.0/8,::1' });
  for (const scope of SCOPES) keys.set(scope, (await makeKey(scope)).key);
  const revoked = await makeKey('admin');
  await place.call(`DELETE /keys/${revoked.id}`);
  keys.set('revoked', revoked.key);
  const expired = await makeKey('admin');
  await place.database.query(`UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1`, [
    expired.id,
  ]);
  keys.set('expired', expired.key);
  keys.set('wrong', `whg_${'x'.repeat(40)}`);
  keys.set('malformed', 'nonsense');
});
afterAll(() => place.close());

describe.each(ENDPOINTS)('$method $path', ({ method, path, scope }) => {
  const needed = scope ?? 'read';
  /** Whatever an allowed call comes to: nothing has such an id, and the body says nothing. */
  const call = (key: string | null, headers: Record<string, string> = {}, by: string = method) =>
    place.call(`${by} ${path.replace(':id', randomUUID())}`, {
      key,
      headers,
      ...(method === 'POST' || method === 'PATCH' ? { body: {} } : {}),
    });
  const ALLOWED = [200, 400, 404];

  test.each(['revoked', 'expired', 'wrong', 'malformed', 'none'])('%s: 401', async (kind) => {
    const { status, json, headers } = await call(keys.get(kind) ?? null);
    expect([status, json.error.code]).toEqual([401, 'unauthorized']);
    expect(headers.get('www-authenticate')).toBe('Bearer');
  });

  test.each(SCOPES)('the scope %s', async (held) => {
    const { status, json } = await call(keys.get(held) ?? null);
    if (scopeCovers(held, needed)) expect(ALLOWED).toContain(status);
    else expect([status, json.error.code]).toEqual([403, 'forbidden']);
  });

  test('ADMIN_API_KEY may', async () => {
    expect(ALLOWED).toContain((await call(ADMIN_KEY)).status);
  });

  test('nobody may from a network that is not allowed', async () => {
    const { status, json } = await call(ADMIN_KEY, FOREIGN);
    expect([status, json.error.code]).toEqual([403, 'forbidden']);
  });

  if (method !== 'GET') return;
  test('HEAD needs the same', async () => {
    const statuses: Record<string, number> = {};
    for (const kind of ['none', 'wrong', ...SCOPES]) {
      statuses[kind] = (await call(keys.get(kind) ?? null, {}, 'HEAD')).status;
    }
    const allowed = Object.fromEntries(
      SCOPES.map((held) => [held, scopeCovers(held, needed) ? expect.toSatisfy((is) => ALLOWED.includes(is)) : 403]),
    );
    expect(statuses).toEqual({ none: 401, wrong: 401, ...allowed });
    expect((await call(ADMIN_KEY, FOREIGN, 'HEAD')).status).toBe(403);
  });
});

test.each(['GET', 'HEAD'])('%s /openapi.json needs no key, but a network that is allowed', async (method) => {
  const call = (key: string | null, headers: Record<string, string> = {}) =>
    place.call(`${method} /openapi.json`, { key, headers });
  for (const key of [null, 'nonsense', keys.get('read') ?? '', ADMIN_KEY]) {
    expect((await call(key)).status).toBe(200);
    const refused = await call(key, FOREIGN);
    expect(refused.status).toBe(403);
    if (method === 'GET') expect(refused.json).toMatchObject({ error: { code: 'forbidden' } });
  }
});

describe('a key', () => {
  const readable = () => keys.get('read') ?? '';

  test('is told apart from others to the last character', async () => {
    const almost = readable().replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'));
    expect((await place.call('GET /status', { key: almost })).status).toBe(401);
    expect((await place.call('GET /status', { key: `${readable()}a` })).status).toBe(401);
    expect((await place.call('GET /status', { key: `${ADMIN_KEY}a` })).status).toBe(401);
  });

  test('is looked for in the header Authorization, as Bearer, and nowhere else', async () => {
    const status = async (authorization: string) =>
      (await place.call('GET /status', { key: null, headers: { authorization } })).status;
    expect(await status(`bearer ${readable()}`)).toBe(200);
    expect(await status(`Basic ${readable()}`)).toBe(401);
    expect(await status(readable())).toBe(401);
    expect((await place.call(`GET /status?key=${readable()}`, { key: null })).status).toBe(401);
  });

  test('shows when it was used, to the minute', async () => {
    const { id, key } = await makeKey('read');
    const used = async () => {
      const [row] = await place.database.query('SELECT last_used_at FROM api_keys WHERE id = $1', [id]);
      return row.last_used_at as Date | null;
    };
    expect(await used()).toBeNull();
    await place.call('GET /status', { key });
    const first = await until('the first use', used);
    await place.call('GET /status', { key });
    await place.database.query(`UPDATE api_keys SET last_used_at = now() - interval '61 seconds' WHERE id = $1`, [id]);
    const aged = await used();
    await place.call('GET /status', { key });
    const second = await until('a use a minute later', async () => {
      const now = await used();
      return now !== null && aged !== null && now > aged && now;
    });
    expect(second >= first).toBe(true);
  });

  test('revoked twice is revoked once, and one that never was is 404', async () => {
    const { id } = await makeKey('read');
    expect((await place.call(`DELETE /keys/${id}`)).status).toBe(204);
    const at = async () => (await place.database.query('SELECT revoked_at FROM api_keys WHERE id = $1', [id]))[0];
    const first = await at();
    expect((await place.call(`DELETE /keys/${id}`)).status).toBe(204);
    expect(await at()).toEqual(first);
    const entries = await place.database.query(`SELECT FROM audit_log WHERE target = $1`, [id]);
    expect(entries).toHaveLength(2);
    expect((await place.call(`DELETE /keys/${randomUUID()}`)).status).toBe(404);
  });
});

test('without a key of any kind the API says how to get one', async () => {
  const gateway = await startTestGateway({ DATABASE_URL: place.database.url, NODE_ENV: 'production' });
  try {
    const call = apiClient(`${gateway.url}/api/v1`);
    // There are keys in the table.
    expect((await call('GET /status', { key: null })).json.error.message).toContain('Authorization: Bearer');
    await place.database.query('UPDATE api_keys SET revoked_at = now() WHERE revoked_at IS NULL');
    for (const key of [null, 'nonsense']) {
      const { status, json } = await call('GET /status', { key });
      expect([status, json.error.message]).toEqual([401, expect.stringContaining('set ADMIN_API_KEY')]);
    }
  } finally {
    await gateway.stop();
  }
});

test('too many refusals close the API to an address, whatever its key', async () => {
  const gateway = await startTestGateway({ DATABASE_URL: place.database.url, ...API_ENVIRONMENT, RATE_LIMIT_MAX: '2' });
  try {
    const call = apiClient(`${gateway.url}/api/v1`);
    const statuses = [];
    for (let attempt = 0; attempt < 3; attempt++) statuses.push((await call('GET /status', { key: 'wrong' })).status);
    expect(statuses).toEqual([401, 401, 429]);
    expect((await call('GET /status')).json.error.code).toBe('rate_limited');
  } finally {
    await gateway.stop();
  }
});

test('a key cannot be looked up while PostgreSQL is away: 503, but for ADMIN_API_KEY', async () => {
  const gateway = await startTestGateway({ DATABASE_URL: 'postgresql://x@127.0.0.1:1/none', ...API_ENVIRONMENT });
  try {
    const call = apiClient(`${gateway.url}/api/v1`);
    const { status, json, headers } = await call('GET /status', { key: `whg_${'x'.repeat(40)}` });
    expect([status, json.error.code, headers.get('retry-after')]).toEqual([503, 'unavailable', '5']);
    expect((await call('GET /status')).json).toMatchObject({ database: 'down', dispatch: null, deliveries: null });
    expect((await call('GET /events')).status).toBe(503);
  } finally {
    await gateway.stop();
  }
});
