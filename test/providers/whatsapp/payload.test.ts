import { describe, expect, it } from 'vitest';
import { readFixture } from '../../support/fixtures.ts';
import { bare, change, PHONE_ID, parse, payloads, WABA } from './bodies.ts';

const metadata = { display_phone_number: '4930901820', phone_number_id: PHONE_ID };

describe('the payload of an item', () => {
  it('stands alone: where it came from, whose it is, and the item', () => {
    const [payload] = payloads(readFixture('whatsapp', 'message-text'));
    expect(payload).toEqual({
      field: 'messages',
      entry_id: WABA,
      metadata,
      contact: { profile: { name: 'Zoë Brandt' }, wa_id: '4915112345678', user_id: 'DE.90210775311846220037' },
      message: {
        from: '4915112345678',
        from_user_id: 'DE.90210775311846220037',
        id: 'wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNBMDEA',
        timestamp: '1763600400',
        type: 'text',
        text: { body: 'Grüße aus Köln 🙂 — passt 18 Uhr?' },
      },
    });
  });

  it.each([
    ['messages', 'message'],
    ['statuses', 'status'],
    ['calls', 'call'],
    ['message_echoes', 'message_echo'],
    ['errors', 'error'],
    ['history', 'history'],
    ['state_sync', 'state_sync'],
    ['groups', 'group'],
    ['user_preferences', 'user_preference'],
    ['user_id_update', 'user_id_update'],
    ['automatic_events', 'automatic_event'],
  ])('names a member of %s %s', (array, name) => {
    const [payload] = payloads(change('messages', { [array]: [{ id: 'a' }] }, { time: 5 }));
    expect(payload).toEqual({ field: 'messages', entry_id: WABA, entry_time: 5, metadata, [name]: { id: 'a' } });
  });

  it('keeps long numbers exactly, and only those unlike JSON.stringify', () => {
    const text = JSON.stringify(change('messages', { messages: [{ id: 'a', n: 'N' }] })).replace(
      '"N"',
      '[12345678901234567890,1.50,1e3]',
    );
    expect(parse(text)[0]?.payload).toContain('"n":[12345678901234567890,1.5,1e3]');
  });
});

describe('the payload of a change without items', () => {
  it('holds the whole value', () => {
    const value = { event: 'X', metadata, contacts: [{ wa_id: '1' }] };
    expect(payloads(bare('flows', value, { time: '5' }))).toEqual([
      { field: 'flows', entry_id: WABA, entry_time: '5', value },
    ]);
    expect(payloads(bare(undefined, value, { id: undefined }))).toEqual([{ field: null, entry_id: null, value }]);
  });
});

describe('contacts', () => {
  const anna = { user_id: 'DE.1', wa_id: '491', profile: { name: 'Anna' } };
  const ben = { wa_id: '492' };
  const contactsOf = (value: object) => payloads(change('messages', value)).map(({ contact }) => contact);

  it('are found by user id, then by phone number, not by position', () => {
    const messages = [
      { id: 'a', from: '492' },
      { id: 'b', from_user_id: 'DE.1' },
      { id: 'c', from_user_id: 'DE.9', from: '491' },
      { id: 'd', from: '499' },
    ];
    expect(contactsOf({ contacts: [anna, ben], messages })).toEqual([ben, anna, anna, undefined]);
    const swapped = [{ user_id: 'DE.1' }, { wa_id: '491' }];
    expect(
      contactsOf({ contacts: swapped, messages: [{ id: 'a', from: '491', from_user_id: 'DE.1' }, { id: 'b' }] })[0],
    ).toEqual({ user_id: 'DE.1' });
  });

  it.each([
    ['statuses', { recipient_user_id: 'DE.1' }],
    ['statuses', { recipient_id: '491' }],
    ['statuses', { recipient_id: 'group', participant_recipient_id: '491' }],
    ['statuses', { recipient_id: 'group', recipient_participant_user_id: 'DE.1' }],
    ['calls', { from: '491', to: 'us' }],
    ['calls', { from: 'us', to: '491' }],
    ['message_echoes', { from: 'us', to: '491' }],
    ['user_preferences', { wa_id: 491 }],
    ['state_sync', { contact: { phone_number: '491' } }],
  ])('belong to %s by %j', (array, fields) => {
    expect(contactsOf({ contacts: [ben, anna], [array]: [fields] })).toEqual([anna]);
  });

  it('that are one beside one item belong together anyhow', () => {
    expect(contactsOf({ contacts: [anna], messages: [{ id: 'a', from: '499' }] })).toEqual([anna]);
    expect(contactsOf({ contacts: anna, messages: [{ id: 'a', from: '499' }] })).toEqual([anna]);
    expect(contactsOf({ contacts: [anna], messages: [{ id: 'a' }], errors: [{ code: 1 }] })).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('that matched nobody travel with the first item', () => {
    const all = payloads(
      change('messages', { contacts: [anna, ben, 'odd'], messages: [{ id: 'a' }, { id: 'b', from: '492' }] }),
    );
    expect(all.map(({ rest }) => rest)).toEqual([{ contacts: [anna, 'odd'] }, undefined]);
    const [odd] = payloads(change('messages', { contacts: 'odd', messages: [{ id: 'a' }] }));
    expect(odd).toMatchObject({ rest: { contacts: 'odd' } });
    for (const contacts of [[], null]) {
      expect(payloads(change('messages', { contacts, messages: [{ id: 'a' }] }))[0]).not.toHaveProperty('rest');
    }
  });

  it('travel in a call that failed', () => {
    const [call, error] = payloads(readFixture('whatsapp', 'call-terminate-with-errors'));
    expect(call).toMatchObject({
      contact: { wa_id: '4915112345678' },
      rest: { contacts: [{ profile: { name: 'Nobody' }, wa_id: '4900000000000' }] },
    });
    expect(error).toEqual({
      field: 'calls',
      entry_id: WABA,
      metadata,
      error: { code: 138012, message: 'Call failed' },
    });
  });
});

describe('metadata', () => {
  it('travels as it is, unless it is null', () => {
    for (const odd of ['x', 5, [1]]) {
      expect(payloads(bare('messages', { metadata: odd, messages: [{ id: 'a' }] }))[0]).toMatchObject({
        metadata: odd,
      });
    }
    expect(payloads(bare('messages', { metadata: null, messages: [{ id: 'a' }] }))[0]).not.toHaveProperty('metadata');
  });
});
