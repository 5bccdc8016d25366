import { describe, expect, it } from 'vitest';
import { createMemorySeenStore } from '../../../src/storage/memory/seen-store.ts';
import { describeSeenStoreContract } from '../../contract/seen-store.ts';

const key = (index: number) => ({ source: 'stripe', dedupeKey: `evt_${index}` });
const keys = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => key(from + index));

describe('memory seen store', () => {
  describeSeenStoreContract(async (ttlSeconds) => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    return {
      store: createMemorySeenStore({ ttlSeconds, clock: () => new Date(now) }),
      passSeconds: (seconds) => {
        now += seconds * 1000;
      },
    };
  });

  it('keeps no more keys than it may: the oldest go', async () => {
    const store = createMemorySeenStore({ ttlSeconds: 3600, maxKeys: 100 });
    store.databaseConnected('db');
    store.remember(store.generation(), keys(0, 60));
    store.remember(store.generation(), keys(60, 130));
    expect(await store.allKnown(keys(30, 130))).toBe(true);
    expect(await Promise.all(keys(0, 30).map((old) => store.allKnown([old])))).not.toContain(true);
  });

  it('counts a key that is remembered again as new', async () => {
    const store = createMemorySeenStore({ ttlSeconds: 3600, maxKeys: 100 });
    store.databaseConnected('db');
    store.remember(store.generation(), keys(0, 100));
    store.remember(store.generation(), [key(0)]);
    store.remember(store.generation(), [key(100)]);
    expect(await store.allKnown([key(0)])).toBe(true);
    expect(await store.allKnown([key(1)])).toBe(false);
  });

  it('keeps the newest keys of a batch that is larger than the cache', async () => {
    const store = createMemorySeenStore({ ttlSeconds: 3600, maxKeys: 100 });
    store.databaseConnected('db');
    store.remember(store.generation(), keys(0, 1000));
    expect(await store.allKnown(keys(900, 1000))).toBe(true);
    expect(await store.allKnown([key(899)])).toBe(false);
  });
});
