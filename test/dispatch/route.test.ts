/** Which destinations an event is owed to: sources, types, conditions, formats. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Route } from '../../src/core/destination.ts';
import type { OwedEvent } from '../../src/core/dispatch.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { compileTypes, createRouter } from '../../src/dispatch/route.ts';

function event(more: Partial<OwedEvent> = {}): OwedEvent {
  return {
    id: 'e1',
    requestId: 'r1',
    source: 'stripe',
    provider: 'stripe',
    type: 'invoice.paid',
    dedupeKey: 'k',
    subject: 'in_1',
    occurredAt: null,
    receivedAt: new Date(1_000),
    payload: {},
    attempts: 0,
    routed: false,
    ...more,
  };
}

function route(filter: Partial<Route['filter']> = {}, more: Partial<Route> = {}): Route {
  return {
    destinationId: 'd1',
    filter: { sources: null, types: ['*'], condition: null, ...filter },
    format: 'event',
    ...more,
  };
}

const isOwed = (owed: OwedEvent, to: Route) => createRouter()([owed], [to]).deliveries.length === 1;

test('a delivery carries what the event says', () => {
  const { deliveries, faults } = createRouter()([event()], [route()]);
  expect(deliveries).toEqual([
    {
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      destinationId: 'd1',
      eventId: 'e1',
      requestId: 'r1',
      source: 'stripe',
      provider: 'stripe',
      type: 'invoice.paid',
      subject: 'in_1',
      receivedAt: new Date(1_000),
    },
  ]);
  expect(faults).toEqual([]);
});

test.each<[readonly string[] | null, boolean]>([
  [null, true],
  [['stripe'], true],
  [['whatsapp', 'stripe'], true],
  [['whatsapp'], false],
  [['strip'], false],
  [[], false],
])('sources %j: %s', (sources, owed) => {
  expect(isOwed(event(), route({ sources }))).toBe(owed);
});

test('events of the gateway itself are owed only to who names its source', () => {
  const own = event({ source: 'gateway', provider: 'gateway', type: 'destination.auto_paused' });
  const to = (sources: readonly string[] | null) => isOwed(own, route({ sources }));
  expect([to(null), to(['stripe']), to(['gateway']), to(['stripe', 'gateway'])]).toEqual([false, false, true, true]);
  expect(isOwed(event(), route({ sources: ['gateway'] }))).toBe(false);
});

test.each<[readonly string[], boolean]>([
  [['*'], true],
  [['invoice.paid'], true],
  [['invoice.*'], true],
  [['invoice*'], true],
  [['invoice.paid*'], true],
  [['charge.*', 'invoice.paid'], true],
  [['invoice'], false],
  [['invoice.pai'], false],
  [['*.paid'], false],
  [['in*ce.paid'], false],
  [['invoice.paid.*'], false],
  [['Invoice.*'], false],
  [[], false],
])('types %j: %s', (types, owed) => {
  expect(isOwed(event(), route({ types }))).toBe(owed);
});

describe('patterns of types, whatever they hold', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '(', '$', '\\', '['), maxLength: 5 });

  test('without a star at the end: that type and no other', () => {
    fc.assert(
      fc.property(text, text, (pattern, type) => {
        fc.pre(!pattern.endsWith('*'));
        expect(compileTypes([pattern])(type)).toBe(type === pattern);
      }),
    );
  });

  test('with one: every type that begins so', () => {
    fc.assert(
      fc.property(text, text, text, (beginning, rest, other) => {
        const matches = compileTypes([`${beginning}*`]);
        expect(matches(beginning + rest)).toBe(true);
        expect(matches(other)).toBe(other.slice(0, beginning.length) === beginning);
      }),
    );
  });

  test('several: as soon as one of them matches', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), text, (patterns, type) => {
        expect(compileTypes(patterns)(type)).toBe(patterns.some((pattern) => compileTypes([pattern])(type)));
      }),
    );
  });
});

const PAYLOAD: JsonObject = {
  amount: 1_500,
  currency: 'eur',
  livemode: true,
  note: null,
  tags: ['new', 'vip'],
  customer: { id: 'cus_1', address: { country: 'DE' } },
  lines: [
    { sku: 'a', count: 2 },
    { sku: 'b', count: 7 },
  ],
};

test.each<[JsonObject, boolean]>([
  [{}, true],
  [{ currency: 'eur' }, true],
  [{ currency: { $eq: 'usd' } }, false],
  [{ currency: { $ne: 'usd' } }, true],
  [{ amount: { $gt: 1_499, $lte: 1_500 } }, true],
  [{ amount: { $gt: 1_500 } }, false],
  [{ amount: { $gte: 1_500 } }, true],
  [{ amount: { $lt: 1_500 } }, false],
  [{ amount: { $gt: '1' } }, false],
  [{ currency: { $in: ['eur', 'usd'] } }, true],
  [{ currency: { $nin: ['eur', 'usd'] } }, false],
  [{ tags: 'vip' }, true],
  [{ tags: { $all: ['vip', 'new'] } }, true],
  [{ tags: { $all: ['vip', 'old'] } }, false],
  [{ tags: { $size: 2 } }, true],
  [{ tags: ['new', 'vip'] }, true],
  [{ note: { $exists: true } }, true],
  [{ nothing: { $exists: true } }, false],
  [{ 'customer.address.country': 'DE' }, true],
  [{ 'customer.address.country': { $not: { $eq: 'DE' } } }, false],
  [{ lines: { $elemMatch: { sku: 'b', count: { $gt: 5 } } } }, true],
  [{ lines: { $elemMatch: { sku: 'a', count: { $gt: 5 } } } }, false],
  [{ 'lines.sku': 'b' }, true],
  [{ 'lines.1.count': 7 }, true],
  [{ $or: [{ currency: 'usd' }, { amount: { $gt: 1_000 } }] }, true],
  [{ $and: [{ currency: 'usd' }, { amount: { $gt: 1_000 } }] }, false],
])('condition %j: %s', (condition, owed) => {
  expect(isOwed(event({ payload: PAYLOAD }), route({ condition }))).toBe(owed);
});

test('what has no payload, or no known type, is owed as well; but meets no condition', () => {
  const bare = event({ payload: null, type: 'unknown' });
  expect(isOwed(bare, route())).toBe(true);
  expect(isOwed(bare, route({ types: ['invoice.*'] }))).toBe(false);
  expect(isOwed(bare, route({ condition: {} }))).toBe(false);
});

test('with the format original a request is owed once, however many of its events are wanted', () => {
  const events = [
    event({ id: 'e1', type: 'a' }),
    event({ id: 'e2' }),
    event({ id: 'e3' }),
    event({ id: 'e4', requestId: 'r2' }),
  ];
  const { deliveries } = createRouter()(events, [route({ types: ['invoice.*'] }, { format: 'original' })]);
  expect(deliveries).toMatchObject([
    { eventId: null, requestId: 'r1', type: 'invoice.paid', subject: null },
    { eventId: null, requestId: 'r2' },
  ]);
});

test('what is routed already is owed to nobody', () => {
  expect(isOwed(event({ routed: true }), route())).toBe(false);
});

test('ids ascend in the order of the events, also within a millisecond and over batches', () => {
  const router = createRouter();
  const routes = ['d1', 'd2', 'd3'].map((destinationId) => route({}, { destinationId }));
  const events = Array.from({ length: 500 }, (_, index) => event({ id: `e${index}` }));
  const ids = [1, 2, 3].flatMap(() => router(events, routes).deliveries.map(({ id }) => id));
  expect(ids).toEqual([...new Set(ids)].sort());
});

test('a condition that cannot be compiled matches nothing, is told, and harms no other', () => {
  const wrong = route({ condition: { $where: 'process.exit()' } }, { destinationId: 'wrong' });
  const { deliveries, faults } = createRouter()([event()], [wrong, route()]);
  expect(deliveries.map(({ destinationId }) => destinationId)).toEqual(['d1']);
  expect(faults).toEqual([{ destinationId: 'wrong', error: expect.stringContaining('$where is not supported') }]);
  // One who wants no such event is not asked.
  expect(createRouter()([event()], [route({ types: ['x'], condition: { $where: '1' } })]).faults).toEqual([]);
});

test('a payload on which a condition throws is told without what it holds', () => {
  const payload = {
    get secret(): string {
      throw new RangeError('the secret is 42');
    },
  } as unknown as JsonObject;
  const { deliveries, faults } = createRouter()(
    [event({ payload })],
    [route({ condition: { secret: 1 } }), route({}, { destinationId: 'd2' })],
  );
  expect(deliveries.map(({ destinationId }) => destinationId)).toEqual(['d2']);
  expect(faults).toEqual([{ destinationId: 'd1', error: 'the condition threw a RangeError' }]);
});

test('payloads with the names of what objects inherit are matched like any other', () => {
  const payload = JSON.parse(
    '{"hasOwnProperty": 1, "constructor": 2, "toString": 3, "__proto__": {"a": 1}, "toJSON": 4, "b": 5}',
  );
  expect(isOwed(event({ payload }), route({ condition: { b: 5 } }))).toBe(true);
  expect(isOwed(event({ payload }), route({ condition: { a: 1 } }))).toBe(false);
});

test('what an operator changes counts from the next batch on', () => {
  const router = createRouter();
  const owed = (condition: JsonObject) =>
    router([event({ payload: PAYLOAD })], [route({ condition })]).deliveries.length;
  expect([owed({ currency: 'eur' }), owed({ currency: 'usd' }), owed({ currency: 'eur' })]).toEqual([1, 0, 1]);
});
