/** A person is erased from a real PostgreSQL: nothing of hers is left, and nothing of others is lost. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { isUnknown } from '../../src/erasure/report.ts';
import { message } from '../providers/whatsapp/projections/projected.ts';
import { addDeliveries, addDestination } from '../support/deliveries.ts';
import { fixtureNames, readFixture } from '../support/fixtures.ts';
import { type ErasurePlace, openErasurePlace } from './erasure-place.ts';
import { mentions } from './mentions.ts';
import { EVE, IDS_OF_MIA, JAN, MIA, MIXED, OLD_MIA, OLD_NUMBER, OTHERS, OWN, text } from './people.ts';

let place: ErasurePlace;
beforeAll(async () => {
  place = await openErasurePlace();
});
beforeEach(() => place.empty());
afterAll(() => place.close());

const ALL = [...OWN, ...MIXED, ...OTHERS];
/** Jan's text and his contact card are his. */
const LEFT_OF_MIA = [
  'events.payload: 2',
  'webhook_requests.body: 2',
  'whatsapp_messages.content: 1',
  'whatsapp_messages.text: 1',
];
const keys = async () =>
  (await place.database.query('SELECT dedupe_key FROM events ORDER BY 1')).map(({ dedupe_key }) => dedupe_key);
/** Of those events that are as they were when only the others had ever written. */
const eventsOf = (source = 'whatsapp') =>
  place.database.query('SELECT dedupe_key, type, subject, payload FROM events WHERE source = $1 ORDER BY 1', [source]);

it.each([
  ['phone number', MIA.wa_id],
  ['number as people write it', '+49 151 0000-0001'],
  ['user id', MIA.user_id],
  ['former user id', OLD_MIA],
])('known by her %s, nothing of her is left but what others wrote of her', async (_, subject) => {
  await place.append(ALL);
  await place.dispatch();
  const before = await keys();
  const report = await place.erase(subject);
  expect(report).toMatchObject({
    ids: 3,
    otherIds: 1,
    events: { erased: 17, rewritten: 4 },
    left: { events: 2, requests: 2 },
  });
  expect(await mentions(place.database, IDS_OF_MIA)).toEqual(LEFT_OF_MIA);
  expect(await mentions(place.database, ['Hello', 'Mia changed', 'My old number'])).toEqual([]);
  expect(await keys()).toEqual(before);
  expect(await place.tables()).toEqual(await place.rebuild());
});

it('leaves to others what is theirs, as if she had never been there', async () => {
  await place.append(ALL);
  await place.dispatch();
  await place.erase(MIA.wa_id);
  const erased = await place.tables();
  const payloads = (await eventsOf()).filter(({ payload }) => payload !== null);
  await place.empty();
  await place.append([...MIXED, ...OTHERS]);
  await place.erase(MIA.wa_id);
  await place.dispatch();
  expect((await eventsOf()).filter(({ payload }) => payload !== null)).toEqual(payloads);
  expect(await place.tables()).toEqual(erased);
  expect(erased['whatsapp_messages']).toMatchObject([
    { message_id: 'card' },
    { message_id: 'eve-1', wa_id: OLD_NUMBER },
    { message_id: 'group-1', contact_id: JAN.user_id, reactions: null, text: 'Who comes?' },
    { message_id: 'group-2', contact_id: null, text: null, reactions: { [JAN.user_id]: { emoji: '🎉' } } },
    { message_id: 'group-3', contact_id: JAN.user_id, context: { id: 'group-2' } },
    { message_id: 'jan-1' },
    { message_id: 'jan-2' },
    { message_id: 'old-1' },
    { message_id: 'out', status: 'read' },
    { message_id: 'to-group', status: 'delivered', read_at: null },
  ]);
});

it('takes a number as the name of all that stands under it, and a user id only for its own', async () => {
  await place.append(ALL);
  await place.dispatch();
  // Mia had it before Eve: what names it without a user id counts as Eve's, and what names both as Mia's.
  await place.erase(EVE.user_id);
  expect(await mentions(place.database, [EVE.user_id, 'This is my number now'])).toEqual([]);
  const [mia0] = await place.database.query(`SELECT payload FROM events WHERE dedupe_key LIKE 'message:mia-0:%'`);
  expect(mia0.payload).toMatchObject({ message: { from: OLD_NUMBER, from_user_id: OLD_MIA } });
  expect(await place.tables()).toEqual(await place.rebuild());

  await place.empty();
  await place.append(ALL);
  await place.dispatch();
  await place.erase(OLD_NUMBER);
  expect(await mentions(place.database, [OLD_NUMBER])).toEqual([]);
  expect((await place.tables())['whatsapp_messages']).toContainEqual(expect.objectContaining({ message_id: 'mia-1' }));
  expect(await place.tables()).toEqual(await place.rebuild());
});

it('finds ids that no projection knows yet, and what is owed is projected no more', async () => {
  await place.append([...OWN, ...MIXED]);
  const report = await place.erase(OLD_MIA);
  expect(report.marks).toBe(17);
  await place.dispatch();
  expect(await mentions(place.database, [...IDS_OF_MIA, OLD_NUMBER])).toEqual([]);
  expect(await place.tables()).toEqual(await place.rebuild());
});

it('of all fixtures, a person in every kind of event', async () => {
  const [id, userId] = ['4915112345678', 'DE.90210775311846220037'];
  await place.append(fixtureNames('whatsapp').map((name) => readFixture('whatsapp', name)));
  await place.dispatch();
  await place.erase(id);
  expect(await mentions(place.database, [id, userId, 'Zoë Brandt'])).toEqual([]);
  expect(await mentions(place.database, ['4915187654321'])).not.toEqual([]);
  expect(await place.tables()).toEqual(await place.rebuild());
});

it('where retention has removed events, rows of others stay and lose no more than her', async () => {
  await place.append(ALL);
  await place.dispatch();
  await place.database.query(
    'DELETE FROM events; DELETE FROM webhook_requests; UPDATE retention SET events_removed = 1',
  );
  const before = await place.tables();
  await place.erase(MIA.wa_id);
  expect(await mentions(place.database, IDS_OF_MIA)).toEqual([
    'whatsapp_messages.content: 1',
    'whatsapp_messages.text: 1',
  ]);
  const tables = await place.tables();
  const row = (name: string, id: string) => tables[name]?.find((one) => Object.values(one).includes(id));
  const former = before['whatsapp_messages']?.find(({ message_id }) => message_id === 'group-1');
  expect(row('whatsapp_messages', 'group-1')).toEqual({ ...former, reactions: null });
  expect(row('whatsapp_messages', 'group-3')).toMatchObject({ text: 'Fine', context: { id: 'group-2' } });
  expect(row('whatsapp_contacts', OLD_NUMBER)).toMatchObject({ merged_into: EVE.user_id, name: 'Eve Blum' });
  expect(tables['whatsapp_messages']?.map(({ message_id }) => message_id)).toEqual([
    ...['card', 'eve-1', 'group-1', 'group-3', 'jan-1', 'jan-2', 'old-1', 'out', 'to-group'],
  ]);
  expect(tables['whatsapp_account_events']?.map(({ value }) => value)).toMatchObject([
    { entity_type: 'BUSINESS' },
    { type: 'group_participants_remove', removed_participants: [{ wa_id: JAN.wa_id }] },
    { event: 'APPROVED' },
  ]);
});

it('a dry run says as much, and changes nothing', async () => {
  await place.append(ALL);
  await place.dispatch();
  const state = async () => [
    await eventsOf(),
    await place.tables(),
    await place.database.query('SELECT * FROM webhook_requests ORDER BY id'),
  ];
  const before = await state();
  const dry = await place.erase(MIA.wa_id, { dryRun: true });
  expect(await state()).toEqual(before);
  const done = await place.erase(MIA.wa_id);
  expect(dry).toMatchObject({ ids: done.ids, events: done.events, requests: done.requests, left: done.left });
});

it('a source that is not meant keeps everything', async () => {
  await place.append(OWN);
  await place.append(OWN, 'whatsapp-2');
  await place.dispatch();
  const before = await eventsOf('whatsapp-2');
  await place.erase(MIA.wa_id);
  expect(await eventsOf('whatsapp-2')).toEqual(before);
  expect((await eventsOf()).every(({ payload }) => payload === null)).toBe(true);
  await place.erase(MIA.wa_id, { source: 'whatsapp-2' });
  expect(await mentions(place.database, IDS_OF_MIA)).toEqual([]);
});

/** The store, with something that happens before each change. */
function storeWith(before: (change: string) => Promise<unknown>): ErasurePlace['store'] {
  const changes = ['removeMarks', 'parkEvents', 'rewriteRows', 'rewriteEvents', 'rewriteRequest', 'project'];
  return new Proxy(place.store, {
    get(target, name, receiver) {
      const member = Reflect.get(target, name, receiver);
      if (typeof member !== 'function' || !changes.includes(String(name))) return member;
      return async (...values: unknown[]) => {
        await before(String(name));
        return member.apply(target, values);
      };
    },
  });
}

it.each(['removeMarks', 'rewriteRows', 'project', 'rewriteEvents', 'rewriteRequest'])(
  'what is owed is not projected as it was, and what has come meanwhile is kept, if dispatch gets its turn at %s',
  (change) => eraseBesideDispatch(change),
);

async function eraseBesideDispatch(change: string): Promise<void> {
  await place.append(ALL);
  let come: string[] | undefined;
  const before = async (now: string) => {
    come ??= await place.append([message(text(MIA, 'mia-new', 500, 'Here again'), MIA)]);
    if (now === change) await place.dispatch();
  };
  const report = await place.erase(MIA.wa_id, { store: storeWith(before) });
  expect(report).toMatchObject({ events: { erased: 17, rewritten: 4 }, arrived: 1 });
  await place.dispatch();
  const messages = (await place.tables())['whatsapp_messages'] ?? [];
  expect(messages.filter(({ user_id }) => user_id === MIA.user_id)).toMatchObject([{ message_id: 'mia-new' }]);
  expect(await place.database.query('SELECT FROM webhook_requests WHERE id = $1', [come?.[0]])).toHaveLength(1);
  expect(await place.tables()).toEqual(await place.rebuild());
}

it.each([0, 1])(
  'stopped after any page and run again, it ends as if it had not been stopped; events removed: %i',
  async (events) => {
    const begin = async () => {
      await place.empty();
      await place.append(ALL);
      await place.dispatch();
      await place.database.query('UPDATE retention SET events_removed = $1', [events]);
    };
    await begin();
    await place.erase(MIA.wa_id);
    const expected = await place.tables();
    for (let pages = 1, stopped = true; stopped; pages++) {
      await begin();
      const stop = new AbortController();
      let left = pages;
      const holdRetention = async () => {
        left--;
        if (left === 0) stop.abort();
        await place.store.holdRetention();
      };
      const store = Object.create(place.store, { holdRetention: { value: holdRetention } });
      stopped = await place.erase(MIA.wa_id, { store, signal: stop.signal }).then(
        () => false,
        (error) => error === stop.signal.reason,
      );
      await place.erase(MIA.wa_id);
      expect(await mentions(place.database, IDS_OF_MIA)).toEqual(LEFT_OF_MIA);
      expect(await place.tables()).toEqual(expected);
    }
  },
);

it('nothing of her comes back when Meta sends it once more, and what is new is new', async () => {
  await place.append(OWN);
  await place.dispatch();
  await place.erase(MIA.wa_id);
  await place.append(OWN);
  await place.dispatch();
  expect(await mentions(place.database, IDS_OF_MIA)).toEqual([]);
  await place.append([message(text(MIA, 'mia-new', 500, 'Here again'), MIA)]);
  await place.dispatch();
  expect((await place.tables())['whatsapp_messages']).toMatchObject([{ message_id: 'mia-new' }]);
});

it('an id of which nothing is known is told from one that somebody mentions', async () => {
  await place.append(ALL);
  await place.dispatch();
  expect(isUnknown(await place.erase(randomUUID()))).toBe(true);
  expect(isUnknown(await place.erase('4915199999999'))).toBe(true);
  await place.erase(MIA.wa_id);
  const again = await place.erase(MIA.wa_id);
  expect(isUnknown(again)).toBe(false);
  expect(again).toMatchObject({ events: { erased: 0, rewritten: 0 }, left: { events: 2 } });
});

it('what was owed of her is cancelled, and answers to what was sent are forgotten', async () => {
  await place.append(ALL);
  await place.dispatch();
  const destination = await addDestination(place.database);
  const [event] = await place.database.query('SELECT id, request_id FROM events WHERE subject = $1 LIMIT 1', [
    MIA.wa_id,
  ]);
  const owed = { event_id: event.id, request_id: event.request_id, subject: MIA.wa_id };
  await addDeliveries(place.database, destination, [owed, { ...owed, state: 'delivered', replay_id: destination }]);
  await place.database.query(
    `INSERT INTO delivery_attempts (delivery_id, number, id, started_at, duration_ms, status, response_body, response_headers)
     SELECT id, 1, id, now(), 1, 200, 'Hello Mia', '{}' FROM deliveries`,
  );
  await place.erase(MIA.wa_id);
  expect(await place.database.query('SELECT state, subject FROM deliveries ORDER BY state')).toEqual([
    { state: 'cancelled', subject: null },
    { state: 'delivered', subject: null },
  ]);
  expect(await place.database.query('SELECT FROM delivery_attempts WHERE response_body IS NOT NULL')).toEqual([]);
});
