import { flag, integer, json, reference, text } from './columns.ts';
import { objectTable } from './object-table.ts';

export const prices = objectTable({
  name: 'stripe_prices',
  columns: {
    product: reference('product'),
    active: flag('active'),
    nickname: text('nickname'),
    lookup_key: text('lookup_key'),
    type: text('type'),
    billing_scheme: text('billing_scheme'),
    tax_behavior: text('tax_behavior'),
    currency: text('currency'),
    unit_amount: integer('unit_amount'),
    // Also for parts of the smallest unit: then `unit_amount` is null.
    unit_amount_decimal: text('unit_amount_decimal'),
    recurring_interval: text('recurring.interval'),
    recurring_interval_count: integer('recurring.interval_count'),
    usage_type: text('recurring.usage_type'),
    metadata: json('metadata'),
  },
});
