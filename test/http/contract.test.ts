/** Every answer of the public contract that is not about a webhook being stored. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { head, openRaw } from '../support/raw-http.ts';
import { fresh, post, signed, VERIFY_TOKEN } from '../support/webhooks.ts';

let database: TestDatabase;
let gateway: TestGateway;

beforeAll(async () => {
  database = await createDatabase();
  gateway = await startTestGateway({ DATABASE_URL: database.url });
});
afterAll(async () => {
  await gateway.stop();
  await database.drop();
});

async function expectError(response: Response, status: number, code: string): Promise<void> {
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toContain('application/json');
  expect(await response.json()).toEqual({
    error: { code, message: expect.any(String), requestId: response.headers.get('x-request-id') },
  });
}

describe('the handshake', () => {
  const handshake = (query: Record<string, string>) =>
    fetch(`${gateway.url}/webhooks/whatsapp?${new URLSearchParams(query)}`);
  const right = { 'hub.mode': 'subscribe', 'hub.verify_token': VERIFY_TOKEN, 'hub.challenge': '1158201444' };

  test('answers the bare challenge', async () => {
    const response = await handshake(right);
    expect([response.status, await response.text()]).toEqual([200, '1158201444']);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  });
  test('refuses a wrong token with 403', async () => {
    await expectError(await handshake({ ...right, 'hub.verify_token': 'wrong' }), 403, 'forbidden');
  });
  test.each(['hub.mode', 'hub.verify_token', 'hub.challenge'])('refuses one without %s with 400', async (name) => {
    const { [name as keyof typeof right]: _, ...rest } = right;
    await expectError(await handshake(rest), 400, 'bad_request');
  });
  test('does not log the token', () => {
    expect(JSON.stringify(gateway.log)).not.toContain(VERIFY_TOKEN);
  });
});

describe('signatures', () => {
  const failures = (reason: string) =>
    gateway.metric(`webhook_signature_failures_total{source="stripe",reason="${reason}"}`);

  test.each([
    ['missing', {}],
    ['malformed', { 'stripe-signature': 'v1=abc' }],
    ['mismatch', { 'stripe-signature': `t=${Math.floor(Date.now() / 1000)},v1=${'0'.repeat(64)}` }],
  ])('%s: 401 that tells nothing, and a count', async (reason, headers) => {
    const before = await failures(reason);
    const response = await fetch(`${gateway.url}/webhooks/stripe`, { method: 'POST', body: '{"id":"evt_1"}', headers });
    await expectError(response, 401, 'unauthorized');
    expect(await failures(reason)).toBe(before + 1);
  });

  test('of WhatsApp may not stand on a Stripe webhook', async () => {
    const { body, headers } = fresh('whatsapp');
    const response = await fetch(`${gateway.url}/webhooks/stripe`, { method: 'POST', body, headers });
    await expectError(response, 401, 'unauthorized');
  });

  test('without a right one nobody learns whether an event exists', async () => {
    const known = fresh('stripe');
    expect((await post(gateway.url, known)).accepted).toBe('stored');
    const answerTo = async (body: Buffer) => {
      const forged = signed('stripe', body, 'somebody else’s secret');
      const { status, text, headers } = await post(gateway.url, forged);
      const ofAnswer = ['date', 'x-request-id', 'keep-alive', 'connection'];
      const telling = [...headers].filter(([name]) => !ofAnswer.includes(name));
      return { status, telling, text: text.replace(/"requestId":"[^"]+"/, '') };
    };
    expect(await answerTo(known.body)).toEqual(await answerTo(fresh('stripe').body));
  });

  test('a missing one is answered before the body is read', async () => {
    const connection = await openRaw(gateway.url);
    connection.write(head({ 'Content-Length': 1_000_000 }));
    await expect.poll(() => connection.received(), { timeout: 10_000 }).toContain('HTTP/1.1 401');
    connection.socket.destroy();
  });
});

describe('routes', () => {
  test.each(['/', '/webhooks', '/webhooks/other', '/api', '/api/v1/nope', '/health/x'])(
    '%s is answered 404',
    async (path) => {
      await expectError(await fetch(`${gateway.url}${path}`), 404, 'not_found');
    },
  );
  test.each([
    ['PUT', '/webhooks/stripe', 'POST'],
    ['GET', '/webhooks/stripe', 'POST'],
    ['DELETE', '/webhooks/whatsapp', 'GET, POST'],
    ['POST', '/health', 'GET, HEAD'],
    ['POST', '/metrics', 'GET, HEAD'],
    ['PATCH', '/ready', 'GET, HEAD'],
  ])('%s %s is answered 405 with Allow', async (method, path, allow) => {
    const response = await fetch(`${gateway.url}${path}`, { method });
    expect(response.headers.get('allow')).toBe(allow);
    await expectError(response, 405, 'method_not_allowed');
  });
  test('a trailing slash is the same path', async () => {
    const { body, headers } = fresh('stripe');
    expect((await fetch(`${gateway.url}/webhooks/stripe/`, { method: 'POST', body, headers })).status).toBe(200);
  });
  test.each(['/:a(', '/*/x', '/health:a(', '/webhooks/:x(', '/:a((a+)+)'])(
    '%s is a path like any other, and no pattern',
    async (path) => {
      const connection = await openRaw(gateway.url);
      connection.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`);
      expect(await connection.closed).toContain('HTTP/1.1 404');
    },
  );
  test.each([
    ['POST', '/nope', 404],
    ['PUT', '/webhooks/stripe', 405],
    ['POST', '/health', 405],
    ['QUERY', '/health', 405],
  ])('the body of %s %s is neither read nor parsed', async (method, path, status) => {
    const connection = await openRaw(gateway.url);
    connection.write(
      `${method} ${path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{bad`,
    );
    await expect.poll(() => connection.received(), { timeout: 10_000 }).toContain(`HTTP/1.1 ${status}`);
    connection.socket.destroy();
  });
  test('a content type that is none changes nothing about an unknown path', async () => {
    await expectError(
      await fetch(`${gateway.url}/nope`, { method: 'POST', headers: { 'content-type': 'bogus' }, body: '' }),
      404,
      'not_found',
    );
  });
  test('a malformed URL is answered 400', async () => {
    const connection = await openRaw(gateway.url);
    connection.write('GET /%zz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
    const text = await connection.closed;
    expect(text).toContain('HTTP/1.1 400');
    expect(text).toContain('"code":"bad_request"');
  });
});

describe('malformed HTTP', () => {
  test.each([
    ['no HTTP at all', 'GARBAGE\r\n\r\n', 400, 'bad_request'],
    ['an unknown method', 'BREW /webhooks/stripe HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'bad_request'],
    [
      'two lengths',
      'POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      400,
      'bad_request',
    ],
    [
      'length and chunks',
      'POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
      'bad_request',
    ],
    [
      'a length that is no number',
      'POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n',
      400,
      'bad_request',
    ],
    [
      'headers over 16 KiB',
      `GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
  ])('%s is answered in the contract’s form', async (_name, bytes, status, code) => {
    const connection = await openRaw(gateway.url);
    connection.write(bytes);
    const text = await connection.closed;
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(text.toLowerCase()).toContain('x-request-id: ');
    const { error } = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));
    expect(error).toEqual({ code, message: expect.any(String), requestId: expect.any(String) });
  });

  test('a body shorter than announced stores nothing', async () => {
    await database.truncate();
    const { body, headers } = fresh('stripe');
    const connection = await openRaw(gateway.url);
    connection.write(head({ ...headers, 'Content-Length': body.length + 10 }));
    connection.write(body);
    connection.socket.end();
    expect(await connection.closed).toMatch(/^(HTTP\/1.1 400|$)/);
    expect(await database.query('SELECT id FROM webhook_requests')).toEqual([]);
  });
});

describe('bodies', () => {
  test('in chunks are taken as the bytes they carry', async () => {
    const { body, headers } = fresh('stripe');
    const connection = await openRaw(gateway.url);
    connection.write(head({ ...headers, 'Transfer-Encoding': 'chunked', Connection: 'close' }));
    for (let at = 0; at < body.length; at += 100) {
      const chunk = body.subarray(at, at + 100);
      connection.write(`${chunk.length.toString(16)}\r\n`);
      connection.write(chunk);
      connection.write('\r\n');
    }
    connection.write('0\r\n\r\n');
    const text = await connection.closed;
    expect(text).toContain('HTTP/1.1 200');
    expect(text).toContain('x-webhook-accepted: stored');
  });

  test('announced with an expectation are taken', async () => {
    for (const expectation of ['100-continue', 'something-else']) {
      const { body, headers } = fresh('stripe');
      const connection = await openRaw(gateway.url);
      connection.write(head({ ...headers, 'Content-Length': body.length, Expect: expectation, Connection: 'close' }));
      connection.write(body);
      expect(await connection.closed).toContain('x-webhook-accepted: stored');
    }
  });

  test('that are compressed are verified and kept as they arrived', async () => {
    const { gzipSync } = await import('node:zlib');
    const bytes = gzipSync('{"id":"evt_gzip"}');
    const { headers } = signed('stripe', bytes);
    const answer = await post(gateway.url, {
      provider: 'stripe',
      body: bytes,
      headers: { ...headers, 'content-encoding': 'gzip' },
    });
    expect(answer.accepted).toBe('stored');
    const [row] = await database.query('SELECT body FROM webhook_requests WHERE id = $1', [answer.requestId]);
    expect(bytes.equals(row.body)).toBe(true);
  });

  test('that are pipelined are answered in order', async () => {
    const connection = await openRaw(gateway.url);
    const webhooks = [fresh('stripe'), fresh('stripe'), fresh('stripe')];
    for (const { body, headers } of webhooks) {
      connection.write(head({ ...headers, 'Content-Length': body.length }));
      connection.write(body);
    }
    await expect.poll(() => connection.received().match(/HTTP\/1.1 200/g)?.length, { timeout: 10_000 }).toBe(3);
    connection.socket.destroy();
  });

  test('over the limit are answered 413, announced or not', async () => {
    const before = await gateway.metric('webhook_requests_total{source="stripe",outcome="too_large"}');
    const body = Buffer.alloc(4 * 1024 * 1024 + 1, 0x20);
    const { headers } = signed('stripe', body);
    await expectError(
      await fetch(`${gateway.url}/webhooks/stripe`, { method: 'POST', body, headers }),
      413,
      'too_large',
    );
    const connection = await openRaw(gateway.url);
    connection.write(head({ ...headers, 'Transfer-Encoding': 'chunked' }));
    for (let sent = 0; sent <= body.length; sent += 0x10000) {
      connection.write('10000\r\n');
      connection.write(Buffer.alloc(0x10000, 0x20));
      connection.write('\r\n');
    }
    await expect.poll(() => connection.received(), { timeout: 10_000 }).toContain('HTTP/1.1 413');
    connection.socket.destroy();
    expect(await gateway.metric('webhook_requests_total{source="stripe",outcome="too_large"}')).toBe(before + 2);
  });
});

describe('security headers', () => {
  test('stand on the ops endpoints and not on webhooks', async () => {
    expect((await fetch(`${gateway.url}/health`)).headers.get('x-frame-options')).toBe('SAMEORIGIN');
    expect((await post(gateway.url, fresh('stripe'))).headers.get('x-frame-options')).toBeNull();
  });
});
