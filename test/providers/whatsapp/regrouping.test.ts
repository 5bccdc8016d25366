/**
 * The set of keys is that of the items, however Meta batches them (up to 20,000 in a body: `hostile.test.ts` has the
 * rest). Keys are computed here a second time, in the plainest way, from the items alone.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expectedSha } from '../expected-sha.ts';
import { keys } from './bodies.ts';

interface Sent {
  readonly field: string;
  readonly array: string;
  readonly item: object;
  readonly key: string;
}

const text = fc.constantFrom('a', 'b', 'wamid.HBgL=', '4915112345678', '<ID>');
const id = fc.oneof(text, fc.integer({ min: 1, max: 5 }));
const seconds = fc.constantFrom('1763600400', 1763600400, '1763600401');
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const or = (value: unknown) => (value === undefined ? '-' : String(value));

const message = fc
  .record({ id, type: fc.constantFrom('text', 'image', 'unsupported'), from: text, timestamp: seconds })
  .chain((item) =>
    fc.constantFrom<Sent>(
      {
        field: 'messages',
        array: 'messages',
        item,
        key: `message:${item.id}:7${item.type === 'unsupported' ? ':unsupported' : ''}`,
      },
      { field: 'history', array: 'messages', item, key: `history_message:${item.id}:7:${item.type}` },
      {
        field: 'smb_message_echoes',
        array: 'message_echoes',
        item,
        key: `message_echo:${item.id}:7${item.type === 'unsupported' ? ':unsupported' : ''}`,
      },
    ),
  );

const status = fc
  .record({ id, status: text, timestamp: optional(seconds), recipient_participant_id: optional(text) })
  .chain((item) => {
    const { id: own, status: name, timestamp, recipient_participant_id: participant } = item;
    return fc.constantFrom<Sent>(
      {
        field: 'messages',
        array: 'statuses',
        item,
        key: `status:${own}:7:${name}:${or(participant)}:${or(timestamp)}`,
      },
      { field: 'calls', array: 'statuses', item, key: `call_status:${own}:7:${name}:${or(timestamp)}` },
    );
  });

const call = fc.record({ id, event: fc.constantFrom('connect', 'terminate'), timestamp: seconds }).map(
  (item): Sent => ({
    field: 'calls',
    array: 'calls',
    item,
    key: `call:${item.id}:7:${item.event}:${item.timestamp}`,
  }),
);

const payment = fc
  .record({ id, type: fc.constant('payment'), status: text, timestamp: seconds, payment: fc.jsonValue() })
  .filter((item) => item.payment !== null && !/[eE]|\d{16}/.test(JSON.stringify(item.payment)))
  .map(
    (item): Sent => ({
      field: 'messages',
      array: 'statuses',
      item,
      key: `status:${item.id}:7:${item.status}:-:${item.timestamp}:${expectedSha(item.payment)}`,
    }),
  );

const notice = fc.record({ timestamp: seconds, action: text, more: fc.dictionary(text, fc.boolean()) }).chain((item) =>
  fc.constantFrom<Sent>(
    ...['history', 'state_sync', 'groups', 'user_preferences', 'user_id_update', 'automatic_events'].map((array) => ({
      field: `${array}_field`,
      array,
      item,
      key: `${array}_field:1:7:${expectedSha(item)}:-`,
    })),
  ),
);

const sent = fc.oneof(message, status, call, payment, notice);

/** One body: an entry for each group of items, and in it a change for each field. */
function bodyOf(entries: readonly (readonly Sent[])[]): object {
  return {
    object: 'whatsapp_business_account',
    entry: entries.map((items) => ({
      id: '1',
      changes: [...new Set(items.map(({ field }) => field))].map((field) => {
        const value: Record<string, unknown> = { messaging_product: 'whatsapp', metadata: { phone_number_id: '7' } };
        for (const { array, item } of items.filter((one) => one.field === field)) {
          value[array] = [...((value[array] as object[] | undefined) ?? []), item];
        }
        return { field, value };
      }),
    })),
  };
}

it('the keys found are those of the items sent, in whatever batches they come', () => {
  const places = fc.record({ item: sent, body: fc.nat(2), entry: fc.nat(2) });
  fc.assert(
    fc.property(fc.array(places, { minLength: 1, maxLength: 12 }), (all) => {
      const found = new Set<string>();
      for (const body of new Set(all.map((one) => one.body))) {
        const here = all.filter((one) => one.body === body);
        const entries = [...new Set(here.map((one) => one.entry))].map((entry) =>
          here.filter((one) => one.entry === entry).map((one) => one.item),
        );
        const foundHere = keys(bodyOf(entries));
        expect(new Set(foundHere).size).toBe(foundHere.length);
        for (const key of foundHere) found.add(key);
      }
      expect(found).toEqual(new Set(all.map(({ item }) => item.key)));
    }),
    { numRuns: 150 },
  );
});

it('an item has the same key in another order of its fields, and beside contacts', () => {
  fc.assert(
    fc.property(sent, (one) => {
      const item = Object.fromEntries(Object.entries(one.item).reverse());
      expect(keys(bodyOf([[one]]))).toEqual(keys(bodyOf([[{ ...one, item }]])));
      const contacts = { field: one.field, array: 'contacts', item: { wa_id: 'x' }, key: '' };
      expect(keys(bodyOf([[contacts, one]]))).toEqual([one.key]);
    }),
  );
});
