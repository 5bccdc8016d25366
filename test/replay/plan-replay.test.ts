/** What a replay owes: its own filter first, then each destination's, as it is now. */
import { describe, expect, test } from 'vitest';
import type { Route } from '../../src/core/destination.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { type ReplayedEvent, ReplayFault, type ReplayOrder } from '../../src/core/replay.ts';
import type { RouteFault } from '../../src/dispatch/route.ts';
import { createReplayPlanner } from '../../src/replay/plan-replay.ts';

const ALL = { sources: null, types: ['*'], condition: null };
const [FROM, TO] = [new Date(0), new Date(9_000)];

function event(id: string, more: Partial<ReplayedEvent> = {}): ReplayedEvent {
  return {
    id,
    requestId: `request of ${id}`,
    source: 'stripe',
    provider: 'stripe',
    type: 'invoice.paid',
    dedupeKey: id,
    subject: 'in_1',
    occurredAt: null,
    receivedAt: new Date(1_000),
    payload: {},
    ...more,
  };
}
function route(destinationId: string, filter: Partial<Route['filter']> = {}, format: Route['format'] = 'event'): Route {
  return { destinationId, filter: { ...ALL, ...filter }, format };
}
function order(filter: Partial<Route['filter']> = {}, more: Partial<ReplayOrder> = {}): ReplayOrder {
  const scope = { kind: 'filter', filter: { ...ALL, ...filter }, from: FROM, to: TO } as const;
  return { id: 'r', scope, destinationIds: null, ignoreFilter: false, ratePerSecond: null, ...more };
}
const LISTED = { kind: 'events', eventIds: ['e1'] } as const;

const faults: RouteFault[] = [];
const plan = createReplayPlanner((fault) => void faults.push(fault));
function owed(asked: ReplayOrder, events: readonly ReplayedEvent[], routes: readonly Route[], limit = 500) {
  const { deliveries, ...counts } = plan(asked, routes).owe(events, limit);
  return { ...counts, to: deliveries.map(({ destinationId, eventId }) => `${eventId} ${destinationId}`) };
}

test('an event is owed to whom it passes its own filter and the destination’s for', () => {
  const events = [event('e1'), event('e2', { type: 'charge.paid' }), event('e3', { source: 'whatsapp' })];
  const routes = [route('a'), route('b', { sources: ['stripe'] }), route('c', { types: ['x'] })];
  const asked = order({ types: ['invoice.*'] });
  expect(owed(asked, events, routes)).toEqual({ taken: 3, matched: 2, to: ['e1 a', 'e1 b', 'e3 a'] });
});

test('only to the destinations it is for, as far as they are still there', () => {
  const asked = order({}, { destinationIds: ['b', 'gone'] });
  expect(owed(asked, [event('e1')], [route('a'), route('b')]).to).toEqual(['e1 b']);
  expect(owed(asked, [event('e1')], [route('a')])).toEqual({ taken: 1, matched: 0, to: [] });
});

test('without their filters it is owed to all of them, but only what passes its own', () => {
  const routes = [route('a', { types: ['x'] }), route('b', { condition: { $where: '1' } })];
  const asked = order({ types: ['invoice.*'] }, { ignoreFilter: true });
  const events = [event('e1'), event('e2', { type: 'charge.paid' })];
  expect(owed(asked, events, routes).to).toEqual(['e1 a', 'e1 b']);
  expect(faults).toEqual([]);
});

test('listed events need pass nothing but the destination’s filter', () => {
  const events = [event('e1', { source: 'whatsapp' }), event('e2', { type: 'charge.paid' })];
  expect(owed(order({}, { scope: LISTED }), events, [route('a', { types: ['invoice.*'] })]).to).toEqual(['e1 a']);
});

test('with the format original a request is owed once, and all of its events count', () => {
  const events = ['e1', 'e2', 'e3'].map((id) => event(id, { requestId: id === 'e3' ? 'other' : 'one' }));
  const { deliveries, matched } = plan(order(), [route('a', {}, 'original')]).owe(events, 500);
  expect(deliveries).toMatchObject([
    { eventId: null, requestId: 'one', subject: null },
    { eventId: null, requestId: 'other' },
  ]);
  expect(matched).toBe(3);
});

test('ids ascend in the order of the events', () => {
  const events = Array.from({ length: 100 }, (_, index) => event(`e${index}`));
  const ids = plan(order(), [route('a'), route('b')])
    .owe(events, 500)
    .deliveries.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)].sort());
});

test('no more events are judged once so many are owed', () => {
  const events = ['e1', 'e2', 'e3', 'e4'].map((id, index) => event(id, { type: index === 1 ? 'x' : 'invoice.paid' }));
  const routes = [route('a', { types: ['invoice.*'] })];
  expect(owed(order(), events, routes, 2)).toEqual({ taken: 3, matched: 2, to: ['e1 a', 'e3 a'] });
});

describe('a payload is looked into only where that decides', () => {
  const reads = (asked: ReplayOrder, routes: readonly Route[]) => plan(asked, routes).readsPayload(event('e1'));
  const conditional = { condition: { a: 1 } };
  test.each<[string, boolean, ReplayOrder, Route[]]>([
    ['nobody has a condition', false, order(), [route('a')]],
    ['a destination has one', true, order(), [route('a'), route('b', conditional)]],
    ['one that wants no such event has', false, order(), [route('a'), route('b', { ...conditional, types: ['x'] })]],
    ['its own filter has none of it', false, order({ types: ['x'] }), [route('a', conditional)]],
    ['the replay has one', true, order(conditional), [route('a')]],
    ['the replay has one, and nobody wants the event', false, order(conditional), [route('a', { types: ['x'] })]],
    ['destinations are not asked', false, order({}, { ignoreFilter: true }), [route('a', conditional)]],
    ['the replay has one, destinations are not asked', true, order(conditional, { ignoreFilter: true }), [route('a')]],
    ['events are listed', false, order({}, { scope: LISTED }), [route('a')]],
  ])('%s: %s', (_, expected, asked, routes) => {
    expect(reads(asked, routes)).toBe(expected);
  });

  test('it must then be met', () => {
    const events = [event('e1', { payload: { a: 1, b: 1 } }), event('e2', { payload: { a: 1 } }), event('e3')];
    expect(owed(order({ condition: { a: 1 } }), events, [route('x'), route('y', { condition: { b: 1 } })]).to).toEqual([
      'e1 x',
      'e1 y',
      'e2 x',
    ]);
  });
});

describe('a condition that throws', () => {
  const secret = {
    get a(): string {
      throw new RangeError('the secret is 42');
    },
  } as JsonObject;

  test('of a destination: that one is not owed the event, and it is told', () => {
    const routes = [route('a', { condition: { a: 1 } }), route('b')];
    expect(owed(order(), [event('e1', { payload: secret })], routes).to).toEqual(['e1 b']);
    expect(faults.splice(0)).toEqual([{ destinationId: 'a', error: 'the condition threw a RangeError' }]);
  });

  test('of the replay: it cannot go on, and tells nothing of the payload', () => {
    const run = () => owed(order({ condition: { a: 1 } }), [event('e1', { payload: secret })], [route('a')]);
    expect(run).toThrow(new ReplayFault('its condition cannot be asked: the condition threw a RangeError'));
    expect(() => owed(order({ condition: { $where: '1' } }), [event('e1')], [route('a')])).toThrow(ReplayFault);
  });
});
