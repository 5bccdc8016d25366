/** Stripe's objects in the shapes of several API versions; ids and people are invented. */
import { TEN } from './events.ts';

type Json = Readonly<Record<string, unknown>>;

const MONTH = 2_592_000;

/** An item as since 2025-03-31.basil: with its period. */
export function item(id: string, fields: Json = {}): Json {
  return {
    id,
    object: 'subscription_item',
    current_period_end: TEN + MONTH,
    current_period_start: TEN,
    price: price('price_basic'),
    quantity: 1,
    ...fields,
  };
}

export function price(id: string, fields: Json = {}): Json {
  return {
    id,
    object: 'price',
    active: true,
    billing_scheme: 'per_unit',
    created: TEN,
    currency: 'eur',
    product: 'prod_app',
    recurring: { interval: 'month', interval_count: 1, usage_type: 'licensed' },
    type: 'recurring',
    unit_amount: 4900,
    unit_amount_decimal: '4900',
    ...fields,
  };
}

/** As since 2025-03-31.basil. */
export function subscription(fields: Json = {}, items: readonly Json[] = [item('si_1')]): Json {
  return {
    id: 'sub_1',
    object: 'subscription',
    cancel_at_period_end: false,
    collection_method: 'charge_automatically',
    created: TEN,
    currency: 'eur',
    customer: 'cus_1',
    items: { object: 'list', data: items, has_more: false },
    latest_invoice: 'in_1',
    livemode: false,
    metadata: { plan: 'basic' },
    start_date: TEN,
    status: 'active',
    ...fields,
  };
}

/** As since 2025-03-31.basil. */
export function invoice(fields: Json = {}): Json {
  return {
    id: 'in_1',
    object: 'invoice',
    amount_due: 4900,
    amount_paid: 0,
    amount_remaining: 4900,
    attempt_count: 0,
    attempted: false,
    billing_reason: 'subscription_cycle',
    collection_method: 'charge_automatically',
    created: TEN,
    currency: 'eur',
    customer: 'cus_1',
    customer_email: 'jenny.rosen@example.com',
    number: null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: {}, subscription: 'sub_1' },
      type: 'subscription_details',
    },
    period_end: TEN,
    period_start: TEN - MONTH,
    status: 'draft',
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    subtotal: 4118,
    total: 4900,
    total_taxes: [{ amount: 700 }, { amount: 82 }],
    ...fields,
  };
}

export function paymentIntent(fields: Json = {}): Json {
  return {
    id: 'pi_1',
    object: 'payment_intent',
    amount: 4900,
    amount_received: 0,
    created: TEN,
    currency: 'eur',
    customer: 'cus_1',
    last_payment_error: null,
    latest_charge: null,
    metadata: {},
    payment_method: 'pm_1',
    status: 'requires_payment_method',
    ...fields,
  };
}

export function charge(fields: Json = {}): Json {
  return {
    id: 'ch_1',
    object: 'charge',
    amount: 4900,
    amount_captured: 4900,
    amount_refunded: 0,
    captured: true,
    created: TEN,
    currency: 'eur',
    customer: 'cus_1',
    disputed: false,
    failure_code: null,
    outcome: { reason: null, type: 'authorized' },
    paid: true,
    payment_intent: 'pi_1',
    payment_method: 'pm_1',
    payment_method_details: { card: { brand: 'visa' }, type: 'card' },
    refunded: false,
    status: 'succeeded',
    ...fields,
  };
}

export function customer(fields: Json = {}): Json {
  return {
    id: 'cus_1',
    object: 'customer',
    address: { country: 'DE' },
    balance: -500,
    created: TEN,
    currency: 'eur',
    delinquent: false,
    email: 'jenny.rosen@example.com',
    invoice_settings: { default_payment_method: 'pm_1' },
    metadata: { team: '7' },
    name: 'Jenny Rosén',
    ...fields,
  };
}

export function product(fields: Json = {}): Json {
  return {
    id: 'prod_app',
    object: 'product',
    active: true,
    created: TEN,
    default_price: 'price_basic',
    metadata: {},
    name: 'App',
    type: 'service',
    ...fields,
  };
}
