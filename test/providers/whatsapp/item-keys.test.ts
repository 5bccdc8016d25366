/** Special rules of the table: suffixes, participants, calls, errors, lists without ids, the phone number. */
import { describe, expect, it } from 'vitest';
import { expectedSha } from '../expected-sha.ts';
import { bare, change, HOUR, keys, PHONE_ID, types, WABA } from './bodies.ts';

describe('messages', () => {
  it.each(['unsupported', 'unknown', 'media_placeholder'])('of type %s leave room for the real content', (type) => {
    for (const [array, prefix] of [
      ['messages', 'message'],
      ['message_echoes', 'message_echo'],
    ] as const) {
      expect(keys(change('x', { [array]: [{ id: 'a', type }] }))).toEqual([`${prefix}:a:${PHONE_ID}:${type}`]);
      expect(types(change('x', { [array]: [{ id: 'a', type }] }))).toEqual([`${prefix}.${type}`]);
    }
  });

  it('with errors do so too', () => {
    const key = (message: object) => keys(change('messages', { messages: [{ id: 'a', ...message }] }))[0];
    expect(key({ type: 'text', errors: [{ code: 1 }] })).toBe(`message:a:${PHONE_ID}:text`);
    expect(key({ type: 'text', errors: { code: 1 } })).toBe(`message:a:${PHONE_ID}:text`);
    expect(key({ errors: [{ code: 1 }] })).toBe(`message:a:${PHONE_ID}:-`);
    for (const errors of [[], null, 'none']) expect(key({ type: 'text', errors })).toBe(`message:a:${PHONE_ID}`);
  });

  it('without a type are message.unknown, and that is no type of theirs', () => {
    expect(types(change('messages', { messages: [{ id: 'a' }] }))).toEqual(['message.unknown']);
    expect(keys(change('messages', { messages: [{ id: 'a' }] }))).toEqual([`message:a:${PHONE_ID}`]);
    expect(keys(change('history', { messages: [{ id: 'a' }] }))).toEqual([`history_message:a:${PHONE_ID}:-`]);
  });

  it('under the field history have their type once', () => {
    const messages = [{ id: 'a', type: 'media_placeholder', errors: [{}] }];
    expect(keys(change('history', { messages }))).toEqual([`history_message:a:${PHONE_ID}:media_placeholder`]);
  });

  it('are found under any field', () => {
    expect(keys(change('standby', { messages: [{ id: 'a', type: 'text' }] }))).toEqual([`message:a:${PHONE_ID}`]);
    expect(keys(change(undefined, { messages: [{ id: 'a', type: 'text' }] }))).toEqual([`message:a:${PHONE_ID}`]);
  });
});

describe('statuses', () => {
  const key = (field: string, status: object) => keys(change(field, { statuses: [{ id: 'a', ...status }] }))[0];

  it('take the first participant that is there', () => {
    const [first, second, third] = [
      'recipient_participant_user_id',
      'recipient_participant_id',
      'participant_recipient_id',
    ];
    if (!(first && second && third)) throw new Error('three names');
    const status = { status: 'read', timestamp: 5 };
    expect(key('messages', { ...status, [third]: 'c', [second]: 'b', [first]: 'a' })).toContain(':read:a:5');
    expect(key('messages', { ...status, [third]: 'c', [second]: 'b' })).toContain(':read:b:5');
    expect(key('messages', { ...status, [third]: 'c', [second]: null })).toContain(':read:c:5');
  });

  it('are of a call under the field calls or by their type', () => {
    const expected = `call_status:a:${PHONE_ID}:ACCEPTED:5`;
    expect(key('calls', { status: 'ACCEPTED', timestamp: '5' })).toBe(expected);
    expect(key('messages', { type: 'call', status: 'ACCEPTED', timestamp: '5' })).toBe(expected);
    expect(types(change('calls', { statuses: [{ id: 'a', status: 'REJECTED' }] }))).toEqual(['call_status.rejected']);
  });

  it('of a payment without payment keep the place', () => {
    expect(key('messages', { type: 'payment', status: 'pending' })).toBe(`status:a:${PHONE_ID}:pending:-:-:-`);
  });

  it('have - for whatever is missing', () => {
    expect(key('messages', {})).toBe(`status:a:${PHONE_ID}:-:-:-`);
    expect(types(change('messages', { statuses: [{ id: 'a' }] }))).toEqual(['status.unknown']);
  });
});

describe('errors', () => {
  const errors = [{ code: 1 }];

  it('are events under messages and calls', () => {
    for (const field of ['messages', 'calls']) {
      expect(types(change(field, { errors }))).toEqual(['error']);
      expect(types(change(field, { errors: errors[0] }))).toEqual(['error']);
    }
  });

  it('are a part of the change elsewhere', () => {
    expect(types(bare('flows', { errors }))).toEqual(['flows']);
    expect(keys(bare('flows', { errors }))).toEqual([`flows:${WABA}:${WABA}:${HOUR}:${expectedSha({ errors })}`]);
    expect(types(change('group_settings_update', { groups: [{ group_id: 'g' }], errors }))).toEqual([
      'group_settings_update',
      'group_settings_update',
    ]);
  });

  it('take the time of the entry where there is one', () => {
    expect(keys(bare('messages', { errors }, { time: 1763600400 }))).toEqual([
      `error:${WABA}:${WABA}:${expectedSha({ errors })}:0:1763600400`,
    ]);
  });
});

describe('lists without ids', () => {
  const key = (element: object, entry: object = {}) => keys(change('groups', { groups: [element] }, entry))[0];

  it('take the time of the entry, else nothing if they have a time or a place of their own, else the hour', () => {
    const ends = (element: object, entry?: object) => key(element, entry)?.split(':').at(-1);
    expect(ends({ timestamp: 5 }, { time: 1763600400 })).toBe('1763600400');
    for (const element of [
      { timestamp: 5 },
      { timestamp: '' },
      ...['timestamp', 'phase', 'chunk_order'].map((name) => ({ metadata: { [name]: 0 } })),
    ]) {
      expect(ends(element)).toBe('-');
    }
    for (const element of [{}, { timestamp: null }, { metadata: { progress: 5 } }, { metadata: 'x' }]) {
      expect(ends(element)).toBe(HOUR);
    }
  });

  it('are told apart by their content alone', () => {
    expect(key({ timestamp: 5, a: 1, b: 2 })).toBe(key({ b: 2, a: 1, timestamp: 5 }));
    expect(key({ timestamp: 5, a: 1 })).not.toBe(key({ timestamp: 5, a: 2 }));
  });

  it('are unknown under a field without a name', () => {
    const element = { timestamp: 5 };
    expect(types(change(undefined, { groups: [element] }))).toEqual(['unknown']);
    expect(keys(change(undefined, { groups: [element] }))).toEqual([`-:${WABA}:${PHONE_ID}:${expectedSha(element)}:-`]);
  });
});

describe('the phone number in the key', () => {
  const key = (metadata: unknown, entry: object = {}) =>
    keys(bare('messages', { metadata, messages: [{ id: 'a', type: 'text' }] }, entry))[0];

  it('is phone_number_id, else the id of the entry, else -', () => {
    expect(key({ phone_number_id: '77' })).toBe('message:a:77');
    expect(key({ phone_number_id: 77 })).toBe('message:a:77');
    for (const odd of [{}, { phone_number_id: '' }, { phone_number_id: {} }, null, 'x', [{ phone_number_id: '77' }]]) {
      expect(key(odd)).toBe(`message:a:${WABA}`);
    }
    expect(key({}, { id: undefined })).toBe('message:a:-');
    expect(key({}, { id: 5 })).toBe('message:a:5');
  });
});
