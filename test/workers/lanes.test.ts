/** What begins when, of what a process holds; and how much it may lease ahead. */
import { beforeEach, expect, it } from 'vitest';
import { FAILURES_TO_OPEN } from '../../src/core/circuit.ts';
import type { LeasedDelivery } from '../../src/core/delivery.ts';
import { Lanes } from '../../src/workers/lanes.ts';
import { type LeasedParts, leased } from '../support/leased-delivery.ts';

let now: number;
let made: number;
beforeEach(() => {
  now = 0;
  made = 0;
});

const open = ({ maxUnderWay = 100, maxAhead = 1_000 } = {}) => new Lanes({ maxUnderWay, maxAhead, now: () => now });
/** Ids tell the destination and the order: `shop-1`, `shop-2`. */
const some = (count: number, destination = 'shop', parts: Omit<LeasedParts, 'destination'> = {}): LeasedDelivery[] =>
  Array.from({ length: count }, () =>
    leased({ id: `${destination}-${++made}`, destination: { id: destination }, ...parts }),
  );
const idsOf = (deliveries: readonly LeasedDelivery[]) => deliveries.map(({ id }) => id);
const beginAll = (lanes: Lanes): string[] => {
  const ids: string[] = [];
  for (let next = lanes.next(); next !== undefined; next = lanes.next()) ids.push(next.id);
  return ids;
};
/** So many are sent and answered in so many milliseconds. */
const answer = (lanes: Lanes, count: number, milliseconds: number, destination = 'shop') => {
  lanes.add(some(count, destination, { places: count }));
  const begun = beginAll(lanes);
  now += milliseconds;
  for (const _ of begun) lanes.ended(destination, true);
};

it('begins as many of a destination as it has places, and the next as soon as one has ended', () => {
  const lanes = open();
  lanes.add(some(5, 'shop', { places: 2 }));
  expect(beginAll(lanes)).toEqual(['shop-1', 'shop-2']);
  expect([lanes.underWay, lanes.waiting, lanes.isFull('shop')]).toEqual([2, 3, true]);
  lanes.ended('shop', true);
  expect(lanes.isFull('shop')).toBe(false);
  expect(beginAll(lanes)).toEqual(['shop-3']);
});

it('has no more under way than it may over all destinations, which take turns', () => {
  const lanes = open({ maxUnderWay: 3 });
  lanes.add([...some(3, 'a'), ...some(3, 'b')]);
  expect(beginAll(lanes)).toEqual(['a-1', 'b-4', 'a-2']);
  lanes.ended('a', true);
  expect(beginAll(lanes)).toEqual(['b-5']);
});

it('goes by the places of the last claim', () => {
  const lanes = open();
  lanes.add(some(4, 'shop', { places: 4 }));
  beginAll(lanes);
  lanes.add(some(3, 'shop', { places: 2 }));
  for (let ended = 0; ended < 2; ended++) lanes.ended('shop', true);
  expect(beginAll(lanes)).toEqual([]);
  lanes.ended('shop', true);
  expect(beginAll(lanes)).toEqual(['shop-5']);
});

it('begins live ones before replays, each in the order of their claims', () => {
  const lanes = open();
  lanes.add([...some(1), ...some(2, 'shop', { replay: true })]);
  lanes.add([...some(2), ...some(1, 'shop', { replay: true })]);
  expect(beginAll(lanes)).toEqual(['shop-1', 'shop-4', 'shop-5', 'shop-2', 'shop-3', 'shop-6']);
});

it('leases ahead what a destination takes in 200 ms at its present pace, and nothing before it has shown one', () => {
  const lanes = open();
  lanes.add(some(1));
  expect(lanes.ahead()).toEqual(new Map());
  answer(lanes, 50, 100);
  expect(lanes.ahead()).toEqual(new Map([['shop', 100]]));
});

it('lets a pace that is not kept up decay, and forgets the destination', () => {
  const lanes = open();
  answer(lanes, 50, 100);
  const counts = Array.from({ length: 8 }, () => {
    const count = lanes.ahead().get('shop') ?? 0;
    now += 100;
    return count;
  });
  expect(counts).toEqual([100, 50, 25, 12, 6, 3, 1, 0]);
});

it('measures the pace while there is something to send: what a claim has not brought yet is not the destination’s doing', () => {
  const lanes = open();
  answer(lanes, 50, 100);
  // Nothing is there to send, nor was before.
  now += 300;
  answer(lanes, 50, 100);
  expect(lanes.ahead()).toEqual(new Map([['shop', 100]]));
});

it('takes what is under way in all places for a slow destination, not for a lack of deliveries', () => {
  const lanes = open();
  lanes.add(some(2, 'shop', { places: 2 }));
  beginAll(lanes);
  now += 400;
  for (let ended = 0; ended < 2; ended++) lanes.ended('shop', true);
  now += 100;
  expect(lanes.ahead()).toEqual(new Map([['shop', 1]]));
});

it('shares what may be leased ahead between destinations', () => {
  const lanes = open({ maxAhead: 60 });
  answer(lanes, 100, 100, 'a');
  answer(lanes, 100, 100, 'b');
  expect(lanes.ahead()).toEqual(new Map(Object.entries({ a: 30, b: 30 })));
});

it('leases nothing ahead of a destination whose last attempt failed', () => {
  const lanes = open();
  answer(lanes, 50, 100);
  lanes.add(some(1));
  beginAll(lanes);
  lanes.ended('shop', false);
  expect(lanes.ahead()).toEqual(new Map());
  answer(lanes, 1, 1);
  expect(lanes.ahead().get('shop')).toBeGreaterThan(0);
});

it('does not begin what has waited for more than a second, and gives it up', () => {
  const lanes = open();
  lanes.add(some(2, 'shop', { places: 1 }));
  beginAll(lanes);
  now += 1_001;
  lanes.add(some(1, 'shop', { places: 1 }));
  lanes.ended('shop', true);
  expect(beginAll(lanes)).toEqual([]);
  expect(idsOf(lanes.giveUp())).toEqual(['shop-2']);
  expect(beginAll(lanes)).toEqual(['shop-3']);
});

it('begins nothing more where failures may have opened the circuit, and gives up what waits there', () => {
  const lanes = open();
  lanes.add([...some(20, 'down', { places: 1 }), ...some(2, 'up', { places: 1 })]);
  let sent = 0;
  for (let next = lanes.next(); next !== undefined; next = lanes.next()) {
    if (next.destination.id === 'up') continue;
    sent++;
    lanes.ended('down', false);
  }
  expect(sent).toBe(FAILURES_TO_OPEN);
  expect(lanes.giveUp()).toHaveLength(20 - FAILURES_TO_OPEN);
  expect(lanes.waiting).toBe(1);
});

it('begins what a claim brings although failures had opened the circuit: a probe, or others have closed it', () => {
  const lanes = open();
  lanes.add(some(FAILURES_TO_OPEN));
  beginAll(lanes);
  for (let failure = 0; failure < FAILURES_TO_OPEN; failure++) lanes.ended('shop', false);
  lanes.add(some(2, 'shop', { probe: true, places: 1 }));
  expect(beginAll(lanes)).toHaveLength(1);
  lanes.ended('shop', false);
  expect(beginAll(lanes)).toEqual([]);
});

it('counts no failure that says nothing of the destination', () => {
  const lanes = open();
  lanes.add(some(FAILURES_TO_OPEN + 2, 'shop', { places: 1 }));
  for (let begun = 1; begun <= FAILURES_TO_OPEN + 2; begun++) {
    expect(beginAll(lanes)).toEqual([`shop-${begun}`]);
    lanes.ended('shop', null);
  }
});

it('gives up what waits of a destination that it is told', () => {
  const lanes = open();
  lanes.add([...some(2, 'gone', { places: 1 }), ...some(2, 'up', { places: 1 })]);
  beginAll(lanes);
  expect(idsOf(lanes.giveUp(['gone']))).toEqual(['gone-2']);
  expect(lanes.waiting).toBe(1);
});

it('gives up everything at the end', () => {
  const lanes = open();
  lanes.add([...some(2, 'a', { places: 1 }), ...some(1, 'b', { places: 0 })]);
  beginAll(lanes);
  expect(idsOf(lanes.giveUpAll()).sort()).toEqual(['a-2', 'b-3']);
  expect([lanes.underWay, lanes.waiting]).toEqual([1, 0]);
});
