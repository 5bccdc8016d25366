import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../../../src/core/projection.ts';
import { projector } from '../../../../src/providers/stripe/project.ts';
import type { ProjectedTables } from '../../../support/project-in-memory.ts';
import { onlyRow, project, snapshot, TEN } from './events.ts';
import { customer, paymentIntent, product, subscription } from './objects.ts';
import { SEQUENCES } from './sequences.ts';

/** Every event at least once, some twice, in any order. */
function anyOrder(events: readonly StoredEvent[]): fc.Arbitrary<StoredEvent[]> {
  const repeated = fc.subarray([...events]).map((again) => [...events, ...again]);
  return repeated.chain((all) => fc.shuffledSubarray(all, { minLength: all.length }));
}

function sameRows(events: readonly StoredEvent[], expected: ReturnType<ProjectedTables['all']>): void {
  expect(project(...events).all()).toEqual(expected);
}

describe.each(SEQUENCES)('$name', ({ events, table, end }) => {
  it('comes to its end', () => expect(onlyRow(table, ...events)).toMatchObject(end));

  it('comes to the same rows in any order, however often', () => {
    const inOrder = project(...events).all();
    fc.assert(fc.property(anyOrder(events), (other) => sameRows(other, inOrder)));
  });
});

describe('whatever is sent about an object', () => {
  const TYPES: Readonly<Record<string, (fields: Record<string, unknown>) => object>> = {
    customer,
    product,
    'customer.subscription': subscription,
    payment_intent: (fields) => paymentIntent({ ...fields, last_payment_error: { code: fields['name'] } }),
    coupon: (fields) => ({ id: 'SUMMER', object: 'coupon', ...fields }),
    balance: (fields) => ({ object: 'balance', ...fields }),
  };
  const fields = fc.record(
    {
      name: fc.constantFrom('a', 'b', 'c'),
      email: fc.constantFrom('x@example.com', 'y@example.com'),
      status: fc.constantFrom('incomplete', 'active', 'past_due', 'canceled', 'invented'),
      created: fc.integer({ min: TEN, max: TEN + 6 }),
      deleted: fc.constant(true),
      items: fc.subarray(['si_1', 'si_2', 'si_3']).map((ids) => ({ data: ids.map((id) => ({ id })) })),
      // Three of the longest do not fit.
      padding: fc.constantFrom('', '', '', 'x'.repeat(100_000)),
    },
    { requiredKeys: [] },
  );
  const events = fc.constantFrom(...Object.keys(TYPES)).chain((kind) => {
    const event = fc.record({
      type: fc
        .constantFrom('created', 'updated', 'updated', 'payment_failed', 'deleted')
        .map((verb) => `${kind}.${verb}`),
      created: fc.oneof(fc.integer({ min: TEN, max: TEN + 6 }), fc.constant(null)),
      object: fields.map((some) => ({ ...TYPES[kind]?.(some) })),
      previous: fields,
    });
    return fc.array(event, { minLength: 2, maxLength: 8 });
  });

  it('its order does not matter', () => {
    const orders = events.chain((sent) => {
      const stored = sent.map((event, index) => snapshot({ ...event, id: `evt_a${index}` }));
      return fc.tuple(fc.constant(stored), anyOrder(stored));
    });
    const same = ([sent, other]: [StoredEvent[], StoredEvent[]]) => sameRows(other, project(...sent).all());
    fc.assert(fc.property(orders, same), { numRuns: 150 });
  });

  it('events known already change nothing, so that nothing is written', () => {
    const [first, second] = [customer(), customer({ name: 'Jenny' })].map((object, index) =>
      snapshot({ type: 'customer.updated', object, created: TEN + 10 * index }),
    );
    if (first === undefined || second === undefined) throw new Error('two events');
    const reduce = (event: StoredEvent, row: Record<string, unknown> | null) =>
      projector.project(event)[0]?.reduce(row) as Record<string, unknown>;
    const row = reduce(second, null);
    expect(reduce(second, row)).toBe(row);
    // Too old to matter.
    expect(reduce(first, row)).toBe(row);
  });
});

describe('more events of one moment than a row keeps', () => {
  const at = (created: number, name: string) =>
    snapshot({ type: 'customer.updated', object: customer({ name }), created, id: `evt_${name}` });
  const many = Array.from({ length: 40 }, (_, index) => at(TEN + (index % 3), `${100 + index}`));

  it('keep to their bounds, are marked, and come to the same in any order', () => {
    const [row] = project(...many).rows('stripe_customers');
    expect(row).toMatchObject({ needs_refetch: true, recent_events: { left_out: { created: TEN + 1 } } });
    expect(row?.['recent_events']).toHaveProperty('live.length', 16);
    const inOrder = project(...many).all();
    const shuffled = fc.shuffledSubarray(many, { minLength: many.length });
    fc.assert(fc.property(shuffled, (other) => sameRows(other, inOrder)));
  });

  it('are forgotten when a newer one settles it', () => {
    const settled = at(TEN + 10, 'Jenny');
    expect(onlyRow('stripe_customers', ...many, settled)).toMatchObject({ name: 'Jenny', needs_refetch: false });
    expect(project(settled, ...many).rows('stripe_customers')).toEqual(
      project(...many, settled).rows('stripe_customers'),
    );
  });

  it('keep to their bounds in bytes, but for a single object', () => {
    const large = (id: string, length: number) =>
      snapshot({ type: 'customer.updated', object: customer({ padding: 'x'.repeat(length) }), id });
    const kept = (...events: StoredEvent[]) => {
      const [row] = project(...events).rows('stripe_customers');
      const { live } = Object(row?.['recent_events']) as { live: { event: string }[] };
      return live.map(({ event }) => event);
    };
    expect(kept(large('evt_1', 100_000), large('evt_2', 100_000), large('evt_3', 100_000))).toEqual(['evt_3', 'evt_2']);
    expect(kept(large('evt_1', 1_000_000))).toEqual(['evt_1']);
  });
});
