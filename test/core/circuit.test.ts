/** When a failing destination is left alone, and when it is asked again. */
import { expect, test } from 'vitest';
import { HEALTHY, type Health, hasFailedFor, healthAfter, isProbeOnly, type Outcome } from '../../src/core/circuit.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const outcome = (healthy: boolean | null, more: Partial<Outcome> = {}): Outcome => ({
  healthy,
  probe: false,
  retryAfterMs: null,
  ...more,
});
const FAILED = outcome(false);
const FAILED_PROBE = outcome(false, { probe: true });
const after = (health: Health, outcomes: readonly Outcome[]) =>
  outcomes.reduce((before, outcome) => healthAfter(before, outcome, NOW), health);
const OPEN = after(HEALTHY, Array(5).fill(FAILED));

test('it opens at the fifth failure in a row', () => {
  expect(after(HEALTHY, Array(4).fill(FAILED))).toEqual({
    failures: 4,
    failingSince: NOW,
    circuitOpen: false,
    nextProbeAt: null,
  });
  expect(OPEN).toEqual({ failures: 5, failingSince: NOW, circuitOpen: true, nextProbeAt: later(5) });
});

test('one success in between begins the count anew; what says nothing changes nothing', () => {
  const fine = outcome(true);
  expect(after(HEALTHY, [FAILED, FAILED, FAILED, FAILED, fine, FAILED]).failures).toBe(1);
  expect(healthAfter(OPEN, fine, NOW)).toEqual(HEALTHY);
  expect(after(HEALTHY, [FAILED, outcome(null)])).toEqual(after(HEALTHY, [FAILED]));
});

test('probes that fail come at growing intervals; the time of the first failure stays', () => {
  const waits: number[] = [];
  let health = OPEN;
  for (let probe = 0; probe < 40; probe++) {
    health = healthAfter(health, FAILED_PROBE, later(100));
    waits.push(((health.nextProbeAt?.getTime() ?? 0) - later(100).getTime()) / 1000);
  }
  expect(waits.slice(0, 7)).toEqual([10, 20, 40, 80, 160, 300, 300]);
  expect(waits.at(-1)).toBe(300);
  expect(health.failingSince).toEqual(NOW);
});

test('while it is open, only what a probe says counts', () => {
  expect(healthAfter(OPEN, FAILED, later(3))).toBe(OPEN);
  expect(healthAfter(OPEN, outcome(null, { probe: true }), later(3))).toEqual({ ...OPEN, nextProbeAt: later(4) });
  expect(isProbeOnly(OPEN, FAILED_PROBE)).toBe(true);
  expect(isProbeOnly(OPEN, FAILED)).toBe(false);
  expect(isProbeOnly(OPEN, outcome(null, { probe: true }))).toBe(false);
  // Another has closed it meanwhile: then it is an attempt like any other.
  expect(isProbeOnly(HEALTHY, FAILED_PROBE)).toBe(false);
  expect(healthAfter(HEALTHY, FAILED_PROBE, NOW).failures).toBe(1);
});

test('a receiver that asks to be left alone is asked no sooner, whoever it told so', () => {
  const calm = outcome(false, { retryAfterMs: 3_600_000 });
  const opened = after(HEALTHY, [FAILED, FAILED, FAILED, FAILED, calm]);
  expect(opened).toMatchObject({ circuitOpen: true, nextProbeAt: later(3_600) });
  expect(healthAfter(OPEN, { ...calm, probe: true }, NOW).nextProbeAt).toEqual(later(3_600));
  // One that had begun before it opened: it counts as no failure, but what it was told holds.
  expect(healthAfter(OPEN, calm, NOW)).toEqual({ ...OPEN, nextProbeAt: later(3_600) });
  const sooner = outcome(false, { retryAfterMs: 1_000 });
  expect(healthAfter(opened, sooner, NOW)).toEqual(opened);
  expect(healthAfter(OPEN, { ...sooner, probe: true }, NOW).nextProbeAt).toEqual(later(10));
});

test('it is given up after so long without a success, never before it is open', () => {
  expect(hasFailedFor(OPEN, 60_000, later(59))).toBe(false);
  expect(hasFailedFor(OPEN, 60_000, later(60))).toBe(true);
  expect(hasFailedFor(after(HEALTHY, [FAILED]), 60_000, later(3_600))).toBe(false);
});
