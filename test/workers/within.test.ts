import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';

// Vitest's fake timers stop at the promises of Node's: these are made of the global ones, which it has.
vi.mock('node:timers/promises', () => ({
  setTimeout: (ms: number, value: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms, value);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
}));

// Loaded anew: the worker keeps what earlier files have loaded, with the timers of Node. Later ones are to get those too.
vi.resetModules();
const { within } = await import('../../src/workers/within.ts');
afterAll(() => void vi.resetModules());

const SECOND = 1_000;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** With what has become of it so far. */
function begin(work: Promise<unknown> | undefined) {
  const told = { ended: false };
  const waiting = within(SECOND, work).then(() => {
    told.ended = true;
  });
  return { told, waiting };
}

test.each([
  ['is done', () => Promise.resolve('a result')],
  ['has failed', () => Promise.reject(new Error('not this time'))],
])('work that %s is not waited for, and no timer is left', async (_, work) => {
  const { waiting } = begin(work());
  await expect(waiting).resolves.toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});

test('where there is no work, nothing is waited for', async () => {
  await begin(undefined).waiting;
  expect(vi.getTimerCount()).toBe(0);
});

test('it ends with the work, before the time is over', async () => {
  let finish: () => void = () => undefined;
  const { told, waiting } = begin(new Promise<void>((resolve) => (finish = resolve)));
  await vi.advanceTimersByTimeAsync(SECOND - 1);
  expect(told.ended).toBe(false);
  finish();
  await waiting;
  expect(vi.getTimerCount()).toBe(0);
});

test('it ends with the time where the work does not, whose failure afterwards is nobody’s', async () => {
  let fail: (error: Error) => void = () => undefined;
  const { told } = begin(new Promise<void>((_resolve, reject) => (fail = reject)));
  await vi.advanceTimersByTimeAsync(SECOND - 1);
  expect(told.ended).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(told.ended).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
  // Vitest fails a run in which a rejection is not handled.
  fail(new Error('too late'));
  await vi.advanceTimersByTimeAsync(0);
});
