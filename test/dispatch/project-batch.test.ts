/** The pure part of dispatch: which rows the events of a batch touch, and which of them fail. */
import { describe, expect, test } from 'vitest';
import type { OwedEvent } from '../../src/core/dispatch.ts';
import { ReductionError } from '../../src/core/dispatch.ts';
import { projectBatch } from '../../src/dispatch/project-batch.ts';
import { failureOf, RETRY_DELAYS } from '../../src/dispatch/retry-schedule.ts';
import { type CountingPayload, countingProjector } from '../support/counting-projector.ts';

function event(id: string, payload: CountingPayload | null, more: Partial<OwedEvent> = {}): OwedEvent {
  return {
    id,
    requestId: id,
    source: 'stripe',
    provider: 'stripe',
    type: 'test.counted',
    dedupeKey: id,
    subject: null,
    occurredAt: null,
    receivedAt: new Date(),
    payload: payload as OwedEvent['payload'],
    attempts: 0,
    routed: false,
    ...more,
  };
}

function project(events: readonly OwedEvent[], faults: ReadonlyMap<string, string> = new Map()) {
  return projectBatch(events, { projectors: { stripe: countingProjector }, faults, retryDelays: RETRY_DELAYS });
}

test('events that touch one row are applied to it one after the other, in the order of their ids', () => {
  const batch = project([
    event('c', { counters: ['x'] }),
    event('a', { counters: ['y', 'x'] }),
    event('b', { counters: ['x'] }),
  ]);
  expect(batch.tables.map(({ table }) => table.name)).toEqual(['test_counters']);
  const [table] = batch.tables;
  expect(table?.rows.map(({ key }) => key)).toEqual([
    ['stripe', 'x'],
    ['stripe', 'y'],
  ]);
  expect(table?.rows[0]?.next(null)).toEqual({ hits: 3, last_event: 'c' });
  expect(table?.rows[0]?.next({ hits: 10 })).toEqual({ hits: 13, last_event: 'c' });
  expect(table?.rows[1]?.next(null)).toEqual({ hits: 1, last_event: 'a' });
  expect(() => batch.assertReduced()).not.toThrow();
});

test('tables and their rows come sorted', () => {
  const batch = project([event('a', { shape: {}, counters: ['b', 'a'] }), event('b', { counters: ['0'] })]);
  expect(batch.tables.map(({ table }) => table.name)).toEqual(['test_counters', 'test_shapes']);
  expect(batch.tables[0]?.rows.map(({ key }) => key[1])).toEqual(['0', 'a', 'b']);
});

test.each([
  ['without a payload', event('a', null)],
  ['of an unknown type', event('a', { throws: 'project' }, { type: 'unknown' })],
  ['of a provider without projections', event('a', { throws: 'project' }, { provider: 'whatsapp' })],
])('an event %s touches nothing and does not fail', (_, owed) => {
  expect(project([owed])).toMatchObject({ tables: [], failures: [] });
});

describe('an event that throws', () => {
  test('in project fails alone, and nothing of its payload is told', () => {
    const batch = project([
      event('a', { counters: ['x'] }),
      event('b', { counters: ['x'], throws: 'project' }, { attempts: 2 }),
    ]);
    expect(batch.failures).toEqual([
      {
        eventId: 'b',
        attempts: 3,
        retryInMs: 30_000,
        error: expect.stringMatching(/^RangeError at counting-projector\.ts:\d+$/),
      },
    ]);
    expect(batch.tables[0]?.rows[0]?.next(null)).toEqual({ hits: 1, last_event: 'a' });
  });

  test('in reduce makes the batch void, and the next one leaves it out', () => {
    const events = [event('a', { counters: ['x'] }), event('b', { counters: ['x', 'y'], throws: 'reduce' })];
    const first = project(events);
    first.tables[0]?.rows[0]?.next(null);
    const error = captured(() => first.assertReduced());
    expect([...error.faults]).toEqual([['b', expect.stringMatching(/^TypeError at counting-projector\.ts:\d+$/)]]);
    const second = project(events, error.faults);
    expect(second.failures).toMatchObject([{ eventId: 'b', attempts: 1, retryInMs: 1_000 }]);
    expect(second.tables[0]?.rows.map(({ key }) => key[1])).toEqual(['x']);
    second.tables[0]?.rows[0]?.next(null);
    expect(() => second.assertReduced()).not.toThrow();
  });

  test.each([
    [
      'a value of another type',
      { counters: ['x'], throws: 'unfit' as const },
      'test_counters.hits is not made a bigint',
    ],
    ['an integer that is not safe', { counters: ['x'], by: 2 ** 53 }, 'test_counters.hits is not made a bigint'],
    ['a column that is not there', { shape: { colour: 1 } }, 'test_shapes has no column colour'],
    ['no time', { shape: { at: new Date(Number.NaN) } }, 'test_shapes.at is not made a timestamptz'],
  ])('or makes %s of a row is at fault itself', (_, payload, message) => {
    const batch = project([event('a', payload)]);
    batch.tables[0]?.rows[0]?.next(null);
    expect([...captured(() => batch.assertReduced()).faults]).toEqual([['a', message]]);
  });
});

function captured(assert: () => void): ReductionError {
  try {
    assert();
  } catch (error) {
    if (error instanceof ReductionError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('it is tried eight times in all, at growing distances, and then parked', () => {
  const delays = Array.from(
    { length: 8 },
    (_, attempts) => failureOf({ eventId: 'a', attempts }, 'x', RETRY_DELAYS).retryInMs,
  );
  expect(delays.slice(0, 5)).toEqual([1_000, 5_000, 30_000, 120_000, 600_000]);
  expect(delays.indexOf(null)).toBe(7);
  expect(failureOf({ eventId: 'a', attempts: 7 }, 'x', RETRY_DELAYS).attempts).toBe(8);
});
