import { flag, integer, json, reference, text, time } from './columns.ts';
import { byStatus } from './life-cycle.ts';
import { objectTable } from './object-table.ts';

export const payouts = objectTable({
  name: 'stripe_payouts',
  columns: {
    status: text('status'),
    amount: integer('amount'),
    currency: text('currency'),
    arrival_date: time('arrival_date'),
    method: text('method'),
    type: text('type'),
    automatic: flag('automatic'),
    destination: reference('destination'),
    balance_transaction: reference('balance_transaction'),
    failure_code: text('failure_code'),
    failure_message: text('failure_message'),
    description: text('description'),
    statement_descriptor: text('statement_descriptor'),
    metadata: json('metadata'),
  },
  // A bank can send back what counted as paid.
  rank: byStatus({ pending: 0, in_transit: 1, paid: 2, canceled: 3, failed: 3 }),
});
