import { expect, it } from 'vitest';
import { isObject, own, ownAt } from '../../../../src/core/json.ts';
import { projector } from '../../../../src/providers/stripe/project.ts';
import { corpus } from '../../../support/corpus.ts';
import { project, received } from './events.ts';

const TYPED: Readonly<Record<string, string>> = {
  customer: 'stripe_customers',
  subscription: 'stripe_subscriptions',
  invoice: 'stripe_invoices',
  payment_intent: 'stripe_payments',
  charge: 'stripe_payments',
  refund: 'stripe_payments',
  dispute: 'stripe_payments',
  'checkout.session': 'stripe_checkout_sessions',
  product: 'stripe_products',
  price: 'stripe_prices',
  payout: 'stripe_payouts',
};

const bodies = corpus().filter(({ provider }) => provider === 'stripe');

it.each(bodies)('$name has a row for its object, and one in its history', ({ body }) => {
  const event = received(body);
  const tables = project(event);
  const written = projector.tables.map(({ name }) => name).filter((name) => tables.rows(name).length > 0);
  const object = ownAt(event.payload, ['data', 'object']);
  if (!isObject(object)) return expect(written).toEqual(['stripe_object_events']);
  const typed = typeof own(object, 'id') === 'string' ? TYPED[String(own(object, 'object'))] : undefined;
  const table = typed ?? 'stripe_objects';
  expect(written).toEqual([table, 'stripe_object_events']);
  expect(tables.rows(table)).toMatchObject([{ object, needs_refetch: false }]);
});
