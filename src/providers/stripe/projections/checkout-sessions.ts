import { own } from '../../../core/json.ts';
import { integer, json, reference, text, time } from './columns.ts';
import type { Rank } from './life-cycle.ts';
import { objectTable } from './object-table.ts';

/** Completed, with some methods of payment still unpaid; then, perhaps days later, paid or failed. */
const furthest: Rank = ({ type, object }) => {
  if (own(object, 'payment_status') === 'paid' || type.endsWith('.async_payment_succeeded')) return 3;
  if (type.endsWith('.async_payment_failed')) return 2;
  const status = own(object, 'status');
  return status === 'complete' || status === 'expired' ? 1 : 0;
};

export const checkoutSessions = objectTable({
  name: 'stripe_checkout_sessions',
  columns: {
    mode: text('mode'),
    status: text('status'),
    payment_status: text('payment_status'),
    customer: reference('customer'),
    customer_email: text('customer_details.email', 'customer_email'),
    client_reference_id: text('client_reference_id'),
    payment_intent: reference('payment_intent'),
    setup_intent: reference('setup_intent'),
    subscription: reference('subscription'),
    invoice: reference('invoice'),
    payment_link: reference('payment_link'),
    currency: text('currency'),
    amount_subtotal: integer('amount_subtotal'),
    amount_total: integer('amount_total'),
    expires_at: time('expires_at'),
    metadata: json('metadata'),
  },
  rank: furthest,
});
