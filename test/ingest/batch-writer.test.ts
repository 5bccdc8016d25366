/** How batches form and what becomes of those who wait. The store is a stand-in whose commits the test lets through. */
import { afterEach, expect, test, vi } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import { createMemorySeenStore } from '../../src/storage/memory/seen-store.ts';
import { heldStore, noLease, request, sizes, writerOn } from '../support/held-store.ts';
import { until } from '../support/until.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

test('what arrives together leaves together; the rest waits for a free flight', async () => {
  const store = heldStore();
  const writer = writerOn(store, { flights: 1 });
  const first = [request(), request()].map((one) => writer.submit(one, noLease));
  await until('the first flight', () => store.flights.length === 1);
  const rest = [request(), request(), request()].map((one) => writer.submit(one, noLease));
  expect(sizes(store.flights)).toEqual([2]);
  expect(writer.depth).toBe(5);
  store.flights[0]?.commit();
  expect(await Promise.all(first)).toEqual([1, 1]);
  await until('the second flight', () => store.flights.length === 2);
  expect(sizes(store.flights)).toEqual([2, 3]);
  store.flights[1]?.commit();
  await Promise.all(rest);
  expect(writer.depth).toBe(0);
});

test('sixteen that arrive in one turn of the event loop leave at once; fewer leave together at its end', async () => {
  const store = heldStore();
  const writer = writerOn(store, { flights: 3 });
  const submit = (count: number) => Array.from({ length: count }, () => writer.submit(request(), noLease));
  const answers = submit(15);
  await Promise.resolve();
  expect(sizes(store.flights)).toEqual([]);
  answers.push(...submit(1));
  expect(sizes(store.flights)).toEqual([16]);
  answers.push(...submit(17));
  expect(sizes(store.flights)).toEqual([16, 16]);
  answers.push(...submit(2));
  expect(sizes(store.flights)).toEqual([16, 16]);
  await new Promise(setImmediate);
  expect(sizes(store.flights)).toEqual([16, 16, 3]);
  for (const flight of store.flights) flight.commit();
  expect(await Promise.all(answers)).toEqual(answers.map(() => 1));
});

test('more than sixteen wait while every flight is out, and leave as one batch', async () => {
  const store = heldStore();
  const writer = writerOn(store, { flights: 1 });
  const answers = Array.from({ length: 50 }, () => writer.submit(request(), noLease));
  await new Promise(setImmediate);
  expect(sizes(store.flights)).toEqual([16]);
  store.flights[0]?.commit();
  await until('the second flight', () => store.flights.length === 2);
  expect(sizes(store.flights)).toEqual([16, 34]);
  store.flights[1]?.commit();
  await Promise.all(answers);
});

test('a batch ends at its limits of requests, events and bytes; what is larger travels alone', async () => {
  const store = heldStore();
  const writer = writerOn(store, { flights: 20, maxRequests: 3 });
  const submitted = [
    ...Array.from({ length: 4 }, () => request()),
    request({ events: 4_000 }),
    request({ events: 2_000 }),
    request({ bytes: 9 * 1024 * 1024 }),
    request(),
  ];
  const answers = submitted.map((one) => writer.submit(one, noLease));
  await until('every request in flight', () => sizes(store.flights).reduce((a, b) => a + b, 0) === submitted.length);
  expect(sizes(store.flights)).toEqual([3, 2, 1, 1, 1]);
  for (const flight of store.flights) flight.commit();
  expect(await Promise.all(answers)).toEqual([1, 1, 1, 1, 4_000, 2_000, 1, 1]);
});

test('nobody is answered before the commit, and everybody is refused if it fails', async () => {
  const store = heldStore();
  const writer = writerOn(store);
  let answered = false;
  const answer = writer.submit(request(), noLease).finally(() => {
    answered = true;
  });
  await until('the flight', () => store.flights.length === 1);
  await new Promise(setImmediate);
  expect(answered).toBe(false);
  store.flights[0]?.fail(new StoreError('unavailable', 'no'));
  await expect(answer).rejects.toMatchObject({ kind: 'unavailable' });
});

test('who waits too long is refused in time; the bytes in flight are held until the flight ends', async () => {
  const store = heldStore();
  const writer = writerOn(store, { flights: 1, commitTimeoutMs: 50 });
  const released: string[] = [];
  const inFlight = writer.submit(request(), { release: () => released.push('in flight') });
  await until('the flight', () => store.flights.length === 1);
  const queued = writer.submit(request(), { release: () => released.push('queued') });
  await expect(inFlight).rejects.toMatchObject({ kind: 'unavailable' });
  await expect(queued).rejects.toMatchObject({ kind: 'unavailable' });
  expect(released).toEqual(['queued']);
  expect(writer.depth).toBe(1);
  store.flights[0]?.commit();
  await until('the bytes to be released', () => released.length === 2);
  expect(writer.depth).toBe(0);
  expect(store.flights).toHaveLength(1);
});

test('a full queue refuses at once', async () => {
  const store = heldStore();
  const writer = writerOn(store, { flights: 1, maxRequests: 1_000 });
  const waiting = Array.from({ length: 20_000 }, () => writer.submit(request(), noLease).catch(() => 0));
  const release = vi.fn();
  await expect(writer.submit(request(), { release })).rejects.toMatchObject({ kind: 'overloaded' });
  expect(release).toHaveBeenCalledOnce();
  const feed = setInterval(() => {
    for (const flight of store.flights.splice(0)) flight.fail(new StoreError('unavailable', ''));
  });
  await Promise.all(waiting);
  clearInterval(feed);
});

test('close lets everything taken end, and takes nothing more', async () => {
  const store = heldStore();
  const writer = writerOn(store, { flights: 1, maxRequests: 1 });
  const answers = [request(), request()].map((one) => writer.submit(one, noLease));
  const closed = writer.close();
  await expect(writer.submit(request(), noLease)).rejects.toMatchObject({ kind: 'unavailable' });
  await until('the first flight', () => store.flights.length === 1);
  store.flights[0]?.commit();
  await until('the second flight', () => store.flights.length === 2);
  store.flights[1]?.commit();
  await closed;
  expect(await Promise.all(answers)).toEqual([1, 1]);
});

test('only what is committed is remembered, under the generation of its statement', async () => {
  const store = heldStore();
  const seen = createMemorySeenStore({ ttlSeconds: 60 });
  const writer = writerOn(store, { seen, flights: 3, maxRequests: 1 });
  seen.databaseConnected('a');
  const known = (key: string) => seen.allKnown([{ source: 'stripe', dedupeKey: key }]);
  const committed = writer.submit(request({ key: 'committed' }), noLease);
  const failed = writer.submit(request({ key: 'failed' }), noLease).catch(() => 0);
  const acrossRestore = writer.submit(request({ key: 'across' }), noLease);
  await until('the flights', () => store.flights.length === 3);
  store.flights[0]?.commit();
  store.flights[1]?.fail(new StoreError('unavailable', ''));
  await Promise.all([committed, failed]);
  expect([await known('committed'), await known('failed')]).toEqual([true, false]);
  seen.databaseLost();
  seen.databaseConnected('a');
  store.flights[2]?.commit();
  await acrossRestore;
  expect([await known('committed'), await known('across')]).toEqual([false, false]);
});
