/** The ledger of deliveries would show a loss, a second debt and a needless repetition: the rows that deliver rely on it. */
import { expect, test } from 'vitest';
import { compareDeliveries, type DeliveryBooks, type DeliveryRow } from './delivery-ledger.ts';
import type { Receipt } from './receiving-process.ts';

/** Of event `e1` to `shop`, delivered by an attempt from 10000 to 10010. */
const row = (overrides: Partial<DeliveryRow> = {}): DeliveryRow => {
  return { id: '1', eventId: 'e1', destination: 'shop', state: 'delivered', answers: [[10_000, 10_010]], ...overrides };
};
const receipt = (overrides: Partial<Receipt> = {}): Receipt => {
  return {
    path: '/shop',
    webhookId: 'msg_1',
    eventId: 'e1',
    sha256: 'a',
    at: 10_005,
    connectionEndedAt: null,
    ...overrides,
  };
};
const books = (rows: readonly DeliveryRow[], parts: Partial<DeliveryBooks> = {}): DeliveryBooks => {
  return { eventIds: ['e1'], destinations: ['shop'], rows, ...parts };
};
const compare = (kept: DeliveryBooks, receipts: readonly Receipt[], lostBefore = 0) =>
  compareDeliveries(kept, receipts, { owes: () => true, explains: ({ at }) => at < lostBefore });
const NOTHING = {
  unowed: [],
  owedTwice: [],
  undelivered: [],
  neverArrived: [],
  unknown: [],
  otherBody: [],
  needless: [],
};

test('what is owed once, delivered and arrived is in order', () => {
  expect(compare(books([row()]), [receipt()])).toEqual({ ...NOTHING, receipts: 1, repeated: 0 });
});

test('an event that is owed to nobody, or twice, is found', () => {
  expect(compare(books([row()], { eventIds: ['e1', 'e2'] }), [receipt()])).toMatchObject({ unowed: ['e2 shop'] });
  const twice = [row(), row({ id: '2' })];
  expect(compare(books(twice), [receipt(), receipt({ webhookId: 'msg_2' })])).toMatchObject({ owedTwice: ['e1 shop'] });
});

test('what is not delivered, or is and never came, or came under an id of nobody is found', () => {
  expect(compare(books([row({ state: 'dead', answers: [] })]), [])).toMatchObject({
    undelivered: ['e1 shop'],
    neverArrived: ['e1 shop'],
  });
  const other = receipt({ webhookId: 'msg_9' });
  expect(compare(books([row()]), [receipt(), other])).toMatchObject({ unknown: ['msg_9 e1 shop'] });
  const elsewhere = receipt({ path: '/other' });
  expect(compare(books([row()]), [receipt(), elsewhere])).toMatchObject({ unknown: ['msg_1 e1 other'] });
});

test('a repetition is counted; it is needless unless the first answer was lost', () => {
  const twice = [receipt({ at: 500 }), receipt()];
  expect(compare(books([row()]), twice, 600)).toEqual({ ...NOTHING, receipts: 2, repeated: 1 });
  const times = 'came at 500, 10005; answered from';
  expect(compare(books([row()]), twice, 400)).toMatchObject({ needless: [`e1 shop: ${times} 10000 to 10010`] });
  const bothRecorded = row({
    answers: [
      [495, 505],
      [10_000, 10_010],
    ],
  });
  expect(compare(books([bothRecorded]), twice, 600)).toMatchObject({
    needless: [`e1 shop: ${times} 495 to 505, 10000 to 10010`],
  });
  const changed = [receipt({ at: 500, sha256: 'b' }), receipt()];
  expect(compare(books([row()]), changed, 600)).toMatchObject({ otherBody: ['e1 shop'] });
});
