/** A small business on Stripe: bodies that the queries of docs/data-model.md are asked about. */
import {
  charge,
  customer,
  invoice,
  item,
  paymentIntent,
  price,
  product,
  subscription,
} from '../providers/stripe/projections/objects.ts';
import { DAY, HOUR, MINUTE, unix } from './scenario-times.ts';

type Json = Readonly<Record<string, unknown>>;

let events = 0;
const happened = (type: string, object: Json, seconds: number, livemode = true): Json => ({
  id: `evt_scenario${++events}`,
  object: 'event',
  api_version: '2025-03-31.basil',
  created: unix(seconds),
  data: { object },
  livemode,
  pending_webhooks: 1,
  request: null,
  type,
});
const subscribed = (fields: Json, items: readonly Json[], livemode?: boolean) =>
  happened('customer.subscription.updated', subscription(fields, items), 9 * DAY, livemode);
const yearly = price('price_year', {
  unit_amount: 120_000,
  unit_amount_decimal: '120000',
  recurring: { interval: 'year', interval_count: 1 },
});
const weekly = price('price_week', {
  currency: 'usd',
  unit_amount: 1000,
  unit_amount_decimal: '1000',
  recurring: { interval: 'week', interval_count: 1 },
});
const calls = price('price_calls', {
  unit_amount: 5,
  unit_amount_decimal: '5',
  recurring: { interval: 'month', interval_count: 1, usage_type: 'metered' },
});
const subscriptions: readonly Json[] = [
  happened('product.created', product(), 99 * DAY),
  happened('customer.created', customer({ id: 'cus_2', name: 'Sam', email: 'sam@example.com' }), 99 * DAY),
  subscribed({ id: 'sub_1' }, [item('si_1', { quantity: 2 }), item('si_calls', { price: calls, quantity: null })]),
  subscribed({ id: 'sub_2' }, [item('si_2', { price: yearly })]),
  subscribed({ id: 'sub_3', status: 'trialing' }, [item('si_3')]),
  subscribed({ id: 'sub_4', status: 'past_due', customer: 'cus_2', currency: 'usd' }, [
    item('si_4', { price: weekly }),
  ]),
  subscribed({ id: 'sub_5', status: 'canceled' }, [item('si_5')]),
  subscribed({ id: 'sub_6' }, [item('si_6')], false),
  happened(
    'invoice.payment_failed',
    invoice({
      id: 'in_4',
      status: 'open',
      currency: 'usd',
      customer: 'cus_2',
      created: unix(2 * DAY),
      amount_remaining: 1000,
      next_payment_attempt: unix(-DAY),
      parent: { subscription_details: { subscription: 'sub_4' } },
    }),
    HOUR,
  ),
];

const declined = { last_payment_error: { code: 'card_declined', decline_code: 'lost_card', message: 'Declined.' } };
const payments: readonly Json[] = [
  happened(
    'payment_intent.payment_failed',
    paymentIntent({ id: 'pi_4', amount: 1000, currency: 'usd', customer: 'cus_2', created: unix(HOUR), ...declined }),
    HOUR,
  ),
  // Fails, succeeds, is refunded and disputed; refunds and disputes do not name the customer.
  happened(
    'payment_intent.payment_failed',
    paymentIntent({ id: 'pi_1', created: unix(3 * HOUR), ...declined }),
    3 * HOUR,
  ),
  happened(
    'payment_intent.succeeded',
    paymentIntent({
      id: 'pi_1',
      created: unix(3 * HOUR),
      status: 'succeeded',
      amount_received: 4900,
      latest_charge: 'ch_1',
    }),
    2 * HOUR,
  ),
  happened(
    'charge.refunded',
    charge({ id: 'ch_1', created: unix(2 * HOUR), payment_intent: 'pi_1', amount_refunded: 900 }),
    HOUR,
  ),
  happened(
    'refund.created',
    {
      ...{ id: 're_1', object: 'refund', amount: 900, charge: 'ch_1', payment_intent: 'pi_1', currency: 'eur' },
      ...{ reason: 'requested_by_customer', status: 'succeeded', created: unix(HOUR) },
    },
    HOUR,
  ),
  happened(
    'charge.dispute.created',
    {
      ...{ id: 'dp_1', object: 'dispute', amount: 4000, charge: 'ch_1', payment_intent: 'pi_1', currency: 'eur' },
      ...{ reason: 'fraudulent', status: 'needs_response', created: unix(MINUTE) },
    },
    MINUTE,
  ),
  // In the shape of 2018, which names the charge alone.
  happened(
    'charge.refund.updated',
    {
      ...{ id: 're_old', object: 'refund', amount: 100, charge: 'ch_1', currency: 'eur' },
      ...{ status: 'succeeded', created: unix(30 * MINUTE) },
    },
    30 * MINUTE,
  ),
  // Without an intent; its refund names the charge.
  happened(
    'charge.succeeded',
    charge({ id: 'ch_9', created: unix(9 * DAY), payment_intent: null, amount: 700 }),
    9 * DAY,
  ),
  happened(
    'refund.created',
    {
      id: 're_9',
      object: 'refund',
      amount: 700,
      charge: 'ch_9',
      currency: 'eur',
      status: 'pending',
      created: unix(8 * DAY),
    },
    8 * DAY,
  ),
];

export const STRIPE_SCENARIO = [...subscriptions, ...payments];
