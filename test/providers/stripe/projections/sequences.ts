/** What Stripe sends in the life of an object, in the order in which it happens, and the state that it comes to. */
import type { StoredEvent } from '../../../../src/core/projection.ts';
import { snapshot, TEN } from './events.ts';
import { charge, customer, invoice, item, paymentIntent, product, subscription } from './objects.ts';

export interface Sequence {
  readonly name: string;
  readonly events: readonly StoredEvent[];
  readonly table: string;
  /** Columns at the end. */
  readonly end: Readonly<Record<string, unknown>>;
}

const DECLINED = {
  code: 'card_declined',
  decline_code: 'insufficient_funds',
  message: 'No funds.',
  type: 'card_error',
};
const of = (type: string, created: number, object: object, previous?: object): StoredEvent =>
  snapshot({ type, created, object: { ...object }, ...(previous ? { previous: { ...previous } } : {}) });

const trialing = { status: 'trialing', trial_start: TEN, trial_end: TEN + 1000 };
const two = [item('si_1'), item('si_2')];

export const SEQUENCES: readonly Sequence[] = [
  {
    name: 'a subscription from its creation in one second to its end',
    table: 'stripe_subscriptions',
    events: [
      of('customer.subscription.created', TEN, subscription({ status: 'incomplete' }, two)),
      of('customer.subscription.updated', TEN, subscription(trialing, two), { status: 'incomplete', trial_end: null }),
      of('customer.subscription.trial_will_end', TEN + 1, subscription(trialing, two)),
      of(
        'customer.subscription.updated',
        TEN + 1,
        subscription({ ...trialing, cancel_at_period_end: true }, [item('si_2')]),
        { cancel_at_period_end: false, items: { data: two } },
      ),
      of(
        'customer.subscription.deleted',
        TEN + 2,
        subscription({ ...trialing, cancel_at_period_end: true, status: 'canceled', ended_at: TEN + 2 }, [
          item('si_2'),
        ]),
      ),
    ],
    end: { status: 'canceled', deleted: true, needs_refetch: false, cancel_at_period_end: true },
  },
  {
    name: 'a subscription that goes back and forth, told by the chain alone',
    table: 'stripe_subscriptions',
    events: [
      of('customer.subscription.created', TEN, subscription({ status: 'incomplete' })),
      of('customer.subscription.updated', TEN, subscription(), { status: 'incomplete' }),
      of('customer.subscription.updated', TEN, subscription({ status: 'past_due' }), { status: 'active' }),
      of('customer.subscription.updated', TEN, subscription({ status: 'past_due', latest_invoice: 'in_2' }), {
        latest_invoice: 'in_1',
      }),
    ],
    end: { status: 'past_due', latest_invoice: 'in_2', deleted: false, needs_refetch: false },
  },
  {
    name: 'a payment intent that is refused once',
    table: 'stripe_payments',
    events: [
      of('payment_intent.created', TEN, paymentIntent({ payment_method: null })),
      of('payment_intent.requires_action', TEN, paymentIntent({ status: 'requires_action' })),
      of('payment_intent.payment_failed', TEN + 1, paymentIntent({ last_payment_error: DECLINED })),
      of('payment_intent.processing', TEN + 60, paymentIntent({ status: 'processing' })),
      of('payment_intent.succeeded', TEN + 60, paymentIntent({ status: 'succeeded', amount_received: 4900 })),
    ],
    end: { status: 'succeeded', amount_received: 4900, failure_code: 'card_declined', needs_refetch: false },
  },
  {
    name: 'a charge that is refunded in two parts within a second',
    table: 'stripe_payments',
    events: [
      of('charge.succeeded', TEN, charge()),
      of('charge.refunded', TEN + 1, charge({ amount_refunded: 1000 }), { amount_refunded: 0 }),
      of('charge.refunded', TEN + 1, charge({ amount_refunded: 4900, refunded: true }), {
        amount_refunded: 1000,
        refunded: false,
      }),
    ],
    end: { status: 'succeeded', amount_refunded: 4900, refunded: true, needs_refetch: false },
  },
  {
    name: 'an invoice from its draft to its payment',
    table: 'stripe_invoices',
    events: [
      of('invoice.created', TEN, invoice()),
      of('invoice.updated', TEN + 3600, invoice({ number: 'A-1', status: 'open' }), { number: null, status: 'draft' }),
      of('invoice.finalized', TEN + 3600, invoice({ number: 'A-1', status: 'open' })),
      of('invoice.payment_failed', TEN + 3601, invoice({ number: 'A-1', status: 'open', attempt_count: 1 })),
      of('invoice.updated', TEN + 3602, invoice({ number: 'A-1', status: 'paid', amount_paid: 4900 }), {
        amount_paid: 0,
        status: 'open',
      }),
      of('invoice.paid', TEN + 3602, invoice({ number: 'A-1', status: 'paid', amount_paid: 4900 })),
      of('invoice.payment_succeeded', TEN + 3602, invoice({ number: 'A-1', status: 'paid', amount_paid: 4900 })),
    ],
    end: { status: 'paid', amount_paid: 4900, number: 'A-1', needs_refetch: false },
  },
  {
    name: 'a product that is deleted and made again',
    table: 'stripe_products',
    events: [
      of('product.created', TEN, product()),
      of('product.updated', TEN + 99, product({ name: 'Old' }), { name: 'App' }),
      of('product.deleted', TEN + 100, product({ name: 'Old' })),
      of('product.created', TEN + 100, product({ name: 'New', created: TEN + 100 })),
    ],
    end: { name: 'New', deleted: false, needs_refetch: false },
  },
  {
    name: 'a product that is deleted in the second in which it was changed',
    table: 'stripe_products',
    events: [
      of('product.created', TEN, product()),
      of('product.updated', TEN, product({ name: 'Old' }), { name: 'App' }),
      of('product.deleted', TEN, product({ name: 'Old' })),
    ],
    end: { name: 'Old', deleted: true, needs_refetch: false },
  },
  {
    name: 'a customer of whom the deletion shows nothing but the id',
    table: 'stripe_customers',
    events: [
      of('customer.created', TEN, customer({ name: 'Jenny' })),
      of('customer.updated', TEN + 1, customer(), { name: 'Jenny' }),
      of('customer.deleted', TEN + 50, { id: 'cus_1', object: 'customer', deleted: true }),
    ],
    end: { name: 'Jenny Rosén', deleted: true, needs_refetch: false },
  },
];
