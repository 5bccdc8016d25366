/**
 * Payment intents, charges, refunds and disputes in one history. What belongs together has the same `payment`: the id of the
 * payment intent, or of the charge where there is no intent.
 */
import { textOf } from '../../../core/identity.ts';
import { type JsonObject, own } from '../../../core/json.ts';
import { type Column, flag, integer, json, reference, text, time } from './columns.ts';
import { objectTable } from './object-table.ts';
import { failureColumns, failureMemory } from './payment-failure.ts';
import { chargeStatus, furthestPayment } from './payment-life.ts';

const id = reference('id');
const named = {
  payment_intent: reference('payment_intent'),
  charge: reference('charge', 'latest_charge'),
};

export const payments = objectTable({
  name: 'stripe_payments',
  columns: {
    type: text('object'),
    payment: { type: 'text', read: paymentOf },
    payment_intent: itselfOr('payment_intent'),
    charge: itselfOr('charge'),
    customer: reference('customer'),
    // No longer in 2025-03-31.basil, where objects of the type invoice_payment say it.
    invoice: reference('invoice'),
    status: { type: 'text', read: statusOf },
    amount: integer('amount'),
    amount_received: integer('amount_received'),
    amount_captured: integer('amount_captured'),
    amount_refunded: integer('amount_refunded'),
    currency: text('currency'),
    ...failureColumns,
    // Of a refund or a dispute, or why an intent was canceled.
    reason: text('reason', 'cancellation_reason'),
    payment_method: reference('payment_method', 'source'),
    payment_method_type: text('payment_method_details.type'),
    captured: flag('captured'),
    refunded: flag('refunded'),
    disputed: flag('disputed'),
    evidence_due_by: time('evidence_details.due_by'),
    description: text('description'),
    metadata: json('metadata'),
  },
  rank: furthestPayment,
  memory: failureMemory,
});

function paymentOf(object: JsonObject): unknown {
  if (own(object, 'object') === 'payment_intent') return id.read(object);
  return named.payment_intent.read(object) ?? itselfOr('charge').read(object) ?? id.read(object);
}

/** The object's own id if it is of that type, else the one that it names. */
function itselfOr(type: 'payment_intent' | 'charge'): Column {
  const read = (object: JsonObject): unknown =>
    own(object, 'object') === type ? id.read(object) : named[type].read(object);
  return { type: 'text', read };
}

function statusOf(object: JsonObject): string | null {
  return own(object, 'object') === 'charge' ? chargeStatus(object) : (textOf(own(object, 'status')) ?? null);
}
