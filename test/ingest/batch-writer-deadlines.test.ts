/** Who waits too long for a commit is refused, each in its own time. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { BatchWriter } from '../../src/ingest/batch-writer.ts';
import { createMemorySeenStore } from '../../src/storage/memory/seen-store.ts';
import { heldStore, request, writerOn } from '../support/held-store.ts';

const TIMEOUT = 100;
/** What became of each request, and when its bytes were released, with the millisecond. */
const answers: string[] = [];
const releases: string[] = [];
let start = 0;

beforeEach(() => {
  vi.useFakeTimers();
  answers.length = 0;
  releases.length = 0;
  start = performance.now();
});
afterEach(() => {
  vi.useRealTimers();
});

const now = () => Math.round(performance.now() - start);

/** Submits at this millisecond, and lets the turn of the event loop end. */
async function submitAt(time: number, writer: BatchWriter, name: string): Promise<void> {
  await passTo(time);
  writer.submit(request({ key: name }), { release: () => releases.push(`${now()} ${name}`) }).then(
    () => answers.push(`${now()} ${name} stored`),
    ({ kind }) => answers.push(`${now()} ${name} ${kind}`),
  );
  await vi.advanceTimersByTimeAsync(0);
}

async function passTo(time: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(start + time - performance.now());
}

test('in two flights and in the queue each is refused in its own time, and none is answered again by the commit', async () => {
  const store = heldStore();
  const seen = createMemorySeenStore({ ttlSeconds: 60 });
  seen.databaseConnected('a');
  const writer = writerOn(store, { seen, flights: 2, commitTimeoutMs: TIMEOUT });
  await submitAt(0, writer, 'a');
  await submitAt(10, writer, 'b');
  await submitAt(20, writer, 'c');
  await submitAt(40, writer, 'd');
  expect(store.flights).toHaveLength(2);

  await passTo(99);
  expect(answers).toEqual([]);
  await passTo(115);
  expect(answers).toEqual(['100 a unavailable', '110 b unavailable']);
  await passTo(130);
  expect(answers.slice(2)).toEqual(['120 c unavailable']);
  expect(writer.depth).toBe(3);

  // d is still in time, and leaves with the flight that becomes free; b stays refused, whatever becomes of its commit.
  store.flights[1]?.commit();
  await passTo(135);
  expect(store.flights).toHaveLength(3);
  await passTo(150);
  store.flights[0]?.commit();
  store.flights[2]?.commit();
  await passTo(1_000);
  expect(answers.slice(3)).toEqual(['140 d unavailable']);
  // Of who was queued at once, of who was in flight with the flight; of each once.
  expect(releases).toEqual(['120 c', '130 b', '150 a', '150 d']);
  expect(writer.depth).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  // They were committed after all: who sends them again is told so.
  expect(await seen.allKnown(['a', 'b', 'd'].map((dedupeKey) => ({ source: 'stripe', dedupeKey })))).toBe(true);
  expect(await seen.allKnown([{ source: 'stripe', dedupeKey: 'c' }])).toBe(false);
});

test('what is committed in time leaves the timer to the next', async () => {
  const store = heldStore();
  const writer = writerOn(store, { flights: 1, commitTimeoutMs: TIMEOUT });
  await submitAt(0, writer, 'a');
  await submitAt(30, writer, 'b');
  store.flights[0]?.commit();
  await submitAt(60, writer, 'c');
  await passTo(1_000);
  expect(answers).toEqual(['30 a stored', '130 b unavailable', '160 c unavailable']);
  expect(vi.getTimerCount()).toBe(0);
  await submitAt(1_000, writer, 'd');
  await passTo(2_000);
  expect(answers.slice(3)).toEqual(['1100 d unavailable']);
});

test('a stop waits for what is in flight, also where it is refused already, and leaves no timer', async () => {
  const store = heldStore();
  const writer = writerOn(store, { flights: 1, commitTimeoutMs: TIMEOUT });
  await submitAt(0, writer, 'a');
  await submitAt(50, writer, 'b');
  let closed = false;
  void writer.close().then(() => {
    closed = true;
  });
  await passTo(120);
  store.flights[0]?.commit();
  await passTo(130);
  expect([answers, closed]).toEqual([['100 a unavailable'], false]);
  store.flights[1]?.commit();
  await vi.advanceTimersByTimeAsync(0);
  expect([answers.slice(1), closed]).toEqual([['130 b stored'], true]);
  expect(vi.getTimerCount()).toBe(0);
});
