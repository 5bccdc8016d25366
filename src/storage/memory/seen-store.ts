/** The `SeenStore` of an installation without Redis: a bounded cache in this process. */
import type { Clock, Generation, SeenKey, SeenStore } from '../../core/ports.ts';
import { hashSeenKey } from './seen-key-hash.ts';

export interface MemorySeenStoreOptions {
  /** How long a key is remembered, in seconds. */
  readonly ttlSeconds: number;
  /** The most keys kept at a time; the oldest go first. */
  readonly maxKeys?: number;
  readonly clock?: Clock;
}

/** Opens an empty cache. It begins to remember with the first `databaseConnected`. */
export function createMemorySeenStore(options: MemorySeenStoreOptions): SeenStore {
  const { ttlSeconds, maxKeys = 200_000, clock = () => new Date() } = options;
  /** Hash to the second it expires in. A Map keeps the order of insertion, which with a single TTL is that of expiry. */
  const expiry = new Map<string, number>();
  let begun = 0;
  let generation: Generation = null;
  let closed = false;

  const now = (): number => Math.floor(clock().getTime() / 1000);

  function begin(next: Generation): void {
    generation = next;
    expiry.clear();
  }

  function dropOldest(second: number): void {
    for (const [oldest, expiresAt] of expiry) {
      if (expiresAt > second && expiry.size <= maxKeys) return;
      expiry.delete(oldest);
    }
  }

  return {
    async allKnown(keys: readonly SeenKey[]): Promise<boolean> {
      const second = now();
      return keys.length > 0 && keys.every((key) => (expiry.get(hashSeenKey(key)) ?? 0) > second);
    },

    generation: () => generation,

    remember(token: Generation, keys: readonly SeenKey[]): void {
      if (token === null || token !== generation) return;
      const second = now();
      for (const key of keys) {
        const hashed = hashSeenKey(key);
        expiry.delete(hashed);
        expiry.set(hashed, second + ttlSeconds);
      }
      dropOldest(second);
    },

    databaseConnected(): void {
      if (closed) return;
      begun += 1;
      begin(String(begun));
    },

    databaseLost(): void {
      begin(null);
    },

    async close(): Promise<void> {
      closed = true;
      begin(null);
    },
  };
}
