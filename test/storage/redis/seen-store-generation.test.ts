import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Generation, SeenStore } from '../../../src/core/ports.ts';
import { createRedisConnection, type RedisConnection } from '../../../src/storage/redis/connection.ts';
import { createRedisSeenStore } from '../../../src/storage/redis/seen-store.ts';
import { untilGeneration, untilKnown } from '../../contract/seen-store.ts';
import { type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { describeWithRedisServer } from '../../support/redis-suites.ts';

const logger = { info: () => undefined, warn: () => undefined };
const WAIT = { timeout: 15_000, interval: 5 };
const PROCESSES = 3;
const KEYS = 2;
const key = (index: number) => ({ source: 'stripe', dedupeKey: `evt_${index}` });
const process = fc.nat(PROCESSES - 1);
const change = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('commit' as const), process, key: fc.nat(KEYS - 1), late: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remember late' as const), process, which: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('connect' as const), process }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), process }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restore the database' as const), backup: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('back up the database' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('back up redis' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restore redis' as const), backup: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush redis' as const) }) },
);
/** Something happens, then some of the processes are asked about every key; the others learn of it later. */
const step = fc.record({ change, askers: fc.subarray([0, 1, 2]) });
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Change = Step['change'];

/** A process that ingests: its store, and the statements whose keys it has not handed on yet. */
interface Process {
  store: SeenStore;
  connected: boolean;
  committed: { generation: Generation; key: number }[];
}

/** Some processes, one Redis, and a database of which only the set of committed keys matters. */
class World {
  readonly databaseId = randomUUID();
  readonly #connections: readonly RedisConnection[];
  readonly #processes: Process[];
  #database: ReadonlySet<number> = new Set();
  readonly #backups: ReadonlySet<number>[] = [new Set()];
  readonly #dumps: [name: string, dump: Buffer][][] = [[]];
  /** How often a store knew a key: the property says nothing if that is never. */
  hits = 0;

  constructor(connections: readonly RedisConnection[]) {
    this.#connections = connections;
    this.#processes = connections.map((connection) => ({ store: open(connection), connected: false, committed: [] }));
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#client.flushall();
    for (const { change, askers } of steps) {
      await this.#apply(change);
      await this.#settle();
      await Promise.all(askers.map((asker) => this.#ask(this.#at(this.#processes, asker).store)));
      await this.#settle();
    }
    await Promise.all(this.#processes.map(({ store }) => store.close()));
  }

  /** What a store does on its own leaves with the current turn, and Redis answers in order. */
  async #settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(this.#connections.map(({ client }) => client.ping()));
  }

  async #ask(store: SeenStore): Promise<void> {
    const answers = await Promise.all(Array.from({ length: KEYS }, (_, index) => store.allKnown([key(index)])));
    for (const [index, known] of answers.entries()) {
      if (!known) continue;
      this.hits += 1;
      expect(this.#database, 'Redis knew a key that the database lacks').toContain(index);
    }
  }

  get #client() {
    return this.#at(this.#connections, 0).client;
  }

  async #apply(next: Change): Promise<void> {
    switch (next.do) {
      case 'commit': {
        const process = this.#at(this.#processes, next.process);
        if (!process.connected) return;
        const generation = process.store.generation();
        this.#database = new Set([...this.#database, next.key]);
        if (next.late) process.committed.push({ generation, key: next.key });
        else process.store.remember(generation, [key(next.key)]);
        return;
      }
      case 'remember late': {
        const { store, committed } = this.#at(this.#processes, next.process);
        const [statement] = committed.splice(next.which % Math.max(1, committed.length), 1);
        if (statement) store.remember(statement.generation, [key(statement.key)]);
        return;
      }
      case 'connect': {
        const process = this.#at(this.#processes, next.process);
        if (process.connected) return;
        process.connected = true;
        process.store.databaseConnected(this.databaseId);
        return;
      }
      case 'restart': {
        const process = this.#at(this.#processes, next.process);
        await process.store.close();
        process.store = open(this.#at(this.#connections, next.process));
        process.committed = [];
        process.connected = true;
        process.store.databaseConnected(this.databaseId);
        return;
      }
      case 'back up the database':
        this.#backups.push(this.#database);
        return;
      case 'restore the database':
        this.#database = this.#at(this.#backups, next.backup % this.#backups.length);
        for (const process of this.#processes) {
          process.connected = false;
          process.store.databaseLost();
        }
        return;
      case 'back up redis': {
        const names = await this.#client.keys('*');
        const dump = async (name: string): Promise<[string, Buffer]> => [name, await this.#client.dumpBuffer(name)];
        this.#dumps.push(await Promise.all(names.map(dump)));
        return;
      }
      case 'restore redis': {
        const restored = this.#client.multi().flushall();
        for (const [name, dump] of this.#at(this.#dumps, next.backup % this.#dumps.length)) {
          restored.restore(name, 0, dump);
        }
        await restored.exec();
        return;
      }
      case 'flush redis':
        await this.#client.flushall();
    }
  }

  #at<T>(items: readonly T[], index: number): T {
    const item = items[index];
    if (item === undefined) throw new Error('no such item');
    return item;
  }
}

function open(connection: RedisConnection): SeenStore {
  return createRedisSeenStore({ connection, ttlSeconds: 3600, logger, gatherMs: 0 });
}

/** Waits until all of the stores, asked again and again, have come to the same generation. */
async function untilShared(stores: readonly SeenStore[]): Promise<string> {
  return await vi.waitFor(async () => {
    await Promise.all(stores.map((store) => store.allKnown([key(0)])));
    const generations = [...new Set(stores.map((store) => store.generation()))];
    const [generation] = generations;
    if (generations.length !== 1 || !generation) throw new Error('not shared yet');
    return generation;
  }, WAIT);
}

describeWithRedisServer('redis seen store, whatever happens to Redis and the database', () => {
  let server: RedisServer;
  let connections: RedisConnection[];

  beforeAll(async () => {
    server = await startRedisServer();
    connections = Array.from({ length: PROCESSES }, () => createRedisConnection({ url: server.url, logger }));
    await vi.waitFor(() => expect(connections.every((connection) => connection.up())).toBe(true), WAIT);
  });
  afterAll(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    await server.destroy();
  });

  function openTwo(): [SeenStore, SeenStore] {
    const [first, second] = connections;
    if (first === undefined || second === undefined) throw new Error('not connected');
    return [open(first), open(second)];
  }

  it('never knows more than the database does', async () => {
    let hits = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 60, size: 'max' }), async (steps) => {
        const world = new World(connections);
        await world.run(steps);
        hits += world.hits;
      }),
      { numRuns: 100 },
    );
    expect(hits).toBeGreaterThan(50);
  });

  it('does not read what a process that has not noticed a restore yet remembers of the time before', async () => {
    const [a, b] = openTwo();
    const databaseId = randomUUID();
    a.databaseConnected(databaseId);
    b.databaseConnected(databaseId);
    const shared = await untilShared([a, b]);
    // Both statements were sent before the restore; the second process has yet to hear of it.
    a.databaseLost();
    a.databaseConnected(databaseId);
    const restored = await untilGeneration(a);
    b.remember(shared, [key(1)]);
    expect(await untilGeneration(b, shared)).toBe(restored);
    b.remember(shared, [key(2)]);
    b.remember(restored, [key(3)]);
    await untilKnown(a, [key(3)]);
    for (const store of [a, b]) {
      expect(await store.allKnown([key(1)])).toBe(false);
      expect(await store.allKnown([key(2)])).toBe(false);
    }
    await Promise.all([a.close(), b.close()]);
  });

  it('does not take a generation that Redis grants after the database was lost again', async () => {
    const [store] = openTwo();
    store.databaseConnected(randomUUID());
    store.databaseLost();
    await connections[0]?.client.ping();
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.generation()).toBeNull();
    await store.close();
  });

  it('comes to share keys again after Redis was flushed', async () => {
    await connections[0]?.client.flushall();
    const stores = connections.map(open);
    const databaseId = randomUUID();
    for (const store of stores) store.databaseConnected(databaseId);
    for (let round = 0; round < 2; round += 1) {
      const generation = await untilShared(stores);
      stores[0]?.remember(generation, [key(round)]);
      for (const store of stores) await untilKnown(store, [key(round)]);
      await connections[0]?.client.flushall();
      await Promise.all(stores.map(async (store) => expect(await store.allKnown([key(round)])).toBe(false)));
    }
    await Promise.all(stores.map((store) => store.close()));
  });
});
