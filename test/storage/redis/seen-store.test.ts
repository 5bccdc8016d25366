import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRedisConnection, type RedisConnection } from '../../../src/storage/redis/connection.ts';
import { createRedisSeenStore } from '../../../src/storage/redis/seen-store.ts';
import { describeSeenStoreContract, untilGeneration, untilKnown } from '../../contract/seen-store.ts';
import { describeWithRedis } from '../../support/redis-suites.ts';

const logger = { info: () => undefined, warn: () => undefined };
const key = (dedupeKey: string) => ({ source: 'whatsapp', dedupeKey });

describeWithRedis('redis seen store', (url) => {
  let connection: RedisConnection;
  beforeEach(() => {
    connection = createRedisConnection({ url: url(), logger });
  });
  afterEach(() => connection.close());

  describeSeenStoreContract(async (ttlSeconds) => ({
    store: createRedisSeenStore({ connection, ttlSeconds, logger }),
    passSeconds: () => undefined,
  }));

  describe('shared by processes', () => {
    function openTwo() {
      const databaseId = randomUUID();
      const other = createRedisConnection({ url: url(), logger });
      const a = createRedisSeenStore({ connection, ttlSeconds: 3600, logger });
      const b = createRedisSeenStore({ connection: other, ttlSeconds: 3600, logger });
      return { databaseId, a, b, close: () => other.close() };
    }

    it('lets one know what the other remembered', async () => {
      const { databaseId, a, b, close } = openTwo();
      a.databaseConnected(databaseId);
      const first = await untilGeneration(a);
      b.databaseConnected(databaseId);
      const second = await untilGeneration(b);
      // The first process learns of the younger generation when it asks next.
      expect(await untilGeneration(a, first)).toBe(second);
      a.remember(second, [key('wamid.1')]);
      await untilKnown(b, [key('wamid.1')]);
      await close();
    });

    it('keeps the keys of two databases apart', async () => {
      const { a, b, close } = openTwo();
      a.databaseConnected(randomUUID());
      b.databaseConnected(randomUUID());
      a.remember(await untilGeneration(a), [key('wamid.1')]);
      await untilKnown(a, [key('wamid.1')]);
      await untilGeneration(b);
      expect(await b.allKnown([key('wamid.1')])).toBe(false);
      await close();
    });
  });

  it('writes no source, no dedupe key and nothing without an end', async () => {
    const store = createRedisSeenStore({ connection, ttlSeconds: 3600, logger });
    const databaseId = randomUUID();
    store.databaseConnected(databaseId);
    store.remember(await untilGeneration(store), [key('wamid.secret')]);
    await untilKnown(store, [key('wamid.secret')]);
    const names = await connection.client.keys(`whg:${databaseId}:*`);
    expect(names).toHaveLength(2);
    expect(names.join()).not.toMatch(/secret|whatsapp/);
    for (const name of names) expect(await connection.client.ttl(name)).toBeGreaterThan(0);
  });
});
