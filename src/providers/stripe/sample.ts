/** Bodies as Stripe would send them, to try the gateway with. */
import type { SampleInput } from '../../core/provider.ts';

interface SampleFacts {
  readonly unique: string;
  /** Unix seconds. */
  readonly created: number;
}

type SampleObject = (facts: SampleFacts) => Readonly<Record<string, unknown>>;

/** `data.object` of the snapshot events, in the shape of API version 2025-03-31.basil. */
const SNAPSHOTS: Readonly<Record<string, SampleObject>> = {
  'payment_intent.succeeded': paymentIntent,
  'payment_intent.payment_failed': (facts) => ({
    ...paymentIntent(facts),
    amount_received: 0,
    last_payment_error: { code: 'card_declined', decline_code: 'insufficient_funds', type: 'card_error' },
    latest_charge: null,
    status: 'requires_payment_method',
  }),
  'invoice.paid': ({ unique, created }) => ({
    id: `in_${unique}`,
    object: 'invoice',
    amount_due: 4900,
    amount_paid: 4900,
    amount_remaining: 0,
    billing_reason: 'subscription_cycle',
    created,
    currency: 'eur',
    customer: `cus_${unique}`,
    customer_email: 'jenny.rosen@example.com',
    customer_name: 'Jenny Rosén',
    livemode: false,
    parent: {
      subscription_details: { metadata: {}, subscription: `sub_${unique}` },
      type: 'subscription_details',
    },
    status: 'paid',
    total: 4900,
  }),
  'customer.created': ({ unique, created }) => ({
    id: `cus_${unique}`,
    object: 'customer',
    created,
    email: 'jenny.rosen@example.com',
    livemode: false,
    metadata: {},
    name: 'Jenny Rosén',
  }),
  'customer.subscription.created': subscription,
  'customer.subscription.updated': subscription,
  'customer.subscription.deleted': (facts) => ({
    ...subscription(facts),
    canceled_at: facts.created,
    ended_at: facts.created,
    status: 'canceled',
  }),
  'checkout.session.completed': ({ unique, created }) => ({
    id: `cs_test_${unique}`,
    object: 'checkout.session',
    amount_subtotal: 2000,
    amount_total: 2000,
    created,
    currency: 'eur',
    customer: null,
    customer_details: { email: 'jenny.rosen@example.com', name: 'Jenny Rosén' },
    livemode: false,
    metadata: {},
    mode: 'payment',
    payment_intent: `pi_${unique}`,
    payment_status: 'paid',
    status: 'complete',
  }),
  'charge.refunded': ({ unique, created }) => ({
    id: `ch_${unique}`,
    object: 'charge',
    amount: 2000,
    amount_captured: 2000,
    amount_refunded: 2000,
    created,
    currency: 'eur',
    livemode: false,
    paid: true,
    payment_intent: `pi_${unique}`,
    refunded: true,
    status: 'succeeded',
  }),
};

/** `previous_attributes` of those events that say what has changed. */
const PREVIOUS: Readonly<Record<string, SampleObject>> = {
  'customer.subscription.updated': () => ({ cancel_at_period_end: true }),
  'charge.refunded': () => ({ amount_refunded: 0, refunded: false }),
};

/** Thin events: no data, only where to fetch it. */
const THIN: Readonly<Record<string, SampleObject>> = {
  'v1.billing.meter.error_report_triggered': ({ unique }) => ({
    id: `mtr_test_${unique}`,
    type: 'billing.meter',
    url: `/v1/billing/meters/mtr_test_${unique}`,
  }),
  'v2.core.account[requirements].updated': ({ unique }) => ({
    id: `acct_${unique}`,
    type: 'v2.core.account',
    url: `/v2/core/accounts/acct_${unique}`,
  }),
};

export const SAMPLE_TYPES: readonly string[] = [...Object.keys(SNAPSHOTS), ...Object.keys(THIN)];

/** Pretty-printed with two spaces and raw UTF-8, as Stripe does it. */
export function sample({ type = 'payment_intent.succeeded', unique, now }: SampleInput): Buffer {
  const facts: SampleFacts = { unique, created: Math.floor(now.getTime() / 1000) };
  return Buffer.from(JSON.stringify(thinEvent(type, facts, now) ?? snapshotEvent(type, facts), null, 2));
}

function snapshotEvent(type: string, facts: SampleFacts): unknown {
  const object = member(SNAPSHOTS, type);
  if (object === undefined) throw new RangeError(`no sample of ${type}; there are ${SAMPLE_TYPES.join(', ')}`);
  const previous = member(PREVIOUS, type);
  return {
    id: `evt_${facts.unique}`,
    object: 'event',
    api_version: '2025-03-31.basil',
    created: facts.created,
    data: { object: object(facts), ...(previous ? { previous_attributes: previous(facts) } : {}) },
    livemode: false,
    pending_webhooks: 1,
    request: { id: `req_${facts.unique}`, idempotency_key: null },
    type,
  };
}

function thinEvent(type: string, facts: SampleFacts, now: Date): unknown {
  const relatedObject = member(THIN, type);
  if (relatedObject === undefined) return undefined;
  return {
    id: `evt_test_${facts.unique}`,
    object: 'v2.core.event',
    type,
    livemode: false,
    created: now.toISOString(),
    context: null,
    related_object: relatedObject(facts),
    reason: null,
  };
}

function member<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function paymentIntent({ unique, created }: SampleFacts): Readonly<Record<string, unknown>> {
  return {
    id: `pi_${unique}`,
    object: 'payment_intent',
    amount: 2000,
    amount_received: 2000,
    created,
    currency: 'eur',
    customer: `cus_${unique}`,
    description: 'Café crème × 2',
    latest_charge: `ch_${unique}`,
    livemode: false,
    metadata: { order_id: '6735' },
    payment_method_types: ['card'],
    status: 'succeeded',
  };
}

function subscription({ unique, created }: SampleFacts): Readonly<Record<string, unknown>> {
  return {
    id: `sub_${unique}`,
    object: 'subscription',
    cancel_at_period_end: false,
    created,
    currency: 'eur',
    customer: `cus_${unique}`,
    items: {
      object: 'list',
      data: [
        {
          id: `si_${unique}`,
          object: 'subscription_item',
          current_period_end: created + 2_592_000,
          current_period_start: created,
          price: { id: 'price_1Sample', object: 'price', currency: 'eur', unit_amount: 4900 },
          quantity: 1,
        },
      ],
      has_more: false,
    },
    livemode: false,
    metadata: {},
    status: 'active',
  };
}
