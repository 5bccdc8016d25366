import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { StoredEvent } from '../../../../src/core/projection.ts';
import { projector } from '../../../../src/providers/stripe/project.ts';
import { corpus } from '../../../support/corpus.ts';
import { createDatabase, type TestDatabase } from '../../../support/database.ts';
import { at, project, received, snapshot, TEN } from './events.ts';
import { charge, customer, invoice, item, paymentIntent, price, product, subscription } from './objects.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(() => database.query(projector.tables.map(({ name }) => `DELETE FROM ${name}`).join(';')));

async function write(...events: readonly StoredEvent[]): Promise<void> {
  const tables = project(...events);
  for (const { name, columns } of projector.tables) {
    for (const row of tables.rows(name)) {
      const names = Object.keys(row);
      const values = names.map((column) => (columns[column] === 'jsonb' ? JSON.stringify(row[column]) : row[column]));
      await database.query(
        `INSERT INTO ${name} (${names.join(', ')}, updated_at) VALUES (${names.map((_, n) => `$${n + 1}`).join(', ')}, now())`,
        values,
      );
    }
  }
}

/** Numbers that may exceed a double, as sums and counts do, come as text. */
const view = (name: string, columns: string, order = '1, 2') =>
  database.query(`SELECT ${columns} FROM ${name} ORDER BY ${order}`);

const subscribed = (id: string, fields: Record<string, unknown>, ...items: ReturnType<typeof item>[]) =>
  snapshot({ type: 'customer.subscription.updated', object: subscription({ id, ...fields }, items) });
const invoiced = (id: string, fields: Record<string, unknown>) =>
  snapshot({ type: 'invoice.updated', object: invoice({ id, ...fields }) });

it('stripe_subscription_items has one row for each item, also for those that are gone', async () => {
  await write(
    snapshot({
      type: 'customer.subscription.created',
      object: subscription({}, [item('si_1', { quantity: 3 }), item('si_2')]),
      created: TEN - 60,
    }),
    subscribed('sub_1', { status: 'trialing' }, item('si_1', { quantity: 4 })),
  );
  const [first, second] = await view('stripe_subscription_items', '*', 'id');
  expect(first).toEqual({
    source: 'stripe',
    account: '-',
    livemode: 'false',
    subscription: 'sub_1',
    id: 'si_1',
    removed: false,
    customer: 'cus_1',
    subscription_status: 'trialing',
    price: 'price_basic',
    product: 'prod_app',
    quantity: '4',
    currency: 'eur',
    unit_amount: '4900',
    unit_amount_decimal: '4900',
    recurring_interval: 'month',
    recurring_interval_count: '1',
    usage_type: 'licensed',
    current_period_start: at(TEN),
    current_period_end: at(TEN + 2_592_000),
  });
  expect(second).toMatchObject({ id: 'si_2', removed: true, quantity: '1' });
});

it('stripe_subscription_items has the period of the subscription where items have none', async () => {
  const old = { id: 'si_1', plan: { id: 'gold', currency: 'usd', amount: 999 } };
  await write(subscribed('sub_1', { current_period_start: TEN, current_period_end: TEN + 60 }, old));
  expect(await view('stripe_subscription_items', 'price, current_period_end')).toEqual([
    { price: 'gold', current_period_end: at(TEN + 60) },
  ]);
});

it('stripe_active_subscriptions_by_price counts what is active or on trial', async () => {
  const pro = { price: price('price_pro', { unit_amount: 9900 }) };
  await write(
    snapshot({ type: 'product.created', object: product() }),
    subscribed('sub_1', {}, item('si_1', { quantity: 2 })),
    subscribed('sub_2', {}, item('si_2'), item('si_3', pro)),
    subscribed('sub_3', { status: 'trialing' }, item('si_4')),
    subscribed('sub_4', { status: 'past_due' }, item('si_5')),
    subscribed('sub_5', { status: 'canceled' }, item('si_6')),
    snapshot({
      type: 'customer.subscription.created',
      object: subscription({ id: 'sub_1' }, [item('si_9')]),
      created: TEN - 60,
    }),
  );
  const columns = 'price, product_name, currency, unit_amount, recurring_interval, active, trialing, quantity';
  expect(await view('stripe_active_subscriptions_by_price', columns)).toEqual([
    {
      price: 'price_basic',
      product_name: 'App',
      currency: 'eur',
      unit_amount: '4900',
      recurring_interval: 'month',
      active: '2',
      trialing: '1',
      quantity: '4',
    },
    {
      price: 'price_pro',
      product_name: 'App',
      currency: 'eur',
      unit_amount: '9900',
      recurring_interval: 'month',
      active: '1',
      trialing: '0',
      quantity: '1',
    },
  ]);
});

it('stripe_failed_payments_last_24_hours has each payment once, and whether it recovered', async () => {
  const now = Math.floor(Date.now() / 1000);
  const error = { code: 'card_declined', decline_code: 'lost_card', message: 'Declined.' };
  const failed = (id: string, created: number) =>
    snapshot({
      type: 'payment_intent.payment_failed',
      object: paymentIntent({ id, last_payment_error: error }),
      created,
    });
  const failedCharge = (id: string, intent: string | null, created: number) =>
    snapshot({
      type: 'charge.failed',
      object: charge({ id, payment_intent: intent, status: 'failed', failure_code: 'card_declined' }),
      created,
    });
  await write(
    failed('pi_1', now - 3600),
    failedCharge('ch_1', 'pi_1', now - 3600),
    failed('pi_2', now - 7200),
    snapshot({
      type: 'payment_intent.succeeded',
      object: paymentIntent({ id: 'pi_2', status: 'succeeded' }),
      created: now - 60,
    }),
    failed('pi_3', now - 90_000),
    failedCharge('ch_4', null, now - 60),
    snapshot({ type: 'refund.failed', object: { id: 're_1', object: 'refund', status: 'failed' }, created: now - 60 }),
  );
  const columns = 'payment, id, type, amount, currency, failure_code, decline_code, failed_at, recovered';
  expect(await view('stripe_failed_payments_last_24_hours', columns)).toEqual([
    {
      payment: 'ch_4',
      id: 'ch_4',
      type: 'charge',
      amount: '4900',
      currency: 'eur',
      failure_code: 'card_declined',
      decline_code: null,
      failed_at: at(now - 60),
      recovered: false,
    },
    {
      payment: 'pi_1',
      id: 'pi_1',
      type: 'payment_intent',
      amount: '4900',
      currency: 'eur',
      failure_code: 'card_declined',
      decline_code: 'lost_card',
      failed_at: at(now - 3600),
      recovered: false,
    },
    expect.objectContaining({ payment: 'pi_2', recovered: true }),
  ]);
});

it('stripe_customers_past_due sums up what is open', async () => {
  const open = (id: string, remaining: number, fields: Record<string, unknown> = {}) =>
    invoiced(id, { status: 'open', amount_remaining: remaining, next_payment_attempt: TEN + 60, ...fields });
  const other = { parent: { subscription_details: { subscription: 'sub_9' } } };
  await write(
    snapshot({ type: 'customer.created', object: customer() }),
    subscribed('sub_1', { status: 'past_due' }),
    subscribed('sub_2', { status: 'unpaid', customer: 'cus_2' }),
    subscribed('sub_3', { customer: 'cus_3' }),
    open('in_1', 4900),
    open('in_2', 100, { created: TEN - 60 }),
    open('in_3', 7777, other),
    invoiced('in_4', { status: 'paid', amount_remaining: 0 }),
  );
  const columns =
    'customer, name, email, currency, subscriptions, open_invoices, amount_remaining, oldest_invoice_at, next_payment_attempt';
  expect(await view('stripe_customers_past_due', columns)).toEqual([
    {
      customer: 'cus_1',
      name: 'Jenny Rosén',
      email: 'jenny.rosen@example.com',
      currency: 'eur',
      subscriptions: '1',
      open_invoices: '2',
      amount_remaining: '5000',
      oldest_invoice_at: at(TEN - 60),
      next_payment_attempt: at(TEN + 60),
    },
    {
      customer: 'cus_2',
      name: null,
      email: null,
      currency: 'eur',
      subscriptions: '1',
      open_invoices: '0',
      amount_remaining: null,
      oldest_invoice_at: null,
      next_payment_attempt: null,
    },
  ]);
});

it('stripe_recurring_revenue_by_month has what was paid on invoices of subscriptions', async () => {
  const paid = (id: string, amount: number, when: string, fields: Record<string, unknown> = {}) =>
    invoiced(id, {
      status: 'paid',
      amount_paid: amount,
      status_transitions: { paid_at: Date.parse(when) / 1000 },
      ...fields,
    });
  await write(
    paid('in_1', 4900, '2026-09-30T23:59:59Z'),
    paid('in_2', 4900, '2026-10-01T00:00:00Z'),
    paid('in_3', 100, '2026-10-31T23:59:59Z'),
    paid('in_4', 700, '2026-10-15T12:00:00Z', { currency: 'usd' }),
    paid('in_5', 8888, '2026-10-15T12:00:00Z', { parent: null }),
    invoiced('in_6', { status: 'open', amount_paid: 50 }),
  );
  const columns = 'month::text, currency, amount_paid, invoices, subscriptions';
  expect(await view('stripe_recurring_revenue_by_month', columns)).toEqual([
    { month: '2026-09-01', currency: 'eur', amount_paid: '4900', invoices: '1', subscriptions: '1' },
    { month: '2026-10-01', currency: 'eur', amount_paid: '5000', invoices: '2', subscriptions: '1' },
    { month: '2026-10-01', currency: 'usd', amount_paid: '700', invoices: '1', subscriptions: '1' },
  ]);
});

it('all views can be read, whatever bodies have come', async () => {
  const views = await database.query(
    "SELECT viewname FROM pg_views WHERE schemaname = 'public' AND viewname ~ '^stripe_'",
  );
  expect(views).toHaveLength(5);
  for (const { provider, body } of corpus()) {
    if (provider !== 'stripe') continue;
    for (const { name } of projector.tables) await database.query(`DELETE FROM ${name}`);
    await write(received(body));
    for (const { viewname } of views) await database.query(`SELECT * FROM ${viewname}`);
  }
});
