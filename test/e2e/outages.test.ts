/** PostgreSQL that is stopped, paused, not there yet, or put back to an earlier copy of its data. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyMigrations } from '../../src/storage/postgres/migrations/apply.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { describeWithRedis } from '../support/redis-suites.ts';
import { until } from '../support/until.ts';
import { fresh, keysOf, post, signed, type Webhook } from '../support/webhooks.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.destroy());

const accepted = (gateway: TestGateway, webhook: Webhook) =>
  until('the webhook to be accepted', async () => {
    const answer = await post(gateway.url, webhook);
    return answer.status === 200 && answer;
  });

async function query(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  const { rows } = await client.query(sql, values).finally(() => client.end());
  return rows;
}

test('a PostgreSQL that is away at start: webhooks are spooled until it is there, then migrated, drained and served', async () => {
  await server.stop();
  const gateway = await startTestGateway({ DATABASE_URL: server.url() });
  try {
    const webhook = fresh('stripe');
    const spooled = await post(gateway.url, webhook);
    expect([spooled.status, spooled.accepted]).toEqual([200, 'spooled']);
    const ready = await fetch(`${gateway.url}/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'spooling' }]);
    // Until the first look at it has ended, its state is unknown.
    await until('the database to be known as down', async () => {
      const health = await fetch(`${gateway.url}/health`);
      expect(health.status).toBe(200);
      const { status, database } = (await health.json()) as Record<string, unknown>;
      expect(status).toBe('ok');
      return database === 'down';
    });
    await server.start();
    await until('the spool to be empty', async () => (await gateway.metric('webhook_spool_records')) === 0);
    expect((await post(gateway.url, webhook)).accepted).toBe('duplicate');
    const [row] = await query(
      `SELECT r.id, r.body, r.headers, e.dedupe_key FROM webhook_requests r JOIN events e ON e.request_id = r.id`,
    );
    expect(row).toMatchObject({
      id: spooled.requestId,
      body: webhook.body,
      headers: expect.objectContaining(webhook.headers),
      dedupe_key: keysOf(webhook)[0],
    });
    expect((await post(gateway.url, fresh('stripe'))).accepted).toBe('stored');
    expect(await (await fetch(`${gateway.url}/ready`)).json()).toMatchObject({ status: 'ready' });
    expect(await gateway.metric('webhook_database_up')).toBe(1);
  } finally {
    await gateway.stop();
  }
});

test.each(['stopped', 'paused'] as const)(
  'a PostgreSQL that is %s under load: nothing is refused, and everything is there, once',
  async (fault) => {
    // Of a server that is gone every webhook learns at once; for one that is paused the first few wait so long.
    const environment = fault === 'paused' ? { COMMIT_TIMEOUT_MS: '2000' } : {};
    const gateway = await startTestGateway({ DATABASE_URL: server.url(), ...environment });
    try {
      const before = Number((await query('SELECT count(*) AS n FROM events'))[0]?.['n']);
      const webhooks = Array.from({ length: 60 }, (_, index) => fresh(index % 2 === 0 ? 'stripe' : 'whatsapp'));
      const send = async (some: readonly Webhook[]) =>
        (await Promise.all(some.map((webhook) => post(gateway.url, webhook)))).map(({ accepted }) => accepted);
      expect(new Set(await send(webhooks.slice(0, 20)))).toEqual(new Set(['stored']));
      if (fault === 'stopped') await server.stop('immediate');
      else server.pause();
      expect(new Set(await send(webhooks.slice(20)))).toEqual(new Set(['spooled']));
      if (fault === 'stopped') await server.start();
      else server.resume();
      await until('the spool to be empty', async () => (await gateway.metric('webhook_spool_records')) === 0);
      expect(Number((await query('SELECT count(*) AS n FROM events'))[0]?.['n'])).toBe(before + 60);
      await until('the breaker to be closed', async () => (await gateway.metric('webhook_breaker_open')) === 0);
    } finally {
      await gateway.stop();
    }
  },
);

test('a gateway that stops while PostgreSQL is away leaves its spool to the next', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gateway-successor-'));
  const environment = { DATABASE_URL: server.url(), DATA_DIR: directory };
  const first = await startTestGateway(environment);
  const webhooks = [fresh('stripe'), fresh('whatsapp'), fresh('stripe')];
  await server.stop('immediate');
  for (const webhook of webhooks) expect((await post(first.url, webhook)).accepted).toBe('spooled');
  await first.stop();
  await server.start();
  const second = await startTestGateway(environment);
  try {
    // Not the spool's size: it says nothing of files that are still to be taken over.
    const keys = webhooks.flatMap((webhook) => keysOf(webhook));
    await until('the webhooks to be stored', async () => {
      const stored = await query('SELECT FROM events WHERE dedupe_key = ANY ($1)', [keys]);
      return stored.length === keys.length;
    });
    for (const webhook of webhooks) expect((await post(second.url, webhook)).accepted).toBe('duplicate');
  } finally {
    await second.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a full spool refuses what PostgreSQL does not take, and nothing before', async () => {
  const gateway = await startTestGateway({ DATABASE_URL: server.url(), SPOOL_MAX_BYTES: String(1024 * 1024) });
  try {
    await server.stop('immediate');
    const big = () => signed('stripe', JSON.stringify({ id: `evt_${randomUUID()}`, text: 'x'.repeat(200_000) }));
    const answers: string[] = [];
    await until('a refusal', async () => {
      const { status, accepted, headers } = await post(gateway.url, big());
      answers.push(status === 200 ? `200 ${accepted}` : `${status} ${headers.get('retry-after')}`);
      return status !== 200;
    });
    expect(answers).toEqual([...answers.slice(0, -1).map(() => '200 spooled'), '503 5']);
    expect(answers.length).toBeGreaterThan(3);
    expect((await fetch(`${gateway.url}/ready`)).status).toBe(503);
    await server.start();
    await until('the spool to be empty', async () => (await gateway.metric('webhook_spool_records')) === 0);
    expect((await accepted(gateway, big())).accepted).toBe('stored');
  } finally {
    await gateway.stop();
  }
});

/** In the order in which a worker takes its locks, or the two might deadlock. */
const EMPTY = 'TRUNCATE event_dispatch, events, webhook_requests';

/** An earlier copy of the data: after a failover to a standby that lagged behind, or a restore into the running server. */
const RESTORES = {
  async 'with the server'() {
    await query(EMPTY);
    await server.stop('immediate');
    await server.start();
  },
  async 'in place, without a connection cut'() {
    await query(EMPTY);
  },
};

async function storesAgainAfter(restore: () => Promise<void>, environment: Record<string, string>): Promise<void> {
  const gateway = await startTestGateway({ DATABASE_URL: server.url(), ...environment });
  try {
    const webhook = fresh('whatsapp');
    expect((await accepted(gateway, webhook)).accepted).toBe('stored');
    await until('the key to be remembered', async () => {
      const before = await gateway.metric('webhook_batch_size_count');
      await post(gateway.url, webhook);
      return (await gateway.metric('webhook_batch_size_count')) === before;
    });
    await restore();
    // Nothing tells the gateway of a restore in place: it looks every few seconds, and until then may be mistaken.
    await until('the webhook to be stored again', async () => (await accepted(gateway, webhook)).accepted === 'stored');
    const keys = (await query('SELECT dedupe_key FROM events')).map((row) => row['dedupe_key']);
    expect(keys).toEqual(expect.arrayContaining(keysOf(webhook)));
  } finally {
    await gateway.stop();
  }
}

test.each(Object.entries(RESTORES))('after a restore %s, what is sent again is stored', (_name, restore) =>
  storesAgainAfter(restore, {}),
);

describeWithRedis('with Redis', (redisUrl) => {
  test.each(Object.entries(RESTORES))('after a restore %s, what is sent again is stored', (_name, restore) =>
    storesAgainAfter(restore, { REDIS_URL: redisUrl() }),
  );
});

test('a database that is dropped and made anew under the gateway is migrated again, and served', async () => {
  await query('CREATE DATABASE replaced');
  const gateway = await startTestGateway({ DATABASE_URL: server.url('replaced') });
  try {
    expect((await post(gateway.url, fresh('stripe'))).accepted).toBe('stored');
    await query('DROP DATABASE replaced WITH (FORCE)');
    await query('CREATE DATABASE replaced');
    const webhook = fresh('stripe');
    expect(['stored', 'spooled']).toContain((await post(gateway.url, webhook)).accepted);
    await until('it to be stored', async () => (await post(gateway.url, webhook)).accepted === 'duplicate');
    await until('the gateway to be ready', async () => {
      const ready = (await (await fetch(`${gateway.url}/ready`)).json()) as { status: string };
      return ready.status === 'ready';
    });
  } finally {
    await gateway.stop();
  }
});

test('tables that are missing are not ready, also while nobody sends anything', async () => {
  await query('CREATE DATABASE unmigrated');
  const gateway = await startTestGateway({ DATABASE_URL: server.url('unmigrated'), MIGRATE_ON_START: 'false' });
  try {
    const ready = await fetch(`${gateway.url}/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      checks: { database: { detail: expect.stringContaining('npm run migrate') } },
    });
    await applyMigrations({ databaseUrl: server.url('unmigrated') }, { logger: { info() {}, warn() {} } });
    await until('the gateway to be ready', async () => (await fetch(`${gateway.url}/ready`)).status === 200);
    const words = gateway.log.map(({ msg }) => String(msg));
    expect(words).toContainEqual(expect.stringMatching(/^PostgreSQL takes no webhooks: migrations are pending/));
    expect(words).toContain('the tables are up to date');
    expect((await post(gateway.url, fresh('stripe'))).accepted).toBe('stored');
  } finally {
    await gateway.stop();
  }
});
