/** What Meta does not document: missing, empty and odd places. Everything becomes an event, nothing becomes two. */
import { describe, expect, it } from 'vitest';
import { expectedSha, sha256 } from '../expected-sha.ts';
import { bare, change, HOUR, keys, PHONE_ID, parse, payloads, types, WABA } from './bodies.ts';

describe('items without a usable id', () => {
  it.each([undefined, null, '', {}, [], true])('are keyed by their content: id %j', (id) => {
    const message = JSON.parse(JSON.stringify({ id, type: 'text' }));
    expect(keys(change('messages', { messages: [message] }))).toEqual([`message:${expectedSha(message)}:${PHONE_ID}`]);
  });

  it('are those whose id is no text and no number', () => {
    expect(keys(change('messages', { messages: [{ id: 0 }] }))).toEqual([`message:0:${PHONE_ID}`]);
    const exact = JSON.stringify(change('messages', { messages: [{ id: 'ID' }] })).replace(
      '"ID"',
      '12345678901234567890',
    );
    expect(keys(exact)).toEqual([`message:12345678901234567890:${PHONE_ID}`]);
  });
});

describe('members that are no objects', () => {
  it.each([
    ['messages', 'messages', 'message.unknown', (sha: string) => `message:${sha}:${PHONE_ID}`],
    ['history', 'messages', 'message.unknown', (sha: string) => `history_message:${sha}:${PHONE_ID}:-`],
    ['messages', 'statuses', 'status.unknown', (sha: string) => `status:${sha}:${PHONE_ID}:-:-:-`],
    ['calls', 'statuses', 'call_status.unknown', (sha: string) => `call_status:${sha}:${PHONE_ID}:-:-`],
    ['calls', 'calls', 'call.unknown', (sha: string) => `call:${sha}:${PHONE_ID}:-:-`],
    ['x', 'message_echoes', 'message_echo.unknown', (sha: string) => `message_echo:${sha}:${PHONE_ID}`],
    ['messages', 'errors', 'error.unknown', (sha: string) => `error:${WABA}:${PHONE_ID}:${sha}:0:${HOUR}`],
    ['history', 'history', 'history.unknown', (sha: string) => `history:${WABA}:${PHONE_ID}:${sha}:${HOUR}`],
    ['x', 'groups', 'x.unknown', (sha: string) => `x:${WABA}:${PHONE_ID}:${sha}:${HOUR}`],
  ])('under %s in %s are %s', (field, array, type, key) => {
    for (const member of ['text', 5, null, true, ['nested']]) {
      const body = change(field, { [array]: [member] });
      expect(types(body)).toEqual([type]);
      expect(keys(body)).toEqual([key(expectedSha(member))]);
    }
  });

  it('stand in the payload as they are', () => {
    expect(payloads(change('messages', { messages: ['text'] }))[0]).toMatchObject({ message: 'text' });
  });
});

describe('arrays', () => {
  it('may be an object, which counts as an array of one', () => {
    const message = { id: 'a', type: 'text' };
    const body = { entry: { id: WABA, changes: { field: 'messages', value: { messages: message } } } };
    expect(keys(body)).toEqual([`message:a:${WABA}`]);
  });

  it('of the table that are none stay a part of the change', () => {
    for (const odd of ['text', 5, null, true]) {
      const value = { messages: odd };
      expect(keys(bare('messages', value))).toEqual([`messages:${WABA}:${WABA}:${HOUR}:${expectedSha(value)}`]);
      expect(types(bare('messages', { messages: odd, statuses: [{ id: 'a' }] }))).toEqual([
        'status.unknown',
        'messages',
      ]);
    }
  });

  it('that are all empty leave the change an event of its own', () => {
    const value = { messages: [], statuses: [], contacts: [] };
    expect(keys(bare('messages', value))).toEqual([`messages:${WABA}:${WABA}:${HOUR}:${expectedSha(value)}`]);
    expect(keys(bare('messages', {}))).toEqual([`messages:${WABA}:${WABA}:${HOUR}:${expectedSha({})}`]);
  });

  it('of other names are no events, whatever they hold', () => {
    const value = { flows: [{ id: 'a' }, { id: 'b' }] };
    expect(keys(bare('flows', value))).toEqual([`flows:${WABA}:${WABA}:${HOUR}:${expectedSha(value)}`]);
  });
});

describe('what is left beside the items', () => {
  it('is one more event', () => {
    const rest = { unread: 3, list: [1], errors: null };
    const body = change('messages', { ...rest, messages: [{ id: 'a', type: 'text' }], statuses: [], contacts: [] });
    expect(keys(body)).toEqual([`message:a:${PHONE_ID}`, `messages:${WABA}:${PHONE_ID}:${HOUR}:${expectedSha(rest)}`]);
    expect(payloads(body)[1]).toEqual({ field: 'messages', entry_id: WABA, value: rest });
  });

  it('is none if only contacts, metadata, messaging_product and empty arrays are left', () => {
    const body = change('groups', { groups: [{ timestamp: 1 }], contacts: [], errors: [], calls: [] });
    expect(types(body)).toEqual(['groups']);
  });
});

describe('entries and changes', () => {
  it.each(['text', 5, null, true, ['nested']])('that are no objects are unknown: %j', (odd) => {
    expect(keys({ entry: [odd] })).toEqual([`unknown:-:${expectedSha(odd)}:${HOUR}`]);
    expect(keys({ entry: [{ id: WABA, time: 7, changes: [odd] }] })).toEqual([`unknown:${WABA}:${expectedSha(odd)}:7`]);
    expect(types({ entry: [odd] })).toEqual(['unknown']);
    expect(payloads({ entry: [odd] })).toEqual([{ field: null, entry_id: null, value: odd }]);
  });

  it.each([undefined, null, 'text', []])('without usable changes are unknown: %j', (changes) => {
    const entry = JSON.parse(JSON.stringify({ id: WABA, changes }));
    expect(keys({ entry: [entry] })).toEqual([`unknown:${WABA}:${expectedSha(entry)}:${HOUR}`]);
    expect(payloads({ entry: [entry] })).toEqual([{ field: null, entry_id: WABA, value: entry }]);
  });

  it.each([undefined, null, 'text', [{ messages: [] }]])('without a usable value are unknown: %j', (value) => {
    const odd = JSON.parse(JSON.stringify({ field: 'messages', value }));
    expect(keys({ entry: [{ id: WABA, changes: [odd] }] })).toEqual([`unknown:${WABA}:${expectedSha(odd)}:${HOUR}`]);
  });

  it('do not sink their neighbours', () => {
    const good = { field: 'messages', value: { messages: [{ id: 'a', type: 'text' }] } };
    expect(types({ entry: [null, { id: WABA, changes: ['x', good, {}] }] })).toEqual([
      'unknown',
      'unknown',
      'message.text',
      'unknown',
    ]);
  });
});

describe('bodies', () => {
  it.each([{}, { object: 'whatsapp_business_account', entry: [] }, { entry: 'x' }, { entry: null }, [], 'x', 5, null])(
    'with nothing to fan out are one event unknown: %j',
    (body) => {
      const text = JSON.stringify(body);
      expect(parse(text)).toEqual([
        { type: 'unknown', dedupeKey: `body:${sha256(text)}`, subject: null, occurredAt: null, payload: text },
      ]);
    },
  );

  it.each(['', 'not json', '{"entry":[', '\uFEFF{}'])('that are no JSON are one event unknown: %j', (text) => {
    expect(parse(text)).toEqual([
      { type: 'unknown', dedupeKey: `body:${sha256(text)}`, subject: null, occurredAt: null, payload: null },
    ]);
  });

  it('of another object are fanned out all the same', () => {
    const body = {
      object: 'page',
      entry: [{ id: '1', changes: [{ field: 'messages', value: { messages: [{ id: 'a' }] } }] }],
    };
    expect(keys(body)).toEqual(['message:a:1']);
  });

  it('with the same item twice hold one event, the first', () => {
    const twice = change('messages', {
      messages: [
        { id: 'a', type: 'text', n: 1 },
        { id: 'a', type: 'image', n: 2 },
      ],
    });
    expect(parse(twice)).toHaveLength(1);
    expect(payloads(twice)[0]).toMatchObject({ message: { n: 1 } });
  });
});
