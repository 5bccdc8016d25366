import { expect, test } from 'vitest';
import type { SeenKey } from '../../src/core/ports.ts';
import { LookUps } from '../../src/ingest/look-ups.ts';

const KEYS: readonly SeenKey[] = [{ source: 'stripe', dedupeKey: 'evt_1' }];

/** A seen store that counts what it is asked, and says what it is told to. */
function seenStore() {
  return {
    asked: 0,
    known: false,
    async allKnown() {
      this.asked++;
      return this.known;
    },
  };
}

async function webhooks(lookUps: LookUps, count: number): Promise<number> {
  let duplicates = 0;
  for (let n = 0; n < count; n++) if (await lookUps.allKnown(KEYS)) duplicates++;
  return duplicates;
}

test('every webhook is looked up at first', async () => {
  const seen = seenStore();
  await webhooks(new LookUps(seen), 1_000);
  expect(seen.asked).toBe(1_000);
});

test('after a thousand without a duplicate nobody is asked', async () => {
  const seen = seenStore();
  const lookUps = new LookUps(seen);
  await webhooks(lookUps, 1_000);
  seen.known = true;
  expect(lookUps.allKnown(KEYS)).toBeNull();
  expect(await webhooks(lookUps, 100)).toBe(0);
  expect(seen.asked).toBe(1_000);
});

test('a duplicate that PostgreSQL finds has every webhook looked up again', async () => {
  const seen = seenStore();
  const lookUps = new LookUps(seen);
  await webhooks(lookUps, 1_000);
  lookUps.foundDuplicate();
  seen.known = true;
  expect(await webhooks(lookUps, 100)).toBe(100);
  seen.known = false;
  await webhooks(lookUps, 2_000);
  expect(seen.asked).toBe(1_000 + 100 + 1_000);
});

test('one duplicate in a thousand is enough to go on', async () => {
  const seen = seenStore();
  const lookUps = new LookUps(seen);
  for (let round = 0; round < 3; round++) {
    seen.known = true;
    await webhooks(lookUps, 1);
    seen.known = false;
    await webhooks(lookUps, 999);
  }
  expect(seen.asked).toBe(3_000);
});
