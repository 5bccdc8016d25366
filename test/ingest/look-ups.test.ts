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

test('after a thousand without a duplicate, one in sixteen is', async () => {
  const seen = seenStore();
  const lookUps = new LookUps(seen);
  await webhooks(lookUps, 1_000);
  await webhooks(lookUps, 160);
  expect(seen.asked).toBe(1_010);
});

test('the first duplicate found has every webhook looked up again', async () => {
  const seen = seenStore();
  const lookUps = new LookUps(seen);
  await webhooks(lookUps, 1_000);
  seen.known = true;
  // Of a storm that begins now at most fifteen go past the seen store, and to PostgreSQL.
  expect(await webhooks(lookUps, 100)).toBe(85);
  seen.known = false;
  expect(await webhooks(lookUps, 1_000)).toBe(0);
  expect(seen.asked).toBe(1_000 + 85 + 1_000);
});

test('so does a duplicate that PostgreSQL finds', async () => {
  const seen = seenStore();
  const lookUps = new LookUps(seen);
  await webhooks(lookUps, 1_000);
  lookUps.foundDuplicate();
  await webhooks(lookUps, 100);
  expect(seen.asked).toBe(1_100);
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
