/** PostgreSQL that is stopped, paused, not there yet, or put back to an earlier copy of its data. */

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyMigrations } from '../../src/storage/postgres/migrations/apply.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { describeWithRedis } from '../support/redis-suites.ts';
import { until } from '../support/until.ts';
import { fresh, keysOf, post, type Webhook } from '../support/webhooks.ts';

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

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows;
}

test('a PostgreSQL that is away at start: 503 until it is there, then migrated and served', async () => {
  await server.stop();
  const gateway = await startTestGateway({ DATABASE_URL: server.url(), COMMIT_TIMEOUT_MS: '1000' });
  try {
    const webhook = fresh('stripe');
    const refused = await post(gateway.url, webhook);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect((await fetch(`${gateway.url}/ready`)).status).toBe(503);
    // Until the first look at it has ended, its state is unknown.
    await until('the database to be known as down', async () => {
      const health = await fetch(`${gateway.url}/health`);
      expect(health.status).toBe(200);
      const { status, database } = (await health.json()) as Record<string, unknown>;
      expect(status).toBe('ok');
      return database === 'down';
    });
    await server.start();
    expect((await accepted(gateway, webhook)).accepted).toBe('stored');
    expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
    expect(await gateway.metric('webhook_database_up')).toBe(1);
  } finally {
    await gateway.stop();
  }
});

test.each(['stopped', 'paused'] as const)(
  'a PostgreSQL that is %s under load: what was answered 200 is there, once',
  async (fault) => {
    const gateway = await startTestGateway({ DATABASE_URL: server.url(), COMMIT_TIMEOUT_MS: '500' });
    try {
      const before = Number((await query('SELECT count(*) AS n FROM events'))[0]?.['n']);
      const webhooks = Array.from({ length: 60 }, (_, index) => fresh(index % 2 === 0 ? 'stripe' : 'whatsapp'));
      let refusals = 0;
      const send = async (webhook: Webhook) => {
        for (;;) {
          const { status } = await post(gateway.url, webhook);
          if (status === 200) return;
          expect(status).toBe(503);
          refusals++;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      await Promise.all(webhooks.slice(0, 20).map(send));
      if (fault === 'stopped') await server.stop('immediate');
      else server.pause();
      const rest = Promise.all(webhooks.slice(20).map(send));
      await until('a refusal', () => refusals > 0);
      if (fault === 'stopped') await server.start();
      else server.resume();
      await rest;
      expect(Number((await query('SELECT count(*) AS n FROM events'))[0]?.['n'])).toBe(before + 60);
    } finally {
      await gateway.stop();
    }
  },
);

/** An earlier copy of the data: after a failover to a standby that lagged behind, or a restore into the running server. */
const RESTORES = {
  async 'with the server'() {
    await query('TRUNCATE webhook_requests, events, event_dispatch');
    await server.stop('immediate');
    await server.start();
  },
  async 'in place, without a connection cut'() {
    await query('TRUNCATE webhook_requests, events, event_dispatch');
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
    expect((await accepted(gateway, fresh('stripe'))).accepted).toBe('stored');
    expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
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
    expect(words).toContainEqual(expect.stringMatching(/^webhooks are answered 503: migrations are pending/));
    expect(words).toContain('the tables are up to date');
    expect((await post(gateway.url, fresh('stripe'))).accepted).toBe('stored');
  } finally {
    await gateway.stop();
  }
});
