import { expect, it } from 'vitest';
import { streamFields } from '../../src/delivery/stream-fields.ts';
import { EVENT, leased } from '../support/leased-delivery.ts';

const PAYLOAD = Buffer.from('{}');
const ID = leased().id;

it('an entry says which delivery and which event it is', () => {
  expect(streamFields(leased(), PAYLOAD)).toEqual([
    ['delivery', ID],
    ['event', EVENT.id],
    ['type', 'invoice.paid'],
    ['source', 'stripe'],
    ['payload', PAYLOAD],
  ]);
});

it('one of a whole request names no event', () => {
  expect(streamFields(leased({ event: null }), PAYLOAD)).toEqual([
    ['delivery', ID],
    ['source', 'stripe'],
    ['payload', PAYLOAD],
  ]);
});

it('one of a replay says so, with an event and without', () => {
  for (const event of [EVENT, null]) {
    expect(Object.fromEntries(streamFields(leased({ event, replay: true }), PAYLOAD))).toMatchObject({
      replay: 'true',
    });
  }
});
