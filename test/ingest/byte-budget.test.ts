import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ByteBudget } from '../../src/ingest/byte-budget.ts';

const KIB = 1024;
let now = 0;
let budget: ByteBudget;

beforeEach(() => {
  vi.useFakeTimers();
  now = 0;
  budget = new ByteBudget({ maxBytes: 100 * KIB, now: () => now });
});
afterEach(() => {
  budget.close();
  vi.useRealTimers();
});

function pass(milliseconds: number): void {
  now += milliseconds;
  vi.advanceTimersByTime(milliseconds);
}

describe('a byte budget', () => {
  test('counts what has arrived until it is released', () => {
    const lease = budget.open(() => undefined);
    lease.add(KIB);
    lease.add(KIB);
    expect([budget.used, lease.bytes]).toEqual([2 * KIB, 2 * KIB]);
    lease.complete();
    expect(budget.used).toBe(2 * KIB);
    lease.release();
    lease.release();
    expect(budget.used).toBe(0);
  });

  test('counts what is made of a body that has arrived whole', () => {
    const lease = budget.open(() => undefined);
    lease.add(40 * KIB);
    lease.grow(KIB);
    expect(budget.used).toBe(40 * KIB);
    lease.complete();
    lease.grow(60 * KIB);
    expect([budget.used, budget.full]).toEqual([100 * KIB, true]);
    lease.release();
    lease.grow(KIB);
    expect([budget.used, budget.full]).toEqual([0, false]);
  });

  test('is full when what is queued and in flight fills it, not what is being read', () => {
    const reading = budget.open(() => undefined);
    reading.add(100 * KIB);
    expect(budget.full).toBe(false);
    reading.complete();
    expect(budget.full).toBe(true);
    reading.release();
    expect(budget.full).toBe(false);
  });

  test('cuts the slowest body being read when the bytes run out', () => {
    const cut: string[] = [];
    const slow = budget.open(() => cut.push('slow'));
    slow.add(KIB);
    pass(1_000);
    const quick = budget.open(() => cut.push('quick'));
    quick.add(98 * KIB);
    const other = budget.open(() => cut.push('other'));
    other.add(2 * KIB);
    expect(cut).toEqual(['slow']);
    expect(budget.used).toBe(100 * KIB);
    slow.add(50 * KIB);
    expect(budget.used).toBe(100 * KIB);
  });

  test('cuts as many as needed, the slowest first', () => {
    const cut: number[] = [];
    const leases = Array.from({ length: 10 }, (_, index) => budget.open(() => cut.push(index)));
    for (const lease of leases) lease.add(9 * KIB);
    pass(100);
    const late = budget.open(() => cut.push(99));
    late.add(30 * KIB);
    expect(cut).toEqual([0, 1, 2]);
    expect(budget.used).toBe(93 * KIB);
  });

  test('never cuts a body that has arrived whole', () => {
    const cut: string[] = [];
    const whole = budget.open(() => cut.push('whole'));
    whole.add(100 * KIB);
    whole.complete();
    const next = budget.open(() => cut.push('next'));
    next.add(KIB);
    expect(cut).toEqual(['next']);
    expect(budget.used).toBe(100 * KIB);
  });

  test('cuts a body below 16 KiB a second, after two seconds of grace', () => {
    const cut: string[] = [];
    const trickle = budget.open(() => cut.push('trickle'));
    const steady = budget.open(() => cut.push('steady'));
    trickle.add(1);
    pass(2_000);
    steady.add(10 * KIB);
    expect(cut).toEqual([]);
    pass(500);
    expect(cut).toEqual(['trickle']);
    pass(500);
    expect(cut).toEqual(['trickle', 'steady']);
    expect(budget.used).toBe(0);
  });

  test('has a timer until the first sweep at which nothing is being read', () => {
    expect(vi.getTimerCount()).toBe(0);
    const first = budget.open(() => undefined);
    const second = budget.open(() => undefined);
    expect(vi.getTimerCount()).toBe(1);
    first.complete();
    pass(500);
    expect(vi.getTimerCount()).toBe(1);
    second.complete();
    pass(499);
    expect(vi.getTimerCount()).toBe(1);
    pass(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('has its timer again as soon as the next body arrives', () => {
    budget.open(() => undefined).complete();
    pass(500);
    const cut: string[] = [];
    budget.open(() => cut.push('trickle')).add(1);
    pass(2_500);
    expect(cut).toEqual(['trickle']);
    pass(500);
    expect(vi.getTimerCount()).toBe(0);
  });
});
