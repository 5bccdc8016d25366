import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Pace } from '../../src/workers/pace.ts';

const SPACING = 100;

let pace: Pace;
let turns: number;
beforeEach(() => {
  vi.useFakeTimers();
  turns = 0;
  pace = new Pace(SPACING, () => {
    turns++;
    pace.began();
  });
});
afterEach(() => vi.useRealTimers());

/** How many turns have begun by then. */
function turnsAfter(milliseconds: number): number {
  vi.advanceTimersByTime(milliseconds);
  return turns;
}

test('the first turn that is wanted begins at once', () => {
  pace.spaced();
  expect(turns).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('the next one begins when the spacing since the last is over, however often it is wanted', () => {
  pace.spaced();
  expect(turnsAfter(30)).toBe(1);
  for (let times = 0; times < 5; times++) pace.spaced();
  expect(vi.getTimerCount()).toBe(1);
  expect(turnsAfter(SPACING - 31)).toBe(1);
  expect(turnsAfter(1)).toBe(2);
  expect(turnsAfter(10 * SPACING)).toBe(2);
});

test('after a pause longer than the spacing it begins at once', () => {
  pace.spaced();
  vi.advanceTimersByTime(SPACING);
  pace.spaced();
  expect(turns).toBe(2);
});

test('gathered, it begins a spacing after the first who wanted it', () => {
  pace.gathered();
  expect(turnsAfter(60)).toBe(0);
  pace.gathered();
  expect(turnsAfter(SPACING - 61)).toBe(0);
  expect(turnsAfter(1)).toBe(1);
  expect(turnsAfter(10 * SPACING)).toBe(1);
});

test('of several times the earliest counts', () => {
  pace.spaced();
  vi.advanceTimersByTime(30);
  pace.gathered();
  pace.spaced();
  expect(vi.getTimerCount()).toBe(1);
  expect(turnsAfter(SPACING - 30)).toBe(2);
  expect(turnsAfter(10 * SPACING)).toBe(2);
  pace.gathered();
  pace.spaced();
  expect(turns).toBe(3);
  expect(turnsAfter(10 * SPACING)).toBe(3);
});

test('a turn that somebody else has begun is everybody’s', () => {
  pace.gathered();
  vi.advanceTimersByTime(SPACING - 1);
  pace.began();
  expect(vi.getTimerCount()).toBe(0);
  pace.spaced();
  expect(turnsAfter(SPACING - 1)).toBe(0);
  expect(turnsAfter(1)).toBe(1);
});

test('stopped, it forgets who wanted a turn, and can be asked again', () => {
  pace.gathered();
  pace.stop();
  expect(vi.getTimerCount()).toBe(0);
  expect(turnsAfter(10 * SPACING)).toBe(0);
  pace.gathered();
  expect(turnsAfter(SPACING)).toBe(1);
});
