/** What the queries about Stripe answer in the scenario, by the number of the query. */
import type { Case } from './data-model.ts';
import { ago, DAY, HOUR, MINUTE } from './scenario-times.ts';

const LIVE = { account: '-', livemode: 'true' };
const PAYMENT = {
  payment: 'pi_1',
  currency: 'eur',
  failure_code: null,
  decline_code: null,
  reason: null,
  invoice: null,
};

export const STRIPE_CASES: Readonly<Record<string, readonly Case[]>> = {
  '6': [
    {
      rows: [
        {
          ...LIVE,
          price: 'price_basic',
          unit_amount: '4900',
          recurring_interval: 'month',
          active: '1',
          trialing: '1',
          quantity: '3',
        },
        {
          ...LIVE,
          price: 'price_calls',
          unit_amount: '5',
          recurring_interval: 'month',
          active: '1',
          trialing: '0',
          quantity: null,
        },
        {
          ...LIVE,
          price: 'price_year',
          unit_amount: '120000',
          recurring_interval: 'year',
          active: '1',
          trialing: '0',
          quantity: '1',
        },
        {
          ...{ ...LIVE, livemode: 'false', product_name: null, price: 'price_basic', unit_amount: '4900' },
          ...{ recurring_interval: 'month', active: '1', trialing: '0', quantity: '1' },
        },
      ].map((row) => ({ product_name: 'App', currency: 'eur', ...row })),
    },
  ],
  '7': [
    {
      rows: [
        { failed_at: ago(HOUR), customer: 'cus_2', amount: '1000', currency: 'usd', recovered: false, payment: 'pi_4' },
        {
          failed_at: ago(3 * HOUR),
          customer: 'cus_1',
          amount: '4900',
          currency: 'eur',
          recovered: true,
          payment: 'pi_1',
        },
      ].map((row) => ({ ...LIVE, failure_code: 'card_declined', decline_code: 'lost_card', ...row })),
    },
  ],
  '8': [
    {
      rows: [
        {
          ...{ ...LIVE, customer: 'cus_2', email: 'sam@example.com', currency: 'usd', amount_remaining: '1000' },
          ...{ open_invoices: '1', oldest_invoice_at: ago(2 * DAY), next_payment_attempt: ago(-DAY) },
        },
      ],
    },
  ],
  '9': [
    {
      rows: [
        { account: '-', livemode: 'false', currency: 'eur', subscriptions: '1', monthly: '4900' },
        // Twice 49.00, and a twelfth of 1,200.00.
        { ...LIVE, currency: 'eur', subscriptions: '2', monthly: '19800' },
        // 10.00 a week.
        { ...LIVE, currency: 'usd', subscriptions: '1', monthly: '4345' },
      ],
    },
  ],
  '10': [
    {
      variables: { customer: 'cus_1' },
      rows: [
        {
          payment: 'ch_9',
          created_at: ago(9 * DAY),
          type: 'charge',
          id: 'ch_9',
          status: 'succeeded',
          amount: '700',
          amount_refunded: '0',
        },
        {
          payment: 'ch_9',
          created_at: ago(8 * DAY),
          type: 'refund',
          id: 're_9',
          status: 'pending',
          amount: '700',
          amount_refunded: null,
        },
        {
          ...{ created_at: ago(3 * HOUR), type: 'payment_intent', id: 'pi_1', status: 'succeeded', amount: '4900' },
          ...{ amount_refunded: null, failure_code: 'card_declined', decline_code: 'lost_card' },
        },
        {
          created_at: ago(2 * HOUR),
          type: 'charge',
          id: 'ch_1',
          status: 'succeeded',
          amount: '4900',
          amount_refunded: '900',
        },
        {
          ...{ created_at: ago(HOUR), type: 'refund', id: 're_1', status: 'succeeded', amount: '900' },
          ...{ amount_refunded: null, reason: 'requested_by_customer' },
        },
        {
          ...{ created_at: ago(MINUTE), type: 'dispute', id: 'dp_1', status: 'needs_response', amount: '4000' },
          ...{ amount_refunded: null, reason: 'fraudulent' },
        },
        {
          ...{ payment: 'ch_1', created_at: ago(30 * MINUTE), type: 'refund', id: 're_old', status: 'succeeded' },
          ...{ amount: '100', amount_refunded: null },
        },
      ].map((row) => ({ ...PAYMENT, ...row })),
    },
  ],
};
