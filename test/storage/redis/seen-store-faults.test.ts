import { randomUUID } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { SeenStore } from '../../../src/core/ports.ts';
import { createRedisConnection, type RedisConnection } from '../../../src/storage/redis/connection.ts';
import { createRedisSeenStore } from '../../../src/storage/redis/seen-store.ts';
import { untilGeneration, untilKnown } from '../../contract/seen-store.ts';
import { type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { describeWithRedisServer } from '../../support/redis-suites.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

const WAIT = { timeout: 30_000, interval: 10 };
const key = (dedupeKey: string | number) => ({ source: 'stripe', dedupeKey: `evt_${dedupeKey}` });
const keys = (count: number) => Array.from({ length: count }, (_, index) => key(index));

describeWithRedisServer('redis seen store, when Redis misbehaves', () => {
  let server: RedisServer;
  let proxy: TcpProxy;
  let connection: RedisConnection;
  let store: SeenStore;
  let databaseId: string;
  let warnings: string[];

  beforeEach(async () => {
    warnings = [];
    databaseId = randomUUID();
    server = await startRedisServer();
    proxy = await startTcpProxy(server.port);
    const logger = { info: () => undefined, warn: (details: unknown) => void warnings.push(JSON.stringify(details)) };
    connection = createRedisConnection({ url: `redis://127.0.0.1:${proxy.port}`, logger, probeEveryMs: 150 });
    store = createRedisSeenStore({ connection, ttlSeconds: 3600, logger });
    await vi.waitFor(() => expect(connection.up()).toBe(true), WAIT);
  });
  afterEach(async () => {
    await store.close();
    await connection.close();
    await proxy.close();
    await server.destroy();
  });

  /** Connects the database and remembers `evt_0` to `evt_9`. */
  async function fill(): Promise<string> {
    store.databaseConnected(databaseId);
    const generation = await untilGeneration(store);
    store.remember(generation, keys(10));
    await untilKnown(store, keys(10));
    return generation;
  }
  const untilUnknown = () =>
    vi.waitFor(async () => expect(await store.allKnown([key(0)])).toBe(false), { ...WAIT, interval: 1 });
  const untilAway = () =>
    vi.waitFor(async () => {
      expect(await store.allKnown([key(0)])).toBe(false);
      expect(connection.up()).toBe(false);
    }, WAIT);
  /** Again and again: on a busy machine a single answer may come too late to be heard. */
  const untilWarned = (reason: string, attempt: () => unknown) =>
    vi.waitFor(async () => {
      await attempt();
      expect(warnings.join()).toContain(reason);
    }, WAIT);
  const lookUp = () => store.allKnown([key(0)]);
  /** Whatever was remembered before, from here on it works again. */
  async function expectWorking(): Promise<void> {
    const generation = await untilGeneration(store);
    store.remember(generation, [key('fresh')]);
    await vi.waitFor(async () => {
      store.remember(store.generation(), [key('fresh')]);
      expect(await store.allKnown([key('fresh')])).toBe(true);
    }, WAIT);
  }

  it('begins its generation when Redis appears after the database', async () => {
    await server.kill();
    await untilAway();
    store.databaseConnected(databaseId);
    expect(await store.allKnown([key(0)])).toBe(false);
    expect(store.generation()).toBeNull();
    await server.start();
    await expectWorking();
  });

  it('knows nothing of a Redis that was killed and came back empty, and fills it anew', async () => {
    const generation = await fill();
    await server.kill();
    expect(await store.allKnown([key(0)])).toBe(false);
    store.remember(generation, keys(10));
    await untilAway();
    await server.start();
    await untilGeneration(store, generation);
    expect(await store.allKnown([key(0)])).toBe(false);
    await expectWorking();
  });

  it('still knows its keys after the connection alone was lost', async () => {
    const generation = await fill();
    proxy.cut();
    await vi.waitFor(() => expect(connection.up()).toBe(false), { ...WAIT, interval: 1 });
    await untilKnown(store, keys(10));
    expect(store.generation()).toBe(generation);
  });

  it('answers while Redis is paused, queues nothing, and knows again when it goes on', async () => {
    const generation = await fill();
    server.pause();
    const answers: Promise<boolean>[] = [];
    for (let turn = 0; turn < 3000; turn += 1) {
      store.remember(generation, [key(`paused-${turn}`)]);
      answers.push(store.allKnown([key(0)]));
      // Look-ups of one turn of the event loop share their commands; these are not to.
      await new Promise((resolve) => setImmediate(resolve));
      expect(connection.client.commandQueue.length).toBeLessThanOrEqual(1000);
    }
    expect(await Promise.all(answers)).not.toContain(true);
    await untilAway();
    await vi.waitFor(() => expect(connection.client.commandQueue.length).toBe(0), WAIT);
    server.resume();
    await untilKnown(store, keys(10));
    expect(connection.outstanding()).toBeLessThanOrEqual(3);
  });

  it('drops what is more than it can write, and has nothing left over', async () => {
    const generation = await fill();
    server.pause();
    for (let round = 0; round < 10; round += 1) store.remember(generation, keys(5000));
    await untilAway();
    expect(connection.client.commandQueue.length).toBeLessThanOrEqual(1000);
    server.resume();
    await expectWorking();
  });

  it('goes on without a Redis that is slower than the deadline', async () => {
    await fill();
    // Far more than the deadline: this process is the proxy as well, and where it is held up, both have passed at once.
    proxy.delay(500);
    await untilAway();
    await vi.waitFor(() => expect(connection.client.commandQueue.length).toBeLessThanOrEqual(1), WAIT);
    proxy.delay(0);
    await untilKnown(store, keys(10));
  });

  it('goes on without a Redis that hangs', async () => {
    await fill();
    proxy.stall();
    await untilAway();
    expect(await store.allKnown(keys(10))).toBe(false);
    proxy.resume();
    await untilKnown(store, keys(10));
  });

  it('has no generation while Redis is read-only, and says so once', async () => {
    await server.cli('REPLICAOF', '127.0.0.1', '1');
    store.databaseConnected(databaseId);
    await untilWarned('READONLY', lookUp);
    expect(store.generation()).toBeNull();
    store.databaseConnected(databaseId);
    expect(await store.allKnown([key(0)])).toBe(false);
    await server.cli('REPLICAOF', 'NO', 'ONE');
    await expectWorking();
    expect(warnings.filter((line) => line.includes('READONLY'))).toHaveLength(1);
  });

  it('keeps reading, and remembers nothing more, when Redis becomes read-only', async () => {
    const generation = await fill();
    await server.cli('REPLICAOF', '127.0.0.1', '1');
    await untilWarned('READONLY', () => store.remember(generation, [key('more')]));
    expect(await store.allKnown([key('more')])).toBe(false);
    await untilKnown(store, keys(10));
    await server.cli('REPLICAOF', 'NO', 'ONE');
    await expectWorking();
  });

  it('keeps reading, and remembers nothing more, when Redis is full', async () => {
    const generation = await fill();
    await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await server.cli('CONFIG', 'SET', 'maxmemory', '1');
    await untilWarned('OOM', () => store.remember(generation, [key('more')]));
    expect(await store.allKnown([key('more')])).toBe(false);
    await untilKnown(store, keys(10));
    store.databaseConnected(databaseId);
    expect(await store.allKnown([key(0)])).toBe(false);
    await server.cli('CONFIG', 'SET', 'maxmemory', '0');
    await untilGeneration(store, generation);
    await expectWorking();
    expect(warnings.filter((line) => line.includes('OOM'))).toHaveLength(1);
  });

  it('knows nothing after FLUSHALL, and drops what was under way', async () => {
    const generation = await fill();
    await server.cli('FLUSHALL');
    await untilUnknown();
    const next = await untilGeneration(store, generation);
    store.remember(generation, [key('late')]);
    store.remember(next, [key('fresh')]);
    await untilKnown(store, [key('fresh')]);
    expect(await store.allKnown([key('late')])).toBe(false);
  });

  it('does not believe an old dump that Redis was restored from', async () => {
    const before = await fill();
    await server.cli('SAVE');
    await copyFile(join(server.dir, 'dump.rdb'), join(server.dir, 'old.rdb'));
    // The database goes back to a time before those keys; then Redis goes back to a time when it knew them.
    store.databaseLost();
    store.databaseConnected(databaseId);
    const after = await untilGeneration(store);
    await server.kill();
    await copyFile(join(server.dir, 'old.rdb'), join(server.dir, 'dump.rdb'));
    await server.start();
    expect(await server.cli('LINDEX', `whg:${databaseId}:generations`, '0')).toBe(before);
    const next = await untilGeneration(store, after);
    expect(next).not.toBe(before);
    expect(await store.allKnown([key(0)])).toBe(false);
    await expectWorking();
  });

  it('survives a key of another type in its place', async () => {
    await server.cli('SET', `whg:${databaseId}:generations`, 'not a list');
    store.databaseConnected(databaseId);
    await untilWarned('WRONGTYPE', lookUp);
    expect(await store.allKnown([key(0)])).toBe(false);
    await server.cli('DEL', `whg:${databaseId}:generations`);
    await expectWorking();
  });
});
