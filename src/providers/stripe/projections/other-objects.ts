/** Every object that has no table of its own, and those without an id, such as upcoming invoices and balances. */
import { own } from '../../../core/json.ts';
import { afterCreation } from './life-cycle.ts';
import { objectTable } from './object-table.ts';
import { furthestIntent } from './payment-life.ts';

export const otherObjects = objectTable({
  name: 'stripe_objects',
  columns: {},
  rank: (seen) => (own(seen.object, 'object') === 'setup_intent' ? furthestIntent(seen) : afterCreation(seen)),
  anyType: true,
});
