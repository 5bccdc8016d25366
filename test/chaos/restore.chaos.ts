/** PostgreSQL comes back on an earlier copy of its data, while Redis and the daemon live on and remember what it has lost. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { describeWithRedisServer } from '../support/redis-suites.ts';
import { until } from '../support/until.ts';
import { fresh, markedUnique, post, type Webhook } from '../support/webhooks.ts';
import { withRow } from './row.ts';

describeWithRedisServer('PostgreSQL restarted on an earlier copy', () => {
  let server: PostgresServer;
  let redis: RedisServer;
  beforeAll(async () => {
    [server, redis] = await Promise.all([startPostgresServer(), startRedisServer()]);
  });
  afterAll(() => Promise.all([server.destroy(), redis.destroy()]));

  const sendAll = async (url: string, webhooks: readonly Webhook[]) =>
    Promise.all(webhooks.map(async (webhook) => (await post(url, webhook)).accepted));

  test.each([
    ['with Redis', () => ({ REDIS_URL: redis.url })],
    ['with the cache in memory', () => ({})],
  ])('what is sent again is stored, %s', async (name, env) => {
    const options = { fault: `PostgreSQL on an earlier copy, ${name}`, postgres: server, env: env() };
    await withRow(options, async (row) => {
      const data = join(server.directory, 'cluster');
      const copy = join(server.directory, 'earlier-copy');
      await row.startDaemon();
      await server.stop();
      execFileSync('cp', ['-a', data, copy]);
      await server.start();

      const webhooks = Array.from({ length: 200 }, (_, index) =>
        fresh(index % 2 === 0 ? 'stripe' : 'whatsapp', undefined, markedUnique()),
      );
      // What waits in the spool from the outage is drained first.
      await until('PostgreSQL to be used again', async () => {
        const [first] = webhooks;
        return first !== undefined && (await post(row.url, first)).accepted !== 'spooled';
      });
      await sendAll(row.url, webhooks);
      expect(new Set(await sendAll(row.url, webhooks))).toEqual(new Set(['duplicate']));
      await server.stop('immediate');
      // Only now: what it would have stored before is lost with the data, and nobody would send it again.
      await row.startSender();
      await row.sender.enter('fault');
      await row.more('200 spooled', 50);
      execFileSync('rm', ['-r', data]);
      execFileSync('mv', [copy, data]);
      await server.start();
      await row.sender.enter('recovery');
      await row.spoolEmpty();
      await row.more('200 stored', 20);
      expect(new Set(await sendAll(row.url, webhooks))).toEqual(new Set(['stored']));
      expect(new Set(await sendAll(row.url, webhooks))).toEqual(new Set(['duplicate']));
      expect((await row.settle({ others: webhooks.length })).refused).toBe(0);
    });
  });
});
