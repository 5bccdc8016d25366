/** How batches form and what becomes of those who wait. The store is a stand-in whose commits the test lets through. */
import { afterEach, expect, test, vi } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import type { VerifiedRequest } from '../../src/core/event.ts';
import type { EventStore } from '../../src/core/ports.ts';
import { BatchWriter, type BatchWriterOptions } from '../../src/ingest/batch-writer.ts';
import { createMemorySeenStore } from '../../src/storage/memory/seen-store.ts';
import { until } from '../support/until.ts';

let sequence = 0;
function request(overrides: { events?: number; bytes?: number; key?: string } = {}): VerifiedRequest {
  const id = `request-${++sequence}`;
  const events = Array.from({ length: overrides.events ?? 1 }, (_, index) => ({
    id: `${id}-event-${index}`,
    type: 'a.b',
    dedupeKey: overrides.key ?? `${id}:${index}`,
    subject: null,
    occurredAt: null,
    payload: null,
  }));
  const body = Buffer.alloc(overrides.bytes ?? 10);
  return { id, source: 'stripe', provider: 'stripe', receivedAt: new Date(), headers: {}, body, secret: 0, events };
}

interface Flight {
  readonly requests: readonly VerifiedRequest[];
  commit(): void;
  fail(error: StoreError): void;
}

/** A store whose statements stay under way until the test decides. */
function heldStore(): EventStore & { flights: Flight[] } {
  const flights: Flight[] = [];
  return {
    flights,
    append: (requests) =>
      new Promise((resolve, reject) => {
        const ids = new Set(requests.flatMap(({ events }) => events.map(({ id }) => id)));
        flights.push({ requests, commit: () => resolve(ids), fail: reject });
      }),
    appendUnparsed: () => Promise.resolve(true),
  };
}

const writers: BatchWriter[] = [];
function writerOn(store: EventStore, options: Partial<BatchWriterOptions> = {}): BatchWriter {
  const writer = new BatchWriter({
    store,
    seen: createMemorySeenStore({ ttlSeconds: 60 }),
    maxRequests: 100,
    flights: 2,
    commitTimeoutMs: 60_000,
    onBatch: () => undefined,
    dataFaults: { onUnparsed: () => undefined, onUnstorable: () => undefined },
    ...options,
  });
  writers.push(writer);
  return writer;
}

const noLease = { release: () => undefined };
const sizes = (flights: readonly Flight[]) => flights.map(({ requests }) => requests.length);

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
