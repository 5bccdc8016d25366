/** When a failing destination is left alone, and when it is asked again. */
import { expect, test } from 'vitest';
import { HEALTHY, type Health, hasFailedFor, healthAfter, isProbeOnly, type Outcome } from '../../src/core/circuit.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const FAILED: Outcome = { healthy: false, probe: false };
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
  const fine: Outcome = { healthy: true, probe: false };
  expect(after(HEALTHY, [FAILED, FAILED, FAILED, FAILED, fine, FAILED]).failures).toBe(1);
  expect(healthAfter(OPEN, fine, NOW)).toEqual(HEALTHY);
  expect(after(HEALTHY, [FAILED, { healthy: null, probe: false }])).toEqual(after(HEALTHY, [FAILED]));
});

test('probes that fail come at growing intervals; the time of the first failure stays', () => {
  const waits: number[] = [];
  let health = OPEN;
  for (let probe = 0; probe < 40; probe++) {
    health = healthAfter(health, { healthy: false, probe: true }, later(100));
    waits.push(((health.nextProbeAt?.getTime() ?? 0) - later(100).getTime()) / 1000);
  }
  expect(waits.slice(0, 7)).toEqual([10, 20, 40, 80, 160, 300, 300]);
  expect(waits.at(-1)).toBe(300);
  expect(health.failingSince).toEqual(NOW);
});

test('while it is open, only what a probe says counts', () => {
  expect(healthAfter(OPEN, FAILED, later(3))).toBe(OPEN);
  expect(healthAfter(OPEN, { healthy: null, probe: true }, later(3))).toEqual({ ...OPEN, nextProbeAt: later(4) });
  expect(isProbeOnly(OPEN, { healthy: false, probe: true })).toBe(true);
  expect(isProbeOnly(OPEN, FAILED)).toBe(false);
  expect(isProbeOnly(OPEN, { healthy: null, probe: true })).toBe(false);
  // Another has closed it meanwhile: then it is an attempt like any other.
  expect(isProbeOnly(HEALTHY, { healthy: false, probe: true })).toBe(false);
  expect(healthAfter(HEALTHY, { healthy: false, probe: true }, NOW).failures).toBe(1);
});

test('it is given up after so long without a success, never before it is open', () => {
  expect(hasFailedFor(OPEN, 60_000, later(59))).toBe(false);
  expect(hasFailedFor(OPEN, 60_000, later(60))).toBe(true);
  expect(hasFailedFor(after(HEALTHY, [FAILED]), 60_000, later(3_600))).toBe(false);
});
