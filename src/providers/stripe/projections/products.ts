import { flag, json, reference, text } from './columns.ts';
import { objectTable } from './object-table.ts';

export const products = objectTable({
  name: 'stripe_products',
  columns: {
    name: text('name'),
    description: text('description'),
    active: flag('active'),
    type: text('type'),
    unit_label: text('unit_label'),
    default_price: reference('default_price'),
    metadata: json('metadata'),
  },
});
