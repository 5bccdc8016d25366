import { flag, integer, json, reference, text } from './columns.ts';
import { objectTable } from './object-table.ts';

export const customers = objectTable({
  name: 'stripe_customers',
  columns: {
    email: text('email'),
    name: text('name'),
    phone: text('phone'),
    description: text('description'),
    country: text('address.country'),
    currency: text('currency'),
    // Negative: credit. Called `account_balance` before 2019.
    balance: integer('balance', 'account_balance'),
    delinquent: flag('delinquent'),
    default_payment_method: reference('invoice_settings.default_payment_method', 'default_source', 'default_card'),
    metadata: json('metadata'),
  },
});
