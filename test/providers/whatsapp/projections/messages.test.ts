import { describe, expect, it } from 'vitest';
import { readFixture } from '../../../support/fixtures.ts';
import { change, PHONE_ID, WABA } from '../bodies.ts';
import {
  at,
  echo,
  MIA,
  message,
  OF_MESSAGE,
  onlyMessage,
  project,
  SOURCE,
  status,
  textFromMia,
  time,
} from './projected.ts';

const FROM_MIA = { contact_id: MIA.user_id, user_id: MIA.user_id, wa_id: MIA.wa_id, direction: 'inbound' };

describe('an inbound message', () => {
  it('has its text, its sender, its phone number and its account', () => {
    expect(onlyMessage(readFixture('whatsapp', 'message-text'))).toEqual({
      source: SOURCE,
      message_id: 'wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNBMDEA',
      phone_number_id: PHONE_ID,
      waba_id: WABA,
      contact_id: 'DE.90210775311846220037',
      user_id: 'DE.90210775311846220037',
      wa_id: '4915112345678',
      direction: 'inbound',
      origin: 'message',
      occurred_at: new Date(1_763_600_400_000),
      type: 'text',
      text: 'Grüße aus Köln 🙂 — passt 18 Uhr?',
    });
  });

  it('without a phone number belongs to the user id', () => {
    const row = onlyMessage(message({ id: 'm', from_user_id: 'DE.7', type: 'text', text: { body: 'Hi' } }));
    expect(row).toMatchObject({ contact_id: 'DE.7', user_id: 'DE.7' });
    expect(row).not.toHaveProperty('wa_id');
  });

  it('takes the phone number from the contact, but not from that of another', () => {
    const item = { id: 'm', from_user_id: MIA.user_id, type: 'text', text: { body: 'Hi' } };
    expect(onlyMessage(message(item, MIA))).toMatchObject({ user_id: MIA.user_id, wa_id: MIA.wa_id });
    expect(onlyMessage(message(item, { user_id: 'DE.2', wa_id: '49152' }))).not.toHaveProperty('wa_id');
  });

  it.each([
    [
      'image',
      { caption: 'Skizze', mime_type: 'image/jpeg', sha256: 'aGk=', id: '118' },
      { text: 'Skizze', media_mime_type: 'image/jpeg', media_sha256: 'aGk=', media_id: '118' },
    ],
    [
      'document',
      { filename: 'a.pdf', mime_type: 'application/pdf', id: 119 },
      { media_id: '119', media_filename: 'a.pdf', media_mime_type: 'application/pdf' },
    ],
    ['audio', { id: '120', voice: true }, { media_id: '120' }],
    ['button', { payload: 'stop', text: 'Abbestellen' }, { text: 'Abbestellen', reply_id: 'stop' }],
    [
      'interactive',
      { type: 'button_reply', button_reply: { id: 'b1', title: 'Ja' } },
      { text: 'Ja', reply_id: 'b1', interactive_type: 'button_reply' },
    ],
    [
      'interactive',
      { type: 'list_reply', list_reply: { id: 'l1', title: 'Express', description: '1 Tag' } },
      { text: 'Express', reply_id: 'l1', interactive_type: 'list_reply' },
    ],
    [
      'interactive',
      { type: 'nfm_reply', nfm_reply: { name: 'flow', body: 'Sent', response_json: '[1' } },
      { text: 'Sent', interactive_type: 'nfm_reply' },
    ],
    ['contacts', [{ name: { formatted_name: 'Jan' } }], {}],
    ['poll', { question: 'Wann?' }, {}],
  ])('of type %s keeps all that its object says: %j', (type, object, columns) => {
    const row = onlyMessage(textFromMia({ id: 'm', type, [type]: object }));
    const expected = { ...OF_MESSAGE, ...FROM_MIA, message_id: 'm', origin: 'message', occurred_at: time(0), type };
    expect(row).toEqual({ ...expected, content: object, ...columns });
  });

  it('has a place, an order, or further members of a text in a column of their own', () => {
    const place = { latitude: 50.94, longitude: 6.96, name: 'Dom' };
    expect(onlyMessage(textFromMia({ id: 'm', type: 'location', location: place }))).toMatchObject({ location: place });
    const order = {
      catalog_id: '1',
      text: 'Bitte',
      product_items: [{ item_price: 30.5, quantity: 2, currency: 'EUR' }],
    };
    const ordered = onlyMessage(textFromMia({ id: 'm', type: 'order', order }));
    expect(ordered).toMatchObject({ text: 'Bitte', order_details: order });
    expect(ordered).not.toHaveProperty('content');
    const text = { body: 'x', preview: true };
    expect(onlyMessage(textFromMia({ id: 'm', text }))).toMatchObject({ text: 'x', content: text });
  });

  it('says what it replies to, whether it was forwarded, what led to it, and in which group it stands', () => {
    const context = { id: 'wamid.before', from: '4930901820', forwarded: true };
    const referral = { source_id: '12', source_type: 'ad', ctwa_clid: 'Af' };
    const row = onlyMessage(textFromMia({ id: 'm', text: { body: 'x' }, context, referral, group_id: 'G1' }));
    expect(row).toMatchObject({
      reply_to_message_id: 'wamid.before',
      forwarded: true,
      context,
      referral,
      group_id: 'G1',
    });
  });

  it('of a type nobody knows, or of none, keeps its JSON', () => {
    expect(onlyMessage(textFromMia({ id: 'm', type: 'hologram', beam: { hue: 3 } }))).toMatchObject({
      type: 'hologram',
      content: { beam: { hue: 3 } },
    });
    expect(onlyMessage(textFromMia({ id: 'm', type: undefined, beam: 1 }))).toMatchObject({ content: { beam: 1 } });
  });

  it('without an id, or with a wild one, is a row all the same', () => {
    const text = { body: 'x' };
    expect(onlyMessage(textFromMia({ text }))['message_id']).toMatch(/^[0-9a-f]{64}$/);
    expect(onlyMessage(textFromMia({ id: 'ü'.repeat(9_000), text }))['message_id']).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is told apart from the same id at another phone number', () => {
    const item = { id: 'm', from: '49', timestamp: at(0), type: 'text', text: { body: 'x' } };
    const value = { messages: [item], metadata: { phone_number_id: '2' } };
    expect(project(textFromMia(item), change('messages', value)).rows('whatsapp_messages')).toHaveLength(2);
  });
});

describe('an echo', () => {
  it('was sent by the business, to whom it names', () => {
    expect(
      onlyMessage(echo({ id: 'e', to_user_id: MIA.user_id, type: 'text', text: { body: 'Ist unterwegs.' } })),
    ).toEqual({
      ...OF_MESSAGE,
      ...FROM_MIA,
      direction: 'outbound',
      message_id: 'e',
      origin: 'echo',
      occurred_at: time(0),
      type: 'text',
      text: 'Ist unterwegs.',
    });
  });
});

describe('a message that cannot be shown at first', () => {
  const unsupported = textFromMia({ id: 'm', type: 'unsupported', errors: [{ code: 131051 }], timestamp: at(9) });

  it('keeps its errors', () => {
    expect(onlyMessage(unsupported)).toMatchObject({ type: 'unsupported', errors: [{ code: 131051 }] });
  });

  it('is filled by what follows under its id, also if that came before it', () => {
    const text = textFromMia({ id: 'm', text: { body: 'x' } });
    for (const row of [onlyMessage(unsupported, text), onlyMessage(text, unsupported)]) {
      expect(row).toMatchObject({ type: 'text', text: 'x', occurred_at: time(0) });
      expect(row).not.toHaveProperty('errors');
    }
  });
});

describe('a chat history', () => {
  const from = '4930901820';
  const thread = {
    id: MIA.wa_id,
    context: { wa_id: MIA.wa_id, user_id: MIA.user_id, username: 'mia' },
    messages: [
      { from, id: 'h1', timestamp: at(1), type: 'text', text: { body: 'Hallo' }, history_context: { status: 'READ' } },
      { from: MIA.wa_id, id: 'h2', timestamp: at(2), type: 'media_placeholder', history_context: { status: 'READ' } },
      { from, id: 'h3', timestamp: at(3), type: 'reaction', reaction: { message_id: 'h2', emoji: '👍' } },
    ],
  };
  const chunk = change('history', {
    history: [{ metadata: { phase: 0, chunk_order: 1, progress: 5 }, threads: [thread] }],
  });
  const image = {
    from: MIA.wa_id,
    id: 'h2',
    timestamp: at(0),
    type: 'image',
    image: { id: '5', mime_type: 'image/png' },
  };
  const media = change('history', { messages: [image] });

  it('is messages of both sides, with what became of those of the business', () => {
    const [first, second] = project(chunk).rows('whatsapp_messages');
    expect(first).toMatchObject({
      message_id: 'h1',
      direction: 'outbound',
      origin: 'history',
      text: 'Hallo',
      status: 'read',
      contact_id: MIA.user_id,
      occurred_at: time(1),
    });
    expect(second).toMatchObject({
      message_id: 'h2',
      direction: 'inbound',
      type: 'media_placeholder',
      contact_id: MIA.user_id,
    });
    expect(second).toMatchObject({ reactions: { business: { emoji: '👍' } } });
    expect(second).not.toHaveProperty('status');
  });

  it.each([[[chunk, media]], [[media, chunk]]])('has its media filled in afterwards, in any order', (bodies) => {
    expect(project(...bodies).rows('whatsapp_messages')[1]).toMatchObject({
      type: 'image',
      media_id: '5',
      contact_id: MIA.user_id,
      direction: 'inbound',
    });
  });

  it('gives way to the message itself', () => {
    const live = textFromMia({ id: 'h2', text: { body: 'live' } });
    expect(project(live, media).rows('whatsapp_messages')[0]).toMatchObject({ text: 'live', origin: 'message' });
  });

  it('that was declined is a notice', () => {
    const { rows } = project(readFixture('whatsapp', 'history-declined'));
    expect(rows('whatsapp_messages')).toEqual([]);
    expect(rows('whatsapp_account_events')).toMatchObject([{ type: 'history', error_code: 2593109 }]);
  });
});

describe('a message known only from its status', () => {
  it('is a stub with the recipient, which the message fills', () => {
    const sent = status({ id: 'm', status: 'sent', timestamp: at(5), recipient_user_id: MIA.user_id });
    expect(onlyMessage(sent)).toEqual({
      ...OF_MESSAGE,
      ...FROM_MIA,
      direction: 'outbound',
      message_id: 'm',
      occurred_at: time(5),
      status: 'sent',
      sent_at: time(5),
    });
    const filled = onlyMessage(sent, echo({ id: 'm', type: 'text', text: { body: 'x' }, timestamp: at(4) }));
    expect(filled).toMatchObject({ text: 'x', occurred_at: time(4), sent_at: time(5), user_id: MIA.user_id });
  });

  it('is never made from the status of a call', () => {
    const call = { id: 'wacid.1', status: 'RINGING', type: 'call', timestamp: at(0), recipient_id: '49' };
    expect(project(change('calls', { statuses: [call] }), status(call)).rows('whatsapp_messages')).toEqual([]);
  });
});
