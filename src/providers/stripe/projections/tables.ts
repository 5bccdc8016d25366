/** Which table an object has its row in. */
import type { ProjectionTable } from '../../../core/projection.ts';
import { checkoutSessions } from './checkout-sessions.ts';
import { customers } from './customers.ts';
import { history } from './history.ts';
import { invoices } from './invoices.ts';
import type { ObjectTable } from './object-table.ts';
import { otherObjects } from './other-objects.ts';
import { payments } from './payments.ts';
import { payouts } from './payouts.ts';
import { prices } from './prices.ts';
import { products } from './products.ts';
import type { Snapshot } from './snapshot.ts';
import { subscriptions } from './subscriptions.ts';

const OF_TYPE: ReadonlyMap<string, ObjectTable> = new Map([
  ['customer', customers],
  ['subscription', subscriptions],
  ['invoice', invoices],
  ['payment_intent', payments],
  ['charge', payments],
  ['refund', payments],
  ['dispute', payments],
  ['checkout.session', checkoutSessions],
  ['product', products],
  ['price', prices],
  ['payout', payouts],
]);

export const tables: readonly ProjectionTable[] = [
  ...[...new Set([...OF_TYPE.values(), otherObjects])].map(({ table }) => table),
  history,
];

export function tableOf({ objectType, hasId }: Snapshot): ObjectTable {
  return (hasId ? OF_TYPE.get(objectType) : undefined) ?? otherObjects;
}
