/**
 * Subscriptions, with their items. Items have no rows of their own: an event names those that are there, not those that are
 * gone, so it could not touch the rows of the latter. They stand in a column, which the view `stripe_subscription_items`
 * spreads.
 */
import { flag, json, reference, text, time } from './columns.ts';
import { byStatus } from './life-cycle.ts';
import { objectTable } from './object-table.ts';
import { itemMemory, items, periodEnd, periodStart } from './subscription-items.ts';

export const subscriptions = objectTable({
  name: 'stripe_subscriptions',
  columns: {
    customer: reference('customer'),
    status: text('status'),
    currency: text('currency', 'plan.currency'),
    current_period_start: periodStart,
    current_period_end: periodEnd,
    cancel_at_period_end: flag('cancel_at_period_end'),
    cancel_at: time('cancel_at'),
    canceled_at: time('canceled_at'),
    cancellation_reason: text('cancellation_details.reason'),
    ended_at: time('ended_at'),
    trial_start: time('trial_start'),
    trial_end: time('trial_end'),
    started_at: time('start_date', 'start'),
    collection_method: text('collection_method', 'billing'),
    default_payment_method: reference('default_payment_method', 'default_source'),
    latest_invoice: reference('latest_invoice'),
    schedule: reference('schedule'),
    items,
    metadata: json('metadata'),
  },
  // Between its beginning and its end a subscription goes back and forth.
  rank: byStatus({
    incomplete: 0,
    trialing: 1,
    active: 1,
    past_due: 1,
    unpaid: 1,
    paused: 1,
    incomplete_expired: 2,
    canceled: 2,
  }),
  memory: itemMemory,
});
