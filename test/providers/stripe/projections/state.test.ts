import { describe, expect, it } from 'vitest';
import { at, onlyRow, snapshot, TEN } from './events.ts';
import { customer, product, subscription } from './objects.ts';

const updated = (name: string, created: number, previous?: object) =>
  snapshot({
    type: 'customer.updated',
    object: customer({ name }),
    created,
    ...(previous ? { previous: { ...previous } } : {}),
  });
const nameOf = (...events: Parameters<typeof onlyRow>[1][]) => {
  const { name, needs_refetch } = onlyRow('stripe_customers', ...events);
  return [name, needs_refetch];
};

describe('the newest state', () => {
  it('is that of the newest event, if others are more than two seconds older', () => {
    expect(nameOf(updated('new', TEN + 3), updated('old', TEN))).toEqual(['new', false]);
    expect(nameOf(updated('old', TEN), updated('new', TEN + 3))).toEqual(['new', false]);
  });

  it('within two seconds is that of the event that follows the others by previous_attributes', () => {
    const first = updated('b', TEN + 2, { name: 'a' });
    const second = updated('c', TEN, { name: 'b' });
    expect(nameOf(first, second)).toEqual(['c', false]);
    expect(nameOf(second, first)).toEqual(['c', false]);
  });

  it('is marked as doubtful if nothing tells, and shown as the newest has it', () => {
    expect(nameOf(updated('b', TEN), updated('a', TEN + 1))).toEqual(['a', true]);
    // They go in a circle.
    expect(nameOf(updated('b', TEN, { name: 'a' }), updated('a', TEN + 1, { name: 'b' }))).toEqual(['a', true]);
    // A newer event settles it.
    expect(nameOf(updated('b', TEN), updated('a', TEN + 1), updated('c', TEN + 9))).toEqual(['c', false]);
  });

  it('is not doubtful where events say the same', () => {
    const twice = [1, 2].map((n) => snapshot({ type: 'customer.updated', object: customer(), id: `evt_${n}` }));
    expect(onlyRow('stripe_customers', ...twice)).toMatchObject({ needs_refetch: false, state_event: 'evt_2' });
  });

  it('sees a change within an object, and a key of metadata that was not there', () => {
    const change = (metadata: object, previous: object) =>
      snapshot({ type: 'customer.updated', object: customer({ metadata }), previous: { metadata: { ...previous } } });
    const events = [
      change({ a: '1' }, { a: null }),
      change({ a: '1', b: '2' }, { b: null }),
      change({ a: '1', b: '3' }, { b: '2' }),
    ];
    for (const order of [events, events.toReversed()]) {
      expect(onlyRow('stripe_customers', ...order)).toMatchObject({
        metadata: { a: '1', b: '3' },
        needs_refetch: false,
      });
    }
  });

  it('is the one furthest in its life', () => {
    const of = (type: string, status: string, created: number) =>
      snapshot({ type: `customer.subscription.${type}`, object: subscription({ status }), created });
    const statusOf = (...events: Parameters<typeof onlyRow>[1][]) => {
      const { status, needs_refetch } = onlyRow('stripe_subscriptions', ...events);
      return [status, needs_refetch];
    };
    expect(statusOf(of('updated', 'canceled', TEN), of('updated', 'active', TEN + 2))).toEqual(['canceled', false]);
    expect(statusOf(of('updated', 'active', TEN), of('created', 'active', TEN + 1))).toEqual(['active', false]);
    // A status that nobody has heard of has no place in it.
    expect(statusOf(of('updated', 'canceled', TEN), of('updated', 'invented', TEN + 2))).toEqual(['invented', true]);
  });

  it.each(['won', 'lost', 'warning_closed', 'prevented', 'charge_refunded'])(
    'of a dispute may be %s in the end',
    (end) => {
      const of = (type: string, status: string, created: number) =>
        snapshot({ type: `charge.dispute.${type}`, object: { id: 'dp_1', object: 'dispute', status }, created });
      const events = [of('closed', end, TEN), of('updated', 'under_review', TEN + 1)];
      expect(onlyRow('stripe_payments', ...events)).toMatchObject({ status: end, needs_refetch: false });
    },
  );

  it('of an event without a plausible time is older than any other', () => {
    const untimed = snapshot({ type: 'customer.updated', object: customer({ name: 'x' }), created: null });
    expect(nameOf(updated('known', TEN), untimed)).toEqual(['known', false]);
    expect(nameOf(untimed)).toEqual(['x', false]);
    expect(onlyRow('stripe_customers', untimed)).not.toHaveProperty('state_at');
  });
});

describe('a deletion', () => {
  const deleted = (object: object, created: number) =>
    snapshot({ type: 'customer.deleted', object: { ...object }, created });

  it('is final, also against newer events', () => {
    const events = [deleted(customer({ name: 'last' }), TEN), updated('later', TEN + 60)];
    for (const order of [events, events.toReversed()]) {
      expect(onlyRow('stripe_customers', ...order)).toMatchObject({ name: 'last', deleted: true, state_at: at(TEN) });
    }
  });

  it('that shows nothing leaves what was known', () => {
    const stub = deleted({ id: 'cus_1', object: 'customer', deleted: true }, TEN + 60);
    const row = onlyRow('stripe_customers', stub, updated('last', TEN));
    expect(row).toMatchObject({ name: 'last', deleted: true, state_type: 'customer.deleted', state_at: at(TEN + 60) });
    expect(onlyRow('stripe_customers', stub)).toMatchObject({ id: 'cus_1', deleted: true });
  });

  const life = (kind: string, verb: string, object: object, created: number) =>
    snapshot({ type: `${kind}.${verb}`, object: { ...object }, created });

  it.each([
    ['product', 'stripe_products', product()],
    ['plan', 'stripe_objects', { id: 'gold', object: 'plan', created: TEN }],
    ['coupon', 'stripe_objects', { id: 'SUMMER', object: 'coupon', created: TEN }],
    ['price', 'stripe_prices', { id: 'gold', object: 'price', created: TEN }],
  ])('of a %s ends when it is made again', (kind, table, object) => {
    const events = [
      life(kind, 'created', object, TEN),
      life(kind, 'deleted', object, TEN + 60),
      life(kind, 'created', { ...object, created: TEN + 90 }, TEN + 90),
    ];
    for (const order of [events, events.toReversed()]) {
      expect(onlyRow(table, ...order)).toMatchObject({ deleted: false, created_at: at(TEN + 90) });
    }
    expect(onlyRow(table, ...events.slice(0, 2))).toMatchObject({ deleted: true });
    // Changed, but not made again.
    const changed = life(kind, 'updated', object, TEN + 90);
    expect(onlyRow(table, ...events.slice(0, 2), changed)).toMatchObject({ deleted: true });
  });

  it('in the second of a creation is told apart by when the object itself was created', () => {
    const old = product({ name: 'old' });
    const deletion = life('product', 'deleted', old, TEN);
    expect(onlyRow('stripe_products', life('product', 'created', old, TEN), deletion)).toMatchObject({ deleted: true });
    const again = product({ name: 'new', created: TEN + 1 });
    // Created in the second before, if one believed `created` of the event.
    const creation = life('product', 'created', again, TEN - 1);
    const late = life('product', 'updated', old, TEN);
    expect(onlyRow('stripe_products', deletion, creation, late)).toMatchObject({ deleted: false, name: 'new' });
  });
});
