import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_RETRY_SCHEDULE } from '../../src/core/destination.ts';
import { retryAfterMs } from '../../src/delivery/retry-after.ts';
import { nextAttempt } from '../../src/delivery/schedule.ts';

const NOW = new Date('2026-11-20T10:00:00Z');
const HOUR = 3_600_000;

describe('the schedule', () => {
  it('is followed attempt by attempt, then the delivery is dead', () => {
    const schedule = [5, 30, 120];
    const next = [1, 2, 3, 4].map((number) => nextAttempt({ schedule, number, retryAfterMs: null, random: 0.5 }));
    expect(next).toEqual([
      { state: 'pending', inMs: 5_000 },
      { state: 'pending', inMs: 30_000 },
      { state: 'pending', inMs: 120_000 },
      { state: 'dead' },
    ]);
  });

  it.each([
    ['early', 0, 0.9],
    ['on time', 0.5, 1],
    ['late', 1, 1.1],
  ])('walked with a clock, every attempt %s, ends after about three days', (_, random, factor) => {
    const MINUTE = 60_000;
    const delays = [
      5_000,
      30_000,
      2 * MINUTE,
      10 * MINUTE,
      30 * MINUTE,
      ...[2, 5, 10, 14, 20, 24].map((n) => n * HOUR),
    ];
    const schedule = DEFAULT_RETRY_SCHEDULE;
    const attemptedAt = [0];
    for (;;) {
      const next = nextAttempt({ schedule, number: attemptedAt.length, retryAfterMs: null, random });
      if (next.state !== 'pending') {
        expect(next).toEqual({ state: 'dead' });
        break;
      }
      attemptedAt.push((attemptedAt.at(-1) ?? 0) + next.inMs);
    }
    expect(attemptedAt).toHaveLength(12);
    expect(attemptedAt.slice(1).map((at, index) => at - (attemptedAt[index] ?? 0))).toEqual(
      delays.map((delay) => Math.round(delay * factor)),
    );
    const days = (attemptedAt.at(-1) ?? 0) / (24 * HOUR);
    expect(days).toBeGreaterThan(2.8);
    expect(days).toBeLessThan(3.5);
  });

  it('is never varied by more than a tenth, whatever the attempt and the random number', () => {
    const schedule = DEFAULT_RETRY_SCHEDULE;
    fc.assert(
      fc.property(fc.nat(schedule.length - 1), fc.double({ min: 0, max: 1, noNaN: true }), (index, random) => {
        const next = nextAttempt({ schedule, number: index + 1, retryAfterMs: null, random });
        const share = next.state === 'pending' ? next.inMs / ((schedule[index] ?? 0) * 1000) : 0;
        return share >= 0.9 && share <= 1.1;
      }),
    );
  });

  it.each([
    [0, 900],
    [0.5, 1_000],
    [1, 1_100],
  ])('is varied by up to a tenth: random %d gives %d ms', (random, inMs) => {
    expect(nextAttempt({ schedule: [1], number: 1, retryAfterMs: null, random })).toEqual({ state: 'pending', inMs });
  });

  it('gives way to what the receiver asks for, if that is later', () => {
    const next = (retryAfter: number) =>
      nextAttempt({ schedule: [60], number: 1, retryAfterMs: retryAfter, random: 0.5 });
    expect(next(300_000)).toEqual({ state: 'pending', inMs: 300_000 });
    expect(next(1_000)).toEqual({ state: 'pending', inMs: 60_000 });
  });

  it('is not prolonged by the receiver', () => {
    expect(nextAttempt({ schedule: [], number: 1, retryAfterMs: 1_000, random: 0.5 })).toEqual({ state: 'dead' });
  });
});

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['999999999', 24 * HOUR],
    ['Fri, 20 Nov 2026 11:00:00 GMT', HOUR],
    ['Fri, 20 Nov 2026 09:00:00 GMT', 0],
    ['Fri, 20 Nov 2099 09:00:00 GMT', 24 * HOUR],
    ['', null],
    [undefined, null],
    ['soon', null],
    ['-5', null],
    ['1.5', null],
    ['1e9', null],
    ['2026-11-20', null],
    ['Fri, 99 Nov 2026 09:00:00 GMT', null],
  ])('%j is %j ms', (value, milliseconds) => {
    expect(retryAfterMs(value, NOW)).toBe(milliseconds);
  });

  it('is never more than a day, whatever it says', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const milliseconds = retryAfterMs(value, NOW) ?? 0;
        return milliseconds >= 0 && milliseconds <= 24 * HOUR;
      }),
    );
  });
});
