import { describe, expect, it } from 'vitest';
import { at, BASIL, onlyRow, project, snapshot, TEN } from './events.ts';
import { charge, customer, invoice, item, paymentIntent, price, product, subscription } from './objects.ts';

/** Of an object whose only event is `evt_1`, created at TEN. */
function ofOneEvent(type: string, apiVersion = BASIL): object {
  return {
    source: 'stripe',
    account: '-',
    livemode: 'false',
    deleted: false,
    needs_refetch: false,
    api_version: apiVersion,
    state_event: 'evt_1',
    state_type: type,
    state_at: at(TEN),
  };
}

function rowOf(table: string, type: string, object: object, apiVersion = BASIL): Record<string, unknown> {
  return onlyRow(table, snapshot({ type, object: { ...object }, id: 'evt_1', also: { api_version: apiVersion } }));
}

describe('customers', () => {
  it('have their columns', () => {
    expect(rowOf('stripe_customers', 'customer.updated', customer())).toEqual({
      ...ofOneEvent('customer.updated'),
      id: 'cus_1',
      balance: -500,
      country: 'DE',
      created_at: at(TEN),
      currency: 'eur',
      default_payment_method: 'pm_1',
      delinquent: false,
      email: 'jenny.rosen@example.com',
      metadata: { team: '7' },
      name: 'Jenny Rosén',
    });
  });

  it('have them in the shape of 2013 too', () => {
    const old = { id: 'cus_1', object: 'customer', account_balance: 7, default_card: 'card_1', description: 'x' };
    const event = snapshot({
      type: 'customer.created',
      object: old,
      also: { api_version: undefined, request: 'iar_1' },
    });
    expect(onlyRow('stripe_customers', event)).toMatchObject({
      balance: 7,
      default_payment_method: 'card_1',
      description: 'x',
    });
    expect(onlyRow('stripe_customers', event)).not.toHaveProperty('api_version');
  });
});

describe('subscriptions', () => {
  const period = { start: at(TEN), end: at(TEN + 2_592_000) };
  const basic = {
    id: 'si_1',
    price: 'price_basic',
    product: 'prod_app',
    quantity: 1,
    currency: 'eur',
    unit_amount: 4900,
    unit_amount_decimal: '4900',
    recurring_interval: 'month',
    recurring_interval_count: 1,
    usage_type: 'licensed',
    current_period_start: period.start.toJSON(),
    current_period_end: period.end.toJSON(),
    removed: false,
  };

  it('have the period of the item that ends first', () => {
    const weekly = item('si_2', { current_period_end: TEN + 604_800, current_period_start: TEN - 5 });
    const row = rowOf(
      'stripe_subscriptions',
      'customer.subscription.updated',
      subscription({}, [item('si_1'), weekly]),
    );
    expect(row).toMatchObject({ current_period_start: at(TEN - 5), current_period_end: at(TEN + 604_800) });
  });

  it('have their columns', () => {
    expect(rowOf('stripe_subscriptions', 'customer.subscription.updated', subscription())).toEqual({
      ...ofOneEvent('customer.subscription.updated'),
      id: 'sub_1',
      cancel_at_period_end: false,
      collection_method: 'charge_automatically',
      created_at: at(TEN),
      currency: 'eur',
      current_period_start: period.start,
      current_period_end: period.end,
      customer: 'cus_1',
      items: [basic],
      items_seen: [{ created: TEN, item: basic }],
      latest_invoice: 'in_1',
      metadata: { plan: 'basic' },
      started_at: at(TEN),
      status: 'active',
    });
  });

  it('have their period at the top before 2025-03-31', () => {
    const plan = { id: 'gold', object: 'plan', amount: 999, currency: 'usd', interval: 'year', interval_count: 1 };
    const old = subscription({ current_period_start: TEN, current_period_end: TEN + 5, currency: undefined, plan }, [
      { id: 'si_1', object: 'subscription_item', plan: { ...plan, product: 'prod_gold' }, quantity: 3 },
    ]);
    const row = rowOf('stripe_subscriptions', 'customer.subscription.created', old, '2018-02-06');
    expect(row).toMatchObject({ currency: 'usd', current_period_start: at(TEN), current_period_end: at(TEN + 5) });
    expect(row['items']).toMatchObject([
      { id: 'si_1', price: 'gold', product: 'prod_gold', unit_amount: 999, recurring_interval: 'year', quantity: 3 },
    ]);
  });

  it('have one plan and no items in the first versions', () => {
    const old = { id: 'sub_1', object: 'subscription', plan: { id: 'gold', amount: 1 }, quantity: 2, start: TEN };
    const row = rowOf('stripe_subscriptions', 'customer.subscription.created', old, '2014-01-31');
    expect(row).toMatchObject({
      started_at: at(TEN),
      items: [{ id: '-', price: 'gold', unit_amount: 1, quantity: 2 }],
    });
  });

  it('tell which items are gone, and when that cannot be known', () => {
    const both = snapshot({
      type: 'customer.subscription.created',
      object: subscription({}, [item('si_1'), item('si_2', { quantity: 5 })]),
    });
    const one = (fields: object) =>
      snapshot({
        type: 'customer.subscription.updated',
        object: { ...subscription({}, [item('si_1')]), ...fields },
        created: TEN + 60,
      });
    const items = (...events: Parameters<typeof onlyRow>[1][]) => onlyRow('stripe_subscriptions', ...events)['items'];
    const gone = [basic, { ...basic, id: 'si_2', quantity: 5, removed: true }];
    expect(items(both, one({}))).toEqual(gone);
    expect(items(one({}), both)).toEqual(gone);
    const more = { items: { object: 'list', data: [item('si_1')], has_more: true } };
    expect(items(both, one(more))).toMatchObject([{ id: 'si_1' }, { id: 'si_2', removed: null }]);
    expect(items(both, one({ items: undefined }))).toMatchObject([{ removed: null }, { removed: null }]);
  });
});

describe('invoices', () => {
  const columns = {
    ...ofOneEvent('invoice.paid'),
    id: 'in_1',
    amount_due: 4900,
    amount_paid: 4900,
    amount_remaining: 0,
    attempt_count: 1,
    attempted: true,
    billing_reason: 'subscription_cycle',
    collection_method: 'charge_automatically',
    created_at: at(TEN),
    currency: 'eur',
    customer: 'cus_1',
    customer_email: 'jenny.rosen@example.com',
    finalized_at: at(TEN + 1),
    number: 'A-1',
    paid_at: at(TEN + 2),
    period_end: at(TEN),
    period_start: at(TEN - 2_592_000),
    status: 'paid',
    subscription: 'sub_1',
    subtotal: 4118,
    tax: 782,
    total: 4900,
  };
  const paid = {
    amount_paid: 4900,
    amount_remaining: 0,
    attempt_count: 1,
    attempted: true,
    number: 'A-1',
    status: 'paid',
    status_transitions: { finalized_at: TEN + 1, marked_uncollectible_at: null, paid_at: TEN + 2, voided_at: null },
  };

  it('name their subscription below parent since 2025-03-31', () => {
    expect(rowOf('stripe_invoices', 'invoice.paid', invoice(paid))).toEqual(columns);
  });

  it('name it, their payment intent and their charge themselves before', () => {
    const old = { parent: undefined, subscription: 'sub_1', payment_intent: 'pi_1', charge: 'ch_1', tax: 782 };
    expect(rowOf('stripe_invoices', 'invoice.paid', invoice({ ...paid, ...old }), '2022-11-15')).toEqual({
      ...columns,
      api_version: '2022-11-15',
      payment_intent: 'pi_1',
      charge: 'ch_1',
    });
    expect(
      rowOf('stripe_invoices', 'invoice.paid', invoice({ total_taxes: undefined, total_tax_amounts: [{ amount: 5 }] })),
    ).toMatchObject({ tax: 5 });
  });

  it('may have no subscription, and no parent', () => {
    const row = rowOf('stripe_invoices', 'invoice.created', invoice({ parent: null }));
    expect(row).not.toHaveProperty('subscription');
  });

  it('had no status before 2018', () => {
    const status = (fields: object) =>
      rowOf('stripe_invoices', 'invoice.updated', invoice({ status: undefined, ...fields }))['status'];
    expect(status({ paid: true })).toBe('paid');
    expect(status({ paid: false, forgiven: true })).toBe('uncollectible');
    expect(status({ paid: false, closed: false })).toBeUndefined();
  });
});

describe('payments', () => {
  it('of an intent that failed', () => {
    const error = { code: 'card_declined', decline_code: 'lost_card', message: 'Declined.', type: 'card_error' };
    const intent = paymentIntent({ last_payment_error: error, latest_charge: 'ch_1' });
    expect(rowOf('stripe_payments', 'payment_intent.payment_failed', intent)).toEqual({
      ...ofOneEvent('payment_intent.payment_failed'),
      id: 'pi_1',
      type: 'payment_intent',
      payment: 'pi_1',
      payment_intent: 'pi_1',
      charge: 'ch_1',
      amount: 4900,
      amount_received: 0,
      created_at: at(TEN),
      currency: 'eur',
      customer: 'cus_1',
      decline_code: 'lost_card',
      failed_at: at(TEN),
      failure_code: 'card_declined',
      failure_message: 'Declined.',
      metadata: {},
      payment_method: 'pm_1',
      status: 'requires_payment_method',
    });
  });

  it('of a charge, with the objects that may stand expanded in the place of their ids', () => {
    const expanded = charge({
      payment_intent: { id: 'pi_1', object: 'payment_intent' },
      customer: { id: 'cus_1', object: 'customer' },
      invoice: 'in_1',
    });
    expect(rowOf('stripe_payments', 'charge.succeeded', expanded, '2019-05-16')).toEqual({
      ...ofOneEvent('charge.succeeded', '2019-05-16'),
      id: 'ch_1',
      type: 'charge',
      payment: 'pi_1',
      payment_intent: 'pi_1',
      charge: 'ch_1',
      amount: 4900,
      amount_captured: 4900,
      amount_refunded: 0,
      captured: true,
      created_at: at(TEN),
      currency: 'eur',
      customer: 'cus_1',
      disputed: false,
      invoice: 'in_1',
      payment_method: 'pm_1',
      payment_method_type: 'card',
      refunded: false,
      status: 'succeeded',
    });
  });

  it('of a charge that failed', () => {
    const failed = {
      status: 'failed',
      failure_code: 'card_declined',
      failure_message: 'No.',
      outcome: { reason: 'fraud' },
    };
    expect(rowOf('stripe_payments', 'charge.failed', charge(failed))).toMatchObject({
      status: 'failed',
      failure_code: 'card_declined',
      decline_code: 'fraud',
      failure_message: 'No.',
      failed_at: at(TEN),
    });
  });

  it('belong together: intent, charge, refund and dispute', () => {
    const refund = { id: 're_1', object: 'refund', charge: 'ch_1', payment_intent: 'pi_1', reason: 'duplicate' };
    const dispute = {
      id: 'dp_1',
      object: 'dispute',
      charge: { id: 'ch_1' },
      payment_intent: 'pi_1',
      reason: 'fraudulent',
      evidence_details: { due_by: TEN + 9 },
    };
    const events = [
      snapshot({ type: 'payment_intent.succeeded', object: paymentIntent({ status: 'succeeded' }) }),
      snapshot({ type: 'charge.succeeded', object: charge() }),
      snapshot({ type: 'charge.refund.updated', object: { ...refund, failure_reason: 'lost', status: 'failed' } }),
      snapshot({ type: 'charge.dispute.created', object: dispute }),
    ];
    const rows = project(...events).rows('stripe_payments');
    expect(rows.map(({ id, type, payment }) => [id, type, payment])).toEqual([
      ['ch_1', 'charge', 'pi_1'],
      ['dp_1', 'dispute', 'pi_1'],
      ['pi_1', 'payment_intent', 'pi_1'],
      ['re_1', 'refund', 'pi_1'],
    ]);
    expect(rows[1]).toMatchObject({ charge: 'ch_1', reason: 'fraudulent', evidence_due_by: at(TEN + 9) });
    expect(rows[3]).toMatchObject({ charge: 'ch_1', reason: 'duplicate', failure_code: 'lost' });
  });

  it('without an intent belong to the charge', () => {
    const old = charge({ payment_intent: undefined, status: 'paid', payment_method: null, source: { id: 'card_1' } });
    const refund = { id: 're_1', object: 'refund', charge: 'ch_1' };
    const rows = project(
      snapshot({ type: 'charge.succeeded', object: old }),
      snapshot({ type: 'charge.refund.updated', object: refund }),
    ).rows('stripe_payments');
    expect(rows.map(({ payment }) => payment)).toEqual(['ch_1', 'ch_1']);
    expect(rows[0]).toMatchObject({ status: 'succeeded', payment_method: 'card_1' });
  });

  it('keep their last failure, whatever came of them', () => {
    const failed = (code: string, created: number) =>
      snapshot({
        type: 'payment_intent.payment_failed',
        object: paymentIntent({ last_payment_error: { code } }),
        created,
      });
    const paid = snapshot({
      type: 'payment_intent.succeeded',
      object: paymentIntent({ status: 'succeeded' }),
      created: TEN + 900,
    });
    const end = { status: 'succeeded', failure_code: 'second', failed_at: at(TEN + 60) };
    const [first, second] = [failed('first', TEN), failed('second', TEN + 60)];
    expect(onlyRow('stripe_payments', first, second, paid)).toMatchObject(end);
    expect(onlyRow('stripe_payments', paid, second, first)).toMatchObject(end);
  });
});

describe('the rest of the tables', () => {
  it('checkout sessions', () => {
    const session = {
      id: 'cs_test_1',
      object: 'checkout.session',
      amount_subtotal: 2000,
      amount_total: 2380,
      client_reference_id: 'order-9',
      created: TEN,
      currency: 'eur',
      customer: null,
      customer_details: { email: 'jenny.rosen@example.com' },
      expires_at: TEN + 86_400,
      mode: 'payment',
      payment_intent: { id: 'pi_1' },
      payment_status: 'paid',
      status: 'complete',
    };
    expect(rowOf('stripe_checkout_sessions', 'checkout.session.completed', session, '2026-05-27.dahlia')).toEqual({
      ...ofOneEvent('checkout.session.completed', '2026-05-27.dahlia'),
      id: 'cs_test_1',
      amount_subtotal: 2000,
      amount_total: 2380,
      client_reference_id: 'order-9',
      created_at: at(TEN),
      currency: 'eur',
      customer_email: 'jenny.rosen@example.com',
      expires_at: at(TEN + 86_400),
      mode: 'payment',
      payment_intent: 'pi_1',
      payment_status: 'paid',
      status: 'complete',
    });
  });

  it('products and prices', () => {
    expect(rowOf('stripe_products', 'product.updated', product())).toMatchObject({
      id: 'prod_app',
      active: true,
      default_price: 'price_basic',
      name: 'App',
      type: 'service',
    });
    const odd = price('price_odd', { unit_amount: null, unit_amount_decimal: '0.5', product: { id: 'prod_app' } });
    const row = rowOf('stripe_prices', 'price.created', odd);
    expect(row).toMatchObject({
      id: 'price_odd',
      product: 'prod_app',
      currency: 'eur',
      recurring_interval: 'month',
      recurring_interval_count: 1,
      type: 'recurring',
      unit_amount_decimal: '0.5',
    });
    expect(row).not.toHaveProperty('unit_amount');
  });

  it('payouts', () => {
    const payout = {
      id: 'po_1',
      object: 'payout',
      amount: 1100,
      arrival_date: TEN,
      automatic: true,
      currency: 'usd',
      destination: 'ba_1',
      failure_code: 'account_closed',
      method: 'standard',
      status: 'failed',
      type: 'bank_account',
    };
    expect(rowOf('stripe_payouts', 'payout.failed', payout)).toEqual({
      ...ofOneEvent('payout.failed'),
      ...payout,
      object: undefined,
      arrival_date: at(TEN),
    });
  });
});

describe('whatever a body holds', () => {
  it('an amount that is no safe integer, and a time that cannot be, are null', () => {
    const odd = customer({ balance: 1e30, created: 5e14, delinquent: 'no', name: 7, metadata: null });
    const row = rowOf('stripe_customers', 'customer.updated', odd);
    expect(row).toMatchObject({ name: '7' });
    for (const column of ['balance', 'created_at', 'delinquent', 'metadata']) expect(row).not.toHaveProperty(column);
  });

  it('the versions to come break nothing', () => {
    const row = rowOf('stripe_customers', 'customer.invented', customer({ address: 'Berlin' }), '2031-01-01.zinnia');
    expect(row).toMatchObject({
      api_version: '2031-01-01.zinnia',
      state_type: 'customer.invented',
      name: 'Jenny Rosén',
    });
  });
});
