import { expect, it } from 'vitest';
import { projectors } from '../../src/providers/projectors.ts';
import { namesOf, scopeOf, UnknownProjection } from '../../src/rebuild/scope.ts';

const tablesOf = (...names: string[]) => scopeOf(names, null, projectors).tables.map(({ name }) => name);
const every = Object.values(projectors).flatMap(({ tables }) => tables.map(({ name }) => name));

it('is everything, sorted, if nothing is named', () => {
  expect(tablesOf()).toEqual([...every].sort());
  expect(scopeOf([], null, projectors).providers.toSorted()).toEqual(['stripe', 'whatsapp']);
});

it('takes tables and providers, in any order and more than once, and reads only the providers it needs', () => {
  const scope = scopeOf(['whatsapp_messages', 'whatsapp_contacts', 'whatsapp_messages'], null, projectors);
  expect(scope.tables.map(({ name }) => name)).toEqual(['whatsapp_contacts', 'whatsapp_messages']);
  expect(scope.providers).toEqual(['whatsapp']);
  expect(tablesOf('stripe')).toEqual(every.filter((name) => name.startsWith('stripe_')).sort());
  expect(tablesOf('whatsapp_messages', 'stripe', 'whatsapp')).toEqual(tablesOf());
});

it('lists what there is where a name is wrong', () => {
  expect(() => tablesOf('whatsapp_mesages')).toThrow(UnknownProjection);
  expect(() => tablesOf('stripe', 'whatsapp_mesages')).toThrow(
    /no projection whatsapp_mesages.*stripe, whatsapp.*stripe_checkout_sessions.*whatsapp_templates/,
  );
});

it('is named as briefly as it can be', () => {
  expect(namesOf(tablesOf(), projectors)).toEqual([]);
  expect(namesOf(tablesOf('whatsapp', 'stripe_prices'), projectors)).toEqual(['whatsapp', 'stripe_prices']);
  // Of a release that had another table.
  expect(namesOf(['stripe_prices', 'stripe_teapots'], projectors)).toEqual(['stripe_prices', 'stripe_teapots']);
});
