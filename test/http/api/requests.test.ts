/** What the API makes of requests that are not as they should be, and of what browsers ask. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_KEY, API_ENVIRONMENT, type ApiPlace, apiClient, openApi } from '../../support/api.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { head, openRaw } from '../../support/raw-http.ts';

let place: ApiPlace;
beforeAll(async () => {
  place = await openApi();
});
afterAll(() => place.close());

const post = (body: string, headers: Record<string, string>) =>
  fetch(`${place.gateway.url}/api/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers },
    body,
  });
const JSON_TYPE = { 'content-type': 'application/json' };

async function expectError(response: Response, status: number, code: string): Promise<void> {
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({
    error: { code, message: expect.any(String), requestId: response.headers.get('x-request-id') },
  });
}

describe('a body', () => {
  test.each(['text/plain', 'application/x-www-form-urlencoded', 'bogus', 'application/octet-stream'])(
    'of the type %s: 415',
    async (type) => expectError(await post('{}', { 'content-type': type }), 415, 'unsupported_media_type'),
  );
  test.each(['{', 'null', '[]', '"text"', '{"name":"a","scope":"read","__proto__":{}}'])('%s: 400', async (body) =>
    expectError(await post(body, JSON_TYPE), 400, 'bad_request'),
  );
  test('that is missing: 400', async () => expectError(await post('', JSON_TYPE), 400, 'bad_request'));
  test('with a charset is JSON all the same', async () => {
    const response = await post('{"name":"a","scope":"read"}', { 'content-type': 'application/json; charset=utf-8' });
    expect(response.status).toBe(201);
  });
  test('above 256 KiB: 413, announced or not', async () => {
    const body = JSON.stringify({ name: 'x'.repeat(256 * 1024), scope: 'read' });
    await expectError(await post(body, JSON_TYPE), 413, 'too_large');
    const connection = await openRaw(place.gateway.url);
    connection.write(
      head({ ...JSON_TYPE, Authorization: `Bearer ${ADMIN_KEY}`, 'Transfer-Encoding': 'chunked' }, '/api/v1/keys'),
    );
    for (let sent = 0; sent < 5; sent++) connection.write(`10000\r\n${'x'.repeat(0x10000)}\r\n`);
    await expect.poll(() => connection.received(), { timeout: 10_000 }).toContain('HTTP/1.1 413');
    connection.socket.destroy();
  });
  test('is not read before the key has been checked', async () => {
    const connection = await openRaw(place.gateway.url);
    connection.write(head({ ...JSON_TYPE, 'Content-Length': 100_000 }, '/api/v1/keys'));
    await expect.poll(() => connection.received(), { timeout: 10_000 }).toContain('HTTP/1.1 401');
    connection.socket.destroy();
  });
  test('has no field that the API does not know, and where no body is expected none at all', async () => {
    const { json } = await place.call('POST /keys', { body: { name: 'a', scope: 'read', scopes: 'admin' } });
    expect(json.error.details).toEqual([{ path: 'scopes', message: expect.any(String) }]);
    expect((await place.call(`DELETE /keys/${randomUUID()}`, { body: { x: 1 } })).status).toBe(400);
  });
});

test.each([
  ['GET /events?subject=%00', undefined],
  ['GET /events?key=%00&source=stripe', undefined],
  ['GET /events?from=0000-01-01T00:00:00Z', undefined],
  ['POST /keys', { name: 'a\u0000', scope: 'read' }],
  [
    'POST /destinations',
    { name: 'a', target: { kind: 'http', url: 'https://example.com' }, filter: { condition: { a: '\ud800' } } },
  ],
])('what PostgreSQL cannot hold is refused: %s', async (call, body) => {
  const { status, json } = await place.call(call, { body });
  expect([status, json.error.code]).toEqual([400, 'bad_request']);
});

describe('methods', () => {
  test.each([
    ['PUT', '/events', 'GET, HEAD'],
    ['POST', '/events', 'GET, HEAD'],
    ['POST', `/events/${randomUUID()}`, 'GET, HEAD'],
    ['PUT', `/destinations/${randomUUID()}`, 'DELETE, GET, HEAD, PATCH'],
    ['GET', `/destinations/${randomUUID()}/pause`, 'POST'],
    ['OPTIONS', '/destinations', 'GET, HEAD, POST'],
    ['OPTIONS', `/destinations/${randomUUID()}`, 'DELETE, GET, HEAD, PATCH'],
  ])('%s %s: 405 with Allow', async (method, path, allow) => {
    const { status, headers } = await place.call(`${method} ${path}`);
    expect([status, headers.get('allow')]).toEqual([405, allow]);
  });
  test.each(['', '/', '/nope', '/events/a/b', '/destinations//pause/x'])(
    'what is not there: 404 (%j)',
    async (path) => {
      expect((await place.call(`GET ${path}`)).status).toBe(404);
    },
  );
  test('HEAD is GET without a body, and needs the same key', async () => {
    const url = `${place.gateway.url}/api/v1/status`;
    const authorized = await fetch(url, { method: 'HEAD', headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    expect([authorized.status, await authorized.text()]).toEqual([200, '']);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(401);
  });
});

test('answers are kept by nobody, and shown by no browser as a page', async () => {
  for (const call of ['GET /status', 'GET /openapi.json']) {
    const { headers } = await place.call(call);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
  }
});

describe('a browser', () => {
  const preflight = (url: string, origin: string) =>
    fetch(`${url}/api/v1/destinations`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });

  test('is told nothing while no origin is allowed', async () => {
    const response = await preflight(place.gateway.url, 'https://admin.example.com');
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([405, null]);
    const { headers } = await place.call('GET /status', { headers: { origin: 'https://admin.example.com' } });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  describe('with ADMIN_ALLOWED_ORIGINS', () => {
    let gateway: TestGateway;
    beforeAll(async () => {
      gateway = await startTestGateway({
        DATABASE_URL: place.database.url,
        ...API_ENVIRONMENT,
        ADMIN_ALLOWED_ORIGINS: 'https://admin.example.com',
      });
    });
    afterAll(() => gateway.stop());

    test('may call from that origin, with a key as everybody', async () => {
      const response = await preflight(gateway.url, 'https://admin.example.com');
      expect(response.status).toBe(204);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'access-control-allow-origin': 'https://admin.example.com',
        'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
        'access-control-allow-headers': 'authorization, content-type, last-event-id',
      });
      const call = apiClient(`${gateway.url}/api/v1`);
      const headers = { origin: 'https://admin.example.com' };
      for (const [key, status] of [
        [ADMIN_KEY, 200],
        [null, 401],
      ] as const) {
        const answer = await call('GET /status', { key, headers });
        expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([status, headers.origin]);
      }
    });
    test('may not from another', async () => {
      const response = await preflight(gateway.url, 'https://evil.example.com');
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
    });
    test('changes nothing about OPTIONS that asks for something else', async () => {
      const options = await fetch(`${gateway.url}/api/v1/status`, { method: 'OPTIONS' });
      expect([options.status, options.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect((await fetch(`${gateway.url}/api/v1/nope`, { method: 'OPTIONS' })).status).toBe(404);
    });
  });
});

test('ADMIN_PORT takes the API off the public port', async () => {
  const gateway = await startTestGateway({ DATABASE_URL: place.database.url, ...API_ENVIRONMENT, ADMIN_PORT: '0' });
  try {
    const { apiUrl } = gateway.gateway;
    expect(apiUrl).not.toContain(gateway.url);
    expect((await apiClient(apiUrl ?? '')('GET /status')).status).toBe(200);
    expect((await apiClient(`${gateway.url}/api/v1`)('GET /status')).status).toBe(404);
    expect((await fetch(new URL('/webhooks/stripe', apiUrl ?? ''))).status).toBe(404);
  } finally {
    await gateway.stop();
  }
});

test('the role ingest has no API, the role worker has', async () => {
  for (const [role, status] of [
    ['ingest', 404],
    ['worker', 200],
  ] as const) {
    const gateway = await startTestGateway({ DATABASE_URL: place.database.url, ...API_ENVIRONMENT, ROLE: role });
    try {
      expect((await apiClient(`${gateway.url}/api/v1`)('GET /status')).status).toBe(status);
    } finally {
      await gateway.stop();
    }
  }
});
