import { expect, test } from 'vitest';
import { StoreBreaker } from '../../src/ingest/store-breaker.ts';

function breaker() {
  const told: string[] = [];
  const it = new StoreBreaker({ onOpen: (reason) => told.push(`open: ${reason}`), onClose: () => told.push('closed') });
  return { it, told };
}

test('it opens at the third failure in a row, and says why, once', () => {
  const { it, told } = breaker();
  it.failed('one');
  it.failed('two');
  expect(it.open).toBe(false);
  it.failed('three');
  it.failed('four');
  expect([it.open, told]).toEqual([true, ['open: three']]);
});

test('a commit in time between failures keeps it closed', () => {
  const { it } = breaker();
  for (let round = 0; round < 5; round++) {
    it.failed('one');
    it.failed('two');
    it.committed();
  }
  expect(it.open).toBe(false);
});

test('a live commit does not close it: that batch may have left before the outage', () => {
  const { it, told } = breaker();
  for (let n = 0; n < 3; n++) it.failed('away');
  it.committed();
  expect(it.open).toBe(true);
  it.close();
  it.close();
  expect([it.open, told]).toEqual([false, ['open: away', 'closed']]);
});
