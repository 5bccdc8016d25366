/** /health, /ready and /metrics. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { fresh, post } from '../support/webhooks.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

async function withGateway(environment: Record<string, string>, use: (gateway: TestGateway) => Promise<void>) {
  const gateway = await startTestGateway({ DATABASE_URL: database.url, ...environment });
  try {
    await use(gateway);
  } finally {
    await gateway.stop();
  }
}

describe('a running gateway', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway({ DATABASE_URL: database.url });
  });
  afterAll(() => gateway.stop());

  test('/health tells that the process lives, by GET and HEAD', async () => {
    const response = await fetch(`${gateway.url}/health`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: 'ok',
      service: 'webhook-gateway',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      uptime: expect.any(Number),
      database: 'up',
      redis: 'off',
    });
    const head = await fetch(`${gateway.url}/health`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('/ready tells each dependency', async () => {
    const response = await fetch(`${gateway.url}/ready`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: 'ready',
      checks: { lifecycle: { ok: true }, database: { ok: true }, ingest: { ok: true }, redis: { ok: true } },
    });
    expect((await fetch(`${gateway.url}/ready`, { method: 'HEAD' })).status).toBe(200);
  });

  test('/metrics has every series from the start, at zero', async () => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    for (const source of ['stripe', 'whatsapp']) {
      for (const outcome of [
        'stored',
        'duplicate',
        'spooled',
        'unauthorized',
        'rate_limited',
        'too_large',
        'bad_request',
        'overloaded',
        'unavailable',
      ]) {
        expect(text).toContain(`webhook_requests_total{source="${source}",outcome="${outcome}"} 0`);
      }
      for (const result of ['new', 'duplicate'])
        expect(text).toContain(`webhook_events_total{source="${source}",result="${result}"} 0`);
      for (const reason of ['missing', 'malformed', 'mismatch', 'too_old', 'too_new']) {
        expect(text).toContain(`webhook_signature_failures_total{source="${source}",reason="${reason}"} 0`);
      }
      expect(text).toContain(`webhook_signature_matches_total{source="${source}",secret="0"} 0`);
      expect(text).toContain(`webhook_last_verified_timestamp_seconds{source="${source}"} 0`);
      for (const bound of ['0.25', '1']) {
        expect(text).toContain(
          `webhook_ack_duration_seconds_bucket{le="${bound}",source="${source}",accepted="stored"} 0`,
        );
      }
    }
    for (const name of [
      'batch_size_count',
      'batch_duration_seconds_count',
      'queue_depth',
      'queue_bytes',
      'redis_up',
      'database_up',
      'build_info',
    ]) {
      expect(text).toMatch(new RegExp(`^webhook_${name}[ {]`, 'm'));
    }
    expect(text).toMatch(/^process_resident_memory_bytes \d/m);
  });

  test('a webhook moves the counters', async () => {
    const webhook = fresh('stripe');
    await post(gateway.url, webhook);
    await post(gateway.url, webhook);
    expect(await gateway.metric('webhook_requests_total{source="stripe",outcome="stored"}')).toBe(1);
    expect(await gateway.metric('webhook_requests_total{source="stripe",outcome="duplicate"}')).toBe(1);
    expect(await gateway.metric('webhook_events_total{source="stripe",result="new"}')).toBe(1);
    expect(await gateway.metric('webhook_ack_duration_seconds_count{source="stripe",accepted="stored"}')).toBe(1);
    expect(await gateway.metric('webhook_last_verified_timestamp_seconds{source="stripe"}')).toBeGreaterThan(1.7e9);
    expect(await gateway.metric('webhook_queue_bytes')).toBe(0);
  });

  test('what a proxy forwarded may see neither metrics nor detail, while TRUST_PROXY is unset', async () => {
    const headers = { 'x-forwarded-for': '10.0.0.1' };
    expect((await fetch(`${gateway.url}/metrics`, { headers })).status).toBe(403);
    expect(await (await fetch(`${gateway.url}/ready`, { headers })).json()).toEqual({ status: 'ready' });
    expect((await fetch(`${gateway.url}/health`, { headers })).status).toBe(200);
    expect(gateway.log.filter(({ msg }) => String(msg).includes('TRUST_PROXY'))).toHaveLength(1);
  });
});

test('with TRUST_PROXY the address before the proxy decides', () =>
  withGateway({ TRUST_PROXY: '127.0.0.0/8,::1', ADMIN_ALLOWED_IPS: '203.0.113.0/24' }, async ({ url }) => {
    const from = async (address: string) =>
      (await fetch(`${url}/metrics`, { headers: { 'x-forwarded-for': address } })).status;
    expect(await from('203.0.113.7')).toBe(200);
    expect(await from('198.51.100.1')).toBe(403);
    // What a client claims before the proxy's own entry counts for nothing.
    expect(await from('203.0.113.7, 198.51.100.1')).toBe(403);
    expect((await fetch(`${url}/metrics`)).status).toBe(403);
  }));

test('with TRUST_PROXY, what was forwarded without X-Forwarded-For, or from what is no address, is refused', () =>
  withGateway({ TRUST_PROXY: '127.0.0.0/8,::1' }, async ({ url }) => {
    const status = async (headers: Record<string, string>) => (await fetch(`${url}/metrics`, { headers })).status;
    expect(await status({})).toBe(200);
    expect(await status({ 'x-real-ip': '198.51.100.1' })).toBe(403);
    expect(await status({ forwarded: 'for=198.51.100.1' })).toBe(403);
    expect(await status({ 'x-forwarded-for': '127.1' })).toBe(403);
    expect(await status({ 'x-forwarded-for': '0x7f.1' })).toBe(403);
    expect(await status({ 'x-forwarded-for': 'nonsense'.repeat(500) })).toBe(403);
  }));

test('a network that may not read the metrics is refused, then limited', () =>
  withGateway({ ADMIN_ALLOWED_IPS: '203.0.113.0/24', RATE_LIMIT_MAX: '2' }, async ({ url }) => {
    const statuses = [];
    for (let attempt = 0; attempt < 4; attempt++) statuses.push((await fetch(`${url}/metrics`)).status);
    expect(statuses).toEqual([403, 403, 429, 429]);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  }));

test('METRICS_PORT serves the metrics apart', () =>
  withGateway({ METRICS_PORT: '0' }, async ({ log }) => {
    const line = log.find(({ msg }) => String(msg).startsWith('the metrics have a port'));
    const response = await fetch(String(line?.['url']));
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('webhook_requests_total');
  }));

test('unknown routes and failed handshakes of one address are limited, verified webhooks never', () =>
  withGateway({ RATE_LIMIT_MAX: '2' }, async ({ url }) => {
    const statuses = async (path: string) => {
      const found = [];
      for (let attempt = 0; attempt < 4; attempt++) found.push((await fetch(`${url}${path}`)).status);
      return found;
    };
    expect(await statuses('/nothing')).toEqual([404, 404, 429, 429]);
    expect(await statuses('/webhooks/whatsapp?hub.mode=subscribe&hub.verify_token=x&hub.challenge=1')).toEqual([
      403, 403, 429, 429,
    ]);
    const forged = { ...fresh('stripe'), headers: {} };
    const refused = [];
    for (let attempt = 0; attempt < 4; attempt++) refused.push((await post(url, forged)).status);
    expect(refused).toEqual([401, 401, 429, 429]);
    for (let index = 0; index < 10; index++) expect((await post(url, fresh('stripe'))).status).toBe(200);
  }));

test('the role worker serves the ops endpoints and no webhooks', () =>
  withGateway({ ROLE: 'worker' }, async ({ url }) => {
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    expect((await post(url, fresh('stripe'))).status).toBe(404);
  }));

test('with a read-only PostgreSQL webhooks go to the spool', async () => {
  await database.query(`ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
  try {
    await withGateway({}, async ({ url }) => {
      const response = await fetch(`${url}/ready`);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        status: 'spooling',
        checks: { database: { ok: false, detail: expect.stringContaining('read-only') } },
      });
      const answer = await post(url, fresh('stripe'));
      expect([answer.status, answer.accepted]).toEqual([200, 'spooled']);
    });
  } finally {
    await database.query(
      `SET default_transaction_read_only = off; ALTER DATABASE ${database.name} RESET default_transaction_read_only`,
    );
  }
});
