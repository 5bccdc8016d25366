/** What of WhatsApp's JSON is a person's, and what is not, wherever it names her. */
import { expect, it } from 'vitest';
import type { PersonIds } from '../../../../src/core/erasure.ts';
import { eraser } from '../../../../src/providers/whatsapp/erasure/eraser.ts';
import { corpus } from '../../../support/corpus.ts';
import { bare, change, payloads } from '../bodies.ts';

const MIA = { user_id: 'DE.1001', wa_id: '4915100000001' };
const JAN = { user_id: 'DE.2002', wa_id: '4915100000002' };
const BUSINESS = '4930901820';
const STRANGER = 'DE.9999';

const known = (given: string, ...others: string[]): PersonIds => ({
  given: new Set([given]),
  all: new Set([given, ...others]),
});
/** Asked for by her user id, and also known by her number. */
const mia = known(MIA.user_id, MIA.wa_id);
const left = (body: object, ids = mia) => payloads(body).map((payload) => eraser.payload(payload, ids));
const item = (field: string, array: string, ...items: object[]) => change(field, { [array]: items });

it.each<[string, object]>([
  ['a message from her', item('messages', 'messages', { id: 'm', from_user_id: MIA.user_id, type: 'text' })],
  ['a message from her number', item('messages', 'messages', { id: 'm', from: MIA.wa_id, type: 'text' })],
  ['an echo to her', item('smb_message_echoes', 'message_echoes', { id: 'm', from: BUSINESS, to: MIA.wa_id })],
  ['a status for her', item('messages', 'statuses', { id: 'm', status: 'read', recipient_user_id: MIA.user_id })],
  [
    'her status of a group message',
    item('messages', 'statuses', {
      id: 'm',
      recipient_id: 'G',
      recipient_type: 'group',
      participant_recipient_id: MIA.wa_id,
    }),
  ],
  ['a call of hers', item('calls', 'calls', { id: 'c', from: MIA.wa_id, to: BUSINESS, event: 'connect' })],
  ['a call to her', item('calls', 'calls', { id: 'c', from: BUSINESS, to_user_id: MIA.user_id, event: 'connect' })],
  ['her entry in the address book', item('smb_app_state_sync', 'state_sync', { contact: { phone_number: MIA.wa_id } })],
  ['her preference', item('user_preferences', 'user_preferences', { wa_id: MIA.wa_id, value: 'stop' })],
  [
    'the change of her user id',
    item('user_id_update', 'user_id_update', { user_id: { previous: MIA.user_id, current: 'DE.1002' } }),
  ],
  [
    'the announcement of her number',
    item('messages', 'messages', {
      id: 'm',
      type: 'system',
      system: { type: 'user_changed_number', wa_id: MIA.wa_id },
    }),
  ],
  [
    'that she joined a group',
    item('group_participants_update', 'groups', { group_id: 'G', added_participants: [{ wa_id: MIA.wa_id }] }),
  ],
  [
    'her history',
    item('history', 'history', { threads: [{ id: MIA.wa_id, messages: [{ id: 'm', from: MIA.wa_id }] }] }),
  ],
  [
    'a status without a recipient, with her contact',
    change('messages', { contacts: [MIA], statuses: [{ id: 'm', status: 'read' }] }),
  ],
  ['what Meta has not documented', bare('novelty', { novelty: { of: { who: MIA.user_id } }, at: 1 })],
  ['a member of a list that Meta has not documented', bare('novelty', { list: [MIA.wa_id] })],
  ['a contact without an item', change('messages', { contacts: [MIA] })],
])('nothing is left of %s', (_, body) => {
  expect(left(body)).toEqual(['nothing']);
  expect(eraser.body(body, mia)).toBe('nothing');
});

it.each<[string, object]>([
  [
    'a text that mentions her',
    item('messages', 'messages', { id: 'm', from: JAN.wa_id, type: 'text', text: { body: MIA.wa_id } }),
  ],
  [
    'her contact card',
    item('messages', 'messages', {
      id: 'm',
      from: JAN.wa_id,
      type: 'contacts',
      contacts: [{ phones: [{ wa_id: MIA.wa_id }] }],
    }),
  ],
  ['somebody with a longer number', item('messages', 'messages', { id: 'm', from: `${MIA.wa_id}2`, type: 'text' })],
  [
    'the present owner of her number',
    item('messages', 'messages', { id: 'm', from: MIA.wa_id, from_user_id: JAN.user_id, type: 'text' }),
  ],
  [
    'the same, where only the contact says whose it is',
    change('messages', {
      contacts: [{ ...JAN, wa_id: MIA.wa_id }],
      messages: [{ id: 'm', from: MIA.wa_id, type: 'text' }],
    }),
  ],
  ['a notice about the account', bare('account_update', { event: 'VERIFIED_ACCOUNT', phone_number: BUSINESS })],
])('all is left of %s', (_, body) => {
  expect(left(body)).toEqual(['all']);
  expect(eraser.body(body, mia)).toBe('all');
});

it('by the number that was asked for, whatever stands under it is erased', () => {
  const body = item('messages', 'messages', { id: 'm', from: MIA.wa_id, from_user_id: JAN.user_id, type: 'text' });
  expect(left(body, known(MIA.wa_id))).toEqual(['nothing']);
});

it('by the number of the business, its own messages are nobody’s', () => {
  const body = item('smb_message_echoes', 'message_echoes', { id: 'm', from: BUSINESS, to: JAN.wa_id });
  expect(left(body, known(BUSINESS))).toEqual(['all']);
});

it('an automatic event is hers if the message that led to it was', () => {
  const body = (id: string) => item('automatic_events', 'automatic_events', { id, event_name: 'Purchase' });
  // Base64, with the number 4915112345678 in it.
  const id = 'wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNBMDEA';
  expect(left(body(id), known('4915112345678'))).toEqual(['nothing']);
  expect(left(body(id), mia)).toEqual(['all']);
  expect(left(body('wamid.HBgN'), mia)).toEqual(['all']);
  expect(eraser.searchTerms('4915112345678').filter((term) => id.includes(term))).toHaveLength(1);
});

it('of what is several people’s the rest is left', () => {
  const rest = (body: object, ids = mia) =>
    left(body, ids).map((remains) => (typeof remains === 'string' ? remains : remains.rest));
  const thread = (who: typeof MIA, ...messages: object[]) => ({ id: who.wa_id, context: who, messages });
  const group = {
    id: 'G',
    messages: [
      { id: 'g1', from: MIA.wa_id },
      { id: 'g2', from: JAN.wa_id },
    ],
  };
  expect(
    rest(item('history', 'history', { threads: [thread(MIA, { id: 'a' }), thread(JAN, { id: 'b' }), group] })),
  ).toMatchObject([{ history: { threads: [thread(JAN, { id: 'b' }), { id: 'G', messages: [{ id: 'g2' }] }] } }]);
  expect(
    rest(
      item('group_participants_update', 'groups', {
        group_id: 'G',
        added_participants: [{ wa_id: MIA.wa_id }, { wa_id: JAN.wa_id }],
      }),
    ),
  ).toMatchObject([{ group: { group_id: 'G', added_participants: [{ wa_id: JAN.wa_id }] } }]);
  const quoting = { id: 'm', from: JAN.wa_id, type: 'text', context: { id: 'q', from: MIA.wa_id } };
  expect(rest(item('messages', 'messages', quoting))).toMatchObject([
    { message: { from: JAN.wa_id, context: { id: 'q' } } },
  ]);
  expect(JSON.stringify(rest(item('messages', 'messages', quoting)))).not.toContain(MIA.wa_id);
  const [withStranger] = rest(
    change('messages', { contacts: [MIA, JAN], statuses: [{ id: 'm', status: 'read', recipient_id: JAN.wa_id }] }),
  );
  expect(withStranger).toMatchObject({ contact: JAN });
  expect(withStranger).not.toHaveProperty('rest');
});

it('a body keeps the order and all else of what is left', () => {
  const jan = { id: 'b', from: JAN.wa_id, type: 'text' };
  const body = {
    ...change('messages', { contacts: [MIA, JAN], messages: [{ id: 'a', from: MIA.wa_id }, jan] }),
    extra: 1,
  };
  expect(eraser.body(body, mia)).toEqual({
    rest: { ...change('messages', { contacts: [JAN], messages: [jan] }), extra: 1 },
  });
});

it('further ids are those that stand for the same person', () => {
  const further = (body: object, ids: PersonIds) =>
    payloads(body)
      .flatMap((payload) => eraser.furtherIds(payload, ids))
      .sort();
  const message = {
    id: 'm',
    from: MIA.wa_id,
    from_user_id: MIA.user_id,
    from_parent_user_id: 'DE.ENT.1',
    type: 'text',
  };
  expect(further(item('messages', 'messages', message), known(MIA.wa_id))).toEqual(
    [MIA.wa_id, MIA.user_id, 'DE.ENT.1'].sort(),
  );
  const update = { wa_id: MIA.wa_id, user_id: { previous: 'DE.1000', current: MIA.user_id } };
  expect(further(item('user_id_update', 'user_id_update', update), known('DE.1000'))).toEqual(
    [MIA.wa_id, 'DE.1000', MIA.user_id].sort(),
  );
  const call = { id: 'c', from: JAN.wa_id, to: MIA.wa_id, event: 'connect' };
  expect(further(item('calls', 'calls', call), known(MIA.wa_id))).toEqual([MIA.wa_id]);
  expect(further(item('messages', 'messages', message), known(STRANGER))).toEqual([]);
});

it('every way to write a number is read', () => {
  expect(eraser.readIds(' +49 (151) 0000-0001 ')).toEqual(['4915100000001', '+4915100000001']);
  expect(eraser.readIds(MIA.user_id)).toEqual([MIA.user_id]);
});

it('of every body in the corpus, all is left for a stranger', () => {
  for (const { name, provider, body } of corpus()) {
    if (provider !== 'whatsapp') continue;
    expect(eraser.body(JSON.parse(body.toString()), known(STRANGER)), name).toBe('all');
    for (const payload of payloads(body)) {
      if (payload !== null) expect(eraser.payload(payload, known(STRANGER)), name).toBe('all');
    }
  }
});
