/** What every `SeenStore` is held to. */
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Generation, SeenKey, SeenStore } from '../../src/core/ports.ts';

export interface SeenStoreUnderTest {
  readonly store: SeenStore;
  /** Lets that time pass where the test rules over the clock; elsewhere it passes by itself. */
  passSeconds(seconds: number): void;
}

const WAIT = { timeout: 15_000, interval: 5 };

const stripe = (dedupeKey: string): SeenKey => ({ source: 'stripe', dedupeKey });

/** A store answers "unknown" whenever it likes, and remembers when it gets round to it: one waits for knowledge. */
export async function untilKnown(store: SeenStore, keys: readonly SeenKey[]): Promise<void> {
  await vi.waitFor(async () => expect(await store.allKnown(keys)).toBe(true), WAIT);
}

/** Waits until the store has a generation, other than the given one. */
export async function untilGeneration(store: SeenStore, notThis: Generation = null): Promise<string> {
  return await vi.waitFor(async () => {
    // Asking is what makes a store try again.
    await store.allKnown([stripe('evt_nudge')]);
    const generation = store.generation();
    if (generation === null || generation === notThis) throw new Error('no generation yet');
    return generation;
  }, WAIT);
}

/**
 * Declares the suite.
 * @param open opens an empty store which no database has been connected to yet, and frees it after the test
 */
export function describeSeenStoreContract(open: (ttlSeconds: number) => Promise<SeenStoreUnderTest>): void {
  describe('SeenStore contract', () => {
    const opened: SeenStore[] = [];
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });

    async function openStore(ttlSeconds = 3600): Promise<SeenStoreUnderTest> {
      const underTest = await open(ttlSeconds);
      opened.push(underTest.store);
      return underTest;
    }

    async function openConnected(ttlSeconds?: number) {
      const underTest = await openStore(ttlSeconds);
      const databaseId = randomUUID();
      underTest.store.databaseConnected(databaseId);
      const generation = await untilGeneration(underTest.store);
      return { ...underTest, databaseId, generation };
    }

    it('knows nothing at first', async () => {
      const { store } = await openConnected();
      expect(await store.allKnown([stripe('evt_1')])).toBe(false);
    });

    it('knows what it was told to remember', async () => {
      const { store, generation } = await openConnected();
      store.remember(generation, [stripe('evt_1'), stripe('evt_2')]);
      await untilKnown(store, [stripe('evt_1'), stripe('evt_2')]);
      await untilKnown(store, [stripe('evt_2')]);
    });

    it('answers false if any of the keys is unknown, wherever it stands', async () => {
      const { store, generation } = await openConnected();
      store.remember(generation, [stripe('evt_1'), stripe('evt_2')]);
      await untilKnown(store, [stripe('evt_1'), stripe('evt_2')]);
      expect(await store.allKnown([stripe('evt_3'), stripe('evt_1'), stripe('evt_2')])).toBe(false);
      expect(await store.allKnown([stripe('evt_1'), stripe('evt_3'), stripe('evt_2')])).toBe(false);
      expect(await store.allKnown([stripe('evt_1'), stripe('evt_2'), stripe('evt_3')])).toBe(false);
    });

    it('does not call a request known that has no keys', async () => {
      const { store } = await openConnected();
      expect(await store.allKnown([])).toBe(false);
    });

    it('answers each of many questions asked at once for itself', async () => {
      const { store, generation } = await openConnected();
      const even = Array.from({ length: 50 }, (_, index) => stripe(`evt_${index * 2}`));
      store.remember(generation, even);
      await untilKnown(store, even);
      const all = Array.from({ length: 100 }, (_, index) => stripe(`evt_${index}`));
      await vi.waitFor(async () => {
        const answers = await Promise.all(all.map((one) => store.allKnown([one])));
        expect(answers).toEqual(all.map((_, index) => index % 2 === 0));
      }, WAIT);
    });

    it('takes a request of 2,500 keys', async () => {
      const { store, generation } = await openConnected();
      const keys = Array.from({ length: 2500 }, (_, index) => stripe(`evt_${index}`));
      store.remember(generation, keys);
      await untilKnown(store, keys);
      expect(await store.allKnown([...keys, stripe('evt_other')])).toBe(false);
    });

    it('keeps the sources apart', async () => {
      const { store, generation } = await openConnected();
      store.remember(generation, [stripe('evt_1')]);
      await untilKnown(store, [stripe('evt_1')]);
      expect(await store.allKnown([{ source: 'stripe-eu', dedupeKey: 'evt_1' }])).toBe(false);
      expect(await store.allKnown([{ source: 'strip', dedupeKey: 'eevt_1' }])).toBe(false);
    });

    it('has no generation before a database is connected, and remembers nothing', async () => {
      const { store } = await openStore();
      expect(store.generation()).toBeNull();
      store.remember(null, [stripe('evt_1')]);
      store.databaseConnected(randomUUID());
      const generation = await untilGeneration(store);
      store.remember(generation, [stripe('evt_2')]);
      await untilKnown(store, [stripe('evt_2')]);
      expect(await store.allKnown([stripe('evt_1')])).toBe(false);
    });

    it('has no generation from the moment the database is lost, and knows nothing', async () => {
      const { store, generation } = await openConnected();
      store.remember(generation, [stripe('evt_1')]);
      await untilKnown(store, [stripe('evt_1')]);
      const asked = store.allKnown([stripe('evt_1')]);
      store.databaseLost();
      expect(store.generation()).toBeNull();
      expect(await store.allKnown([stripe('evt_1')])).toBe(false);
      await asked;
    });

    it('knows nothing of earlier generations after the database came back', async () => {
      const { store, generation, databaseId } = await openConnected();
      store.remember(generation, [stripe('evt_1')]);
      await untilKnown(store, [stripe('evt_1')]);
      store.databaseLost();
      store.databaseConnected(databaseId);
      expect(await untilGeneration(store)).not.toBe(generation);
      expect(await store.allKnown([stripe('evt_1')])).toBe(false);
    });

    it('begins a new generation when connected is said twice', async () => {
      const { store, generation, databaseId } = await openConnected();
      store.remember(generation, [stripe('evt_1')]);
      await untilKnown(store, [stripe('evt_1')]);
      store.databaseConnected(databaseId);
      await untilGeneration(store, generation);
      expect(await store.allKnown([stripe('evt_1')])).toBe(false);
    });

    it('drops keys whose generation ended while their statement was under way', async () => {
      const { store, generation, databaseId } = await openConnected();
      store.databaseLost();
      store.databaseConnected(databaseId);
      const next = await untilGeneration(store, generation);
      store.remember(generation, [stripe('evt_late')]);
      store.remember(next, [stripe('evt_new')]);
      await untilKnown(store, [stripe('evt_new')]);
      expect(await store.allKnown([stripe('evt_late')])).toBe(false);
    });

    it('forgets a key after its time', async () => {
      const { store, generation, passSeconds } = await openConnected(1);
      store.remember(generation, [stripe('evt_1')]);
      await untilKnown(store, [stripe('evt_1')]);
      passSeconds(2);
      await vi.waitFor(async () => expect(await store.allKnown([stripe('evt_1')])).toBe(false), WAIT);
      expect(store.generation()).toBe(generation);
    });

    it('can be closed twice, and afterwards knows nothing and takes nothing', async () => {
      const { store, generation, databaseId } = await openConnected();
      store.remember(generation, [stripe('evt_1')]);
      await untilKnown(store, [stripe('evt_1')]);
      const asked = store.allKnown([stripe('evt_1')]);
      await Promise.all([store.close(), store.close()]);
      await store.close();
      await asked;
      store.databaseConnected(databaseId);
      store.remember(generation, [stripe('evt_2')]);
      store.databaseLost();
      expect(store.generation()).toBeNull();
      expect(await store.allKnown([stripe('evt_1')])).toBe(false);
    });
  });
}
