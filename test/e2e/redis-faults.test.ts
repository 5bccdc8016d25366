/** Whatever Redis does costs speed, never an event and never an error. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { describeWithRedisServer } from '../support/redis-suites.ts';
import { until } from '../support/until.ts';
import { fresh, post } from '../support/webhooks.ts';

describeWithRedisServer('a gateway with Redis', () => {
  let database: TestDatabase;
  let redis: RedisServer;
  let gateway: TestGateway;

  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    await database.truncate();
    redis = await startRedisServer();
    gateway = await startTestGateway({ DATABASE_URL: database.url, REDIS_URL: redis.url, RATE_LIMIT_MAX: '3' });
    await until('Redis to be up', async () => (await gateway.metric('webhook_redis_up')) === 1);
  });
  afterEach(async () => {
    redis.resume();
    await gateway.stop();
    await redis.destroy();
  });

  /** Thirty webhooks, each twice at once: all answered 200, each stored once. */
  async function expectServed(): Promise<void> {
    const webhooks = Array.from({ length: 30 }, () => fresh('stripe'));
    const answers = await Promise.all([...webhooks, ...webhooks].map((webhook) => post(gateway.url, webhook)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(answers.filter(({ accepted }) => accepted === 'stored')).toHaveLength(30);
  }

  test.each<[string, () => Promise<unknown> | unknown]>([
    ['killed', () => redis.kill()],
    ['paused', () => redis.pause()],
    ['read-only', () => redis.cli('REPLICAOF', '127.0.0.1', '1')],
    ['full', () => redis.cli('CONFIG', 'SET', 'maxmemory', '1')],
    ['flushed', () => redis.cli('FLUSHALL')],
    ['held up for three seconds', () => redis.cli('CLIENT', 'PAUSE', '3000', 'ALL')],
  ])('%s', async (_name, fault) => {
    await expectServed();
    await fault();
    await expectServed();
    await expectServed();
    expect((await database.query('SELECT count(*)::int AS n FROM events'))[0].n).toBe(90);
    const failures = gateway.log.filter(({ level }) => Number(level) >= 50);
    expect(failures).toEqual([]);
  });

  test('a duplicate is answered without PostgreSQL, also by another process', async () => {
    const other = await startTestGateway({ DATABASE_URL: database.url, REDIS_URL: redis.url });
    try {
      const webhook = fresh('whatsapp');
      // The other process began a newer generation: this one learns of it with its next look.
      await post(gateway.url, fresh('stripe'));
      expect((await post(gateway.url, webhook)).accepted).toBe('stored');
      const batches = () => other.metric('webhook_batch_size_count');
      await until('a duplicate that no batch was needed for', async () => {
        const before = await batches();
        expect((await post(other.url, webhook)).accepted).toBe('duplicate');
        return (await batches()) === before;
      });
    } finally {
      await other.stop();
    }
  });

  test('failed signatures are counted together, and a Redis that is away lets through to the 401', async () => {
    const forged = { ...fresh('stripe'), headers: { 'stripe-signature': `t=1,v1=${'0'.repeat(64)}` } };
    const statuses = [];
    for (let attempt = 0; attempt < 5; attempt++) statuses.push((await post(gateway.url, forged)).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect((await post(gateway.url, fresh('stripe'))).status).toBe(200);
    await redis.kill();
    await until('Redis to be away', async () => (await gateway.metric('webhook_redis_up')) === 0);
    expect((await post(gateway.url, forged)).status).toBe(401);
  });
});
