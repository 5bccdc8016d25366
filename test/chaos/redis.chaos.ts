/** Redis dies, hangs, forgets or refuses: it costs nothing but the look-ups it would have spared. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Latency } from '../support/percentiles.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { describeWithRedisServer } from '../support/redis-suites.ts';
import { until } from '../support/until.ts';
import { FULL, SECONDS } from './form.ts';
import type { Outcome } from './ledger.ts';
import { expectNothingRefused } from './outage.ts';
import { type Row, withRow } from './row.ts';

const MIB = 1024 * 1024;
/** Bytes by which the daemon's memory may grow meanwhile: what the garbage collector leaves lying about, and no more. */
const GROWTH = 64 * MIB;
/** Milliseconds by which the median and the slowest hundredth may lie above those of a daemon without Redis. */
const SLOWER = { p50: 10, p99: 150 };

interface Fault {
  readonly begin: (redis: RedisServer) => unknown;
  readonly end: (redis: RedisServer) => unknown;
}

const FAULTS: Readonly<Record<string, Fault>> = {
  killed: { begin: (redis) => redis.kill(), end: (redis) => redis.start() },
  paused: { begin: (redis) => redis.pause(), end: (redis) => redis.resume() },
  flushed: { begin: (redis) => redis.cli('FLUSHALL'), end: () => undefined },
  'full (noeviction)': {
    begin: (redis) => redis.cli('CONFIG', 'SET', 'maxmemory', '1'),
    end: (redis) => redis.cli('CONFIG', 'SET', 'maxmemory', '0'),
  },
  'a read-only replica': {
    begin: (redis) => redis.cli('REPLICAOF', '127.0.0.1', '1'),
    end: (redis) => redis.cli('REPLICAOF', 'NO', 'ONE'),
  },
};

describeWithRedisServer('Redis', () => {
  let server: PostgresServer;
  let withoutRedis: Latency | undefined;
  beforeAll(async () => {
    server = await startPostgresServer();
  });
  afterAll(() => server.destroy());

  /** Serves, lets the fault come and last and go, and serves on. */
  async function serveThrough(row: Row, fault: { begin: () => unknown; end: () => unknown }): Promise<Outcome> {
    await row.startDaemon();
    await row.startSender();
    await row.more('200 stored', 100);
    const before = await row.metric('process_resident_memory_bytes');
    await row.sender.enter('fault');
    await fault.begin();
    await sleep(SECONDS.redis * 1_000);
    expect((await row.metric('process_resident_memory_bytes')) - before).toBeLessThan(GROWTH);
    await fault.end();
    await row.sender.enter('recovery');
    await row.more('200 stored', 100);
    const outcome = await row.settle();
    await expectNothingRefused(row, outcome);
    expect(outcome.spooled).toBe(0);
    return outcome;
  }

  test('none, for comparison', () =>
    withRow({ fault: 'no Redis, for comparison', postgres: server }, async (row) => {
      const nothing = () => undefined;
      withoutRedis = (await serveThrough(row, { begin: nothing, end: nothing })).latency['fault'];
    }));

  test.each(Object.entries(FAULTS))('%s', async (name, { begin, end }) => {
    const redis = await startRedisServer();
    try {
      const env = { REDIS_URL: redis.url };
      await withRow({ fault: `Redis ${name}`, postgres: server, env }, async (row) => {
        const fault = { begin: () => begin(redis), end: () => end(redis) };
        const { latency } = await serveThrough(row, fault);
        await until('Redis to be up again', async () => (await row.metric('webhook_redis_up')) === 1);
        if (FULL) expectAsQuick(latency['fault'], withoutRedis);
      });
    } finally {
      redis.resume();
      await redis.destroy();
    }
  });
});

function expectAsQuick(found: Latency | undefined, without: Latency | undefined): void {
  expect(found?.p50).toBeLessThan((without?.p50 ?? 0) + SLOWER.p50);
  expect(found?.p99).toBeLessThan((without?.p99 ?? 0) + SLOWER.p99);
}
