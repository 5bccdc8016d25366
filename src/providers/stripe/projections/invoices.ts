import { textOf } from '../../../core/identity.ts';
import { isObject, type JsonObject, own } from '../../../core/json.ts';
import { type Column, flag, integer, json, reference, text, time } from './columns.ts';
import { byStatus } from './life-cycle.ts';
import { objectTable } from './object-table.ts';

const ownTax = integer('tax');

export const invoices = objectTable({
  name: 'stripe_invoices',
  columns: {
    customer: reference('customer'),
    customer_email: text('customer_email'),
    // Since 2025-03-31.basil below `parent`, which other invoices have too.
    subscription: reference('subscription', 'parent.subscription_details.subscription'),
    number: text('number'),
    status: { type: 'text', read: statusOf },
    currency: text('currency'),
    subtotal: integer('subtotal'),
    tax: { type: 'bigint', read: taxOf },
    total: integer('total'),
    amount_due: integer('amount_due'),
    amount_paid: integer('amount_paid'),
    amount_remaining: integer('amount_remaining'),
    billing_reason: text('billing_reason'),
    collection_method: text('collection_method', 'billing'),
    attempted: flag('attempted'),
    attempt_count: integer('attempt_count'),
    next_payment_attempt: time('next_payment_attempt'),
    due_date: time('due_date'),
    period_start: time('period_start'),
    period_end: time('period_end'),
    finalized_at: time('status_transitions.finalized_at', 'finalized_at'),
    paid_at: time('status_transitions.paid_at'),
    voided_at: time('status_transitions.voided_at'),
    // No longer in 2025-03-31.basil, where objects of the type invoice_payment say it.
    payment_intent: reference('payment_intent'),
    charge: reference('charge'),
    metadata: json('metadata'),
  },
  rank: byStatus({ draft: 0, open: 1, uncollectible: 2, paid: 3, void: 3 }, statusOf),
});

/** Invoices have a status since 2018-11; before, only those that are settled can be told. */
function statusOf(invoice: JsonObject): string | null {
  const status = textOf(own(invoice, 'status'));
  if (status !== undefined) return status;
  if (own(invoice, 'paid') === true) return 'paid';
  return own(invoice, 'forgiven') === true ? 'uncollectible' : null;
}

/** The sum, where a version has the taxes one by one only. */
function taxOf(invoice: JsonObject): unknown {
  const taxes = own(invoice, 'total_taxes') ?? own(invoice, 'total_tax_amounts');
  const whole = ownTax.read(invoice);
  if (whole !== null || !Array.isArray(taxes)) return whole;
  const sum = taxes.filter(isObject).reduce((total, tax) => total + Number(amount.read(tax) ?? 0), 0);
  return Number.isSafeInteger(sum) ? sum : null;
}

const amount: Column = integer('amount');
