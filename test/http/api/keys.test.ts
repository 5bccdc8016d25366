/** `/keys` and `/audit` over HTTP. */
import { hash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ApiPlace, openApi } from '../../support/api.ts';

let place: ApiPlace;
beforeAll(async () => {
  place = await openApi();
});
afterAll(() => place.close());
beforeEach(() => place.database.query('DELETE FROM api_keys; DELETE FROM audit_log'));

const create = async (settings: object) =>
  (await place.call('POST /keys', { body: { scope: 'read', ...settings } })).json;

test('a key is shown once, and only its hash is kept', async () => {
  const { key, id, ...rest } = await create({ name: 'a dashboard' });
  expect(key).toMatch(/^whg_[0-9A-Za-z]{40}$/);
  expect(rest).toEqual({
    name: 'a dashboard',
    prefix: key.slice(0, 10),
    scope: 'read',
    createdAt: expect.any(String),
    expiresAt: null,
    lastUsedAt: null,
    revokedAt: null,
  });
  const [row] = await place.database.query('SELECT * FROM api_keys');
  expect(row.sha256.equals(hash('sha256', key, 'buffer'))).toBe(true);
  const listed = await place.call('GET /keys');
  expect(listed.json.data).toEqual([{ id, ...rest }]);
  const kept = JSON.stringify([row, listed.json, (await place.call('GET /audit')).json, place.gateway.log]);
  expect(kept).not.toContain(key);
  expect(kept).not.toContain(row.sha256.toString('hex'));
});

test('no two are alike', async () => {
  const texts = await Promise.all(['a', 'b', 'c'].map(async (name) => (await create({ name })).key));
  expect(new Set(texts).size).toBe(3);
});

test('a key may expire, in the future only', async () => {
  const { expiresAt } = await create({ name: 'a', expiresAt: '2100-01-01T00:00:00+01:00' });
  expect(expiresAt).toBe('2099-12-31T23:00:00.000Z');
  for (const past of ['2026-01-01T00:00:00Z', 'tomorrow']) {
    const { status, json } = await place.call('POST /keys', { body: { name: 'a', scope: 'read', expiresAt: past } });
    expect([status, json.error.details[0].path]).toEqual([400, 'expiresAt']);
  }
  expect(await place.database.query('SELECT FROM api_keys')).toHaveLength(1);
});

test.each([
  [{ name: '', scope: 'read' }, 'name'],
  [{ name: 'a', scope: 'root' }, 'scope'],
  [{ name: 'a', scope: 'read', key: 'whg_mine' }, 'key'],
])('%j is refused', async (body, path) => {
  const { status, json } = await place.call('POST /keys', { body });
  expect([status, json.error.details[0].path]).toEqual([400, path]);
});

test('lists stay in order while others are made', async () => {
  const made: string[] = [];
  for (const name of ['a', 'b', 'c']) made.unshift((await create({ name })).id);
  const first = (await place.call('GET /keys?limit=2')).json;
  await create({ name: 'd' });
  const second = (await place.call(`GET /keys?limit=2&cursor=${first.nextCursor}`)).json;
  expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(made);
  expect(second.nextCursor).toBeNull();
});

test('whoever changes something is on record by the id of the key', async () => {
  const admin = await create({ name: 'a colleague', scope: 'admin' });
  const made = (await place.call('POST /keys', { key: admin.key, body: { name: 'b', scope: 'operate' } })).json;
  await place.call(`DELETE /keys/${made.id}`, { key: admin.key });
  const { json } = await place.call('GET /audit?limit=2');
  expect(json.data).toMatchObject([
    { actor: admin.id, ip: '127.0.0.1', action: 'key.revoke', target: made.id, details: null },
    {
      actor: admin.id,
      action: 'key.create',
      target: made.id,
      details: { name: 'b', scope: 'operate', prefix: made.prefix, expiresAt: null },
    },
  ]);
});
