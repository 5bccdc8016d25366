import { describe, expect, it } from 'vitest';
import { projector } from '../../../../src/providers/stripe/project.ts';
import { readFixture } from '../../../support/fixtures.ts';
import { ARRIVAL, at, BASIL, onlyRow, project, received, snapshot, TEN } from './events.ts';
import { customer, invoice, product } from './objects.ts';

describe('an object', () => {
  it('is another one in another account and in the other mode', () => {
    const of = (also: Record<string, unknown>) => snapshot({ type: 'product.created', object: product(), also });
    const rows = project(of({}), of({ account: 'acct_1' }), of({ livemode: true })).rows('stripe_products');
    expect(rows.map(({ id, account, livemode }) => [id, account, livemode])).toEqual([
      ['prod_app', '-', 'false'],
      ['prod_app', '-', 'true'],
      ['prod_app', 'acct_1', 'false'],
    ]);
  });

  it('has a bounded key, whatever its id is', () => {
    const wild = `x y\u00e9:${'z'.repeat(20_000)}`;
    const tables = project(
      snapshot({ type: 'customer.created', object: customer({ id: wild }), id: 'evt_1' }),
      snapshot({ type: 'invoice.created', object: invoice({ customer: wild }), also: { account: wild } }),
    );
    const [row] = tables.rows('stripe_customers');
    expect(row?.['id']).toMatch(/^[0-9a-f]{64}$/);
    // So that they can still be joined.
    expect(tables.rows('stripe_invoices')).toMatchObject([{ customer: row?.['id'], account: row?.['id'] }]);
  });

  it('of a type without a table is kept whole', () => {
    const source = { id: 'src_1', object: 'source', created: TEN, amount: 5 };
    expect(
      project(snapshot({ type: 'source.chargeable', object: source, id: 'evt_1' })).rows('stripe_objects'),
    ).toEqual([
      {
        source: 'stripe',
        type: 'source',
        id: 'src_1',
        account: '-',
        livemode: 'false',
        created_at: at(TEN),
        deleted: false,
        needs_refetch: false,
        api_version: BASIL,
        state_event: 'evt_1',
        state_type: 'source.chargeable',
        state_at: at(TEN),
        object: source,
        recent_events: expect.objectContaining({ left_out: null }),
      },
    ]);
  });

  it('of two types may have one id', () => {
    const of = (type: string) => snapshot({ type: `${type}.created`, object: { id: 'gold', object: type } });
    const rows = project(of('plan'), of('coupon')).rows('stripe_objects');
    expect(rows.map(({ type, id }) => [type, id])).toEqual([
      ['coupon', 'gold'],
      ['plan', 'gold'],
    ]);
  });

  it('without an id is kept under whose it is', () => {
    const of = (object: Record<string, unknown>) => snapshot({ type: 'x.updated', object });
    const tables = project(
      of({ object: 'balance' }),
      of({ object: 'invoice', id: null, customer: 'cus_1', subscription: { id: 'sub_1' } }),
      of({ object: 'entitlements.active_entitlement_summary', customer: 'cus_1' }),
      of({}),
    );
    expect(tables.rows('stripe_objects').map(({ type, id }) => [type, id])).toEqual([
      ['-', '-'],
      ['balance', '-'],
      ['entitlements.active_entitlement_summary', '-:cus_1'],
      ['invoice', '-:cus_1:sub_1'],
    ]);
    expect(tables.rows('stripe_invoices')).toEqual([]);
  });

  it('without an id can be deleted and come back, as the discounts of old do', () => {
    const of = (verb: string, created: number) =>
      snapshot({ type: `customer.discount.${verb}`, object: { object: 'discount', customer: 'cus_1' }, created });
    const [first, second] = [of('deleted', TEN), of('created', TEN + 60)];
    expect(onlyRow('stripe_objects', first)).toMatchObject({ deleted: true });
    expect(onlyRow('stripe_objects', second, first)).toMatchObject({ deleted: false });
  });
});

describe('the history', () => {
  it('has every event of an object, late ones too', () => {
    const late = snapshot({ type: 'customer.created', object: customer(), created: TEN, id: 'evt_1' });
    const newer = snapshot({ type: 'customer.updated', object: customer(), created: TEN + 60, id: 'evt_2' });
    const row = {
      source: 'stripe',
      object_id: 'cus_1',
      event: 'evt_1',
      object_type: 'customer',
      account: '-',
      livemode: 'false',
      event_type: 'customer.created',
      api_version: BASIL,
      occurred_at: at(TEN),
      received_at: ARRIVAL,
      to_fetch: false,
    };
    expect(project(newer, late, late).rows('stripe_object_events')).toEqual([
      row,
      { ...row, event: 'evt_2', event_type: 'customer.updated', occurred_at: at(TEN + 60) },
    ]);
  });

  it('has thin events, marked to be fetched, and nothing else has', () => {
    const { stripe_object_events, ...others } = project(
      received(readFixture('stripe', 'thin-meter-error')),
      received(readFixture('stripe', 'thin-without-object')),
    ).all();
    expect(stripe_object_events).toEqual([
      {
        source: 'stripe',
        object_id: '-',
        event: 'evt_test_65SVbK3pQ8sLmN0aB',
        object_type: '-',
        account: '-',
        livemode: 'false',
        event_type: 'v1.billing.meter.no_meter_found',
        occurred_at: new Date('2025-11-20T01:00:00.330Z'),
        received_at: ARRIVAL,
        to_fetch: true,
      },
      {
        source: 'stripe',
        object_id: 'mtr_test_61SVbK2',
        event: 'evt_test_65SVbK2pQ8sLmN0aB:acct_1SUAaBbCcDdEeFfG',
        object_type: 'billing.meter',
        account: 'acct_1SUAaBbCcDdEeFfG',
        livemode: 'false',
        event_type: 'v1.billing.meter.error_report_triggered',
        occurred_at: new Date('2025-11-20T01:00:00.330Z'),
        received_at: ARRIVAL,
        to_fetch: true,
      },
    ]);
    expect(Object.values(others).flat()).toEqual([]);
  });
});

it.each([{}, { data: null }, { data: { object: 'cus_1' } }, { data: [] }])('%j is no event as documented', (fields) => {
  const event = received({ id: 'evt_1', object: 'event', type: 'customer.created', created: TEN, ...fields });
  expect(() => projector.project(event)).toThrow('a snapshot event without data.object');
});
