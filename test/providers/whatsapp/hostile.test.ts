/** Verified bodies that would hurt: each odd item keeps its identity, and its neighbours do not notice. */
import { describe, expect, it } from 'vitest';
import type { ParsedEvent } from '../../../src/core/event.ts';
import { sha256 } from '../expected-sha.ts';
import { change, keys, PHONE_ID, parse, WABA } from './bodies.ts';

/** A body of 40 messages and, in their middle, whatever the text says. */
function amidGoodOnes(oddMember: string): Buffer {
  const messages = Array.from({ length: 40 }, (_, n) => ({ id: `good-${n}`, type: 'text', text: { body: 'hallo' } }));
  const text = JSON.stringify(change('messages', { messages }));
  return Buffer.from(
    text.replace('{"id":"good-20"', () => `${oddMember},{"id":"good-20"`),
    'latin1',
  );
}
function oddOne(oddMember: string) {
  const body = amidGoodOnes(oddMember);
  const events = parse(body);
  const alone = parse(amidGoodOnes('{"id":"good-19"}'));
  expect(events.toSpliced(20, 1)).toEqual(alone);
  expect(events).toHaveLength(41);
  return { body, event: events[20] };
}
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

it.each([
  ['U+0000', '{"id":"odd","a":"\\u0000"}', '{"id":"odd","a":"\uFFFD"}'],
  ['a lone surrogate', '{"id":"odd","a":"\\ud800"}', '{"id":"odd","a":"\uFFFD"}'],
  ['a number beyond numeric', '{"id":"odd","a":1e999999}', '{"id":"odd","a":"1e999999"}'],
  ['bytes that are no UTF-8', '{"id":"odd","a":"\xff"}', '{"id":"odd","a":"\uFFFD"}'],
])('%s is replaced, and only that payload marked', (_, sent, stored) => {
  const { event } = oddOne(sent);
  expect(event?.dedupeKey).toBe(`message:odd:${PHONE_ID}`);
  expect(event?.payload).toMatch(/,"\$altered":true}$/);
  expect(event?.payload).toContain(`"message":${stored}`);
});

it('a member nested too deep keeps its key and has no payload', () => {
  for (const levels of [199, 5_000, 100_000]) {
    const { event } = oddOne(`{"id":"odd","a":${nested(levels)}}`);
    expect(event).toMatchObject({ dedupeKey: `message:odd:${PHONE_ID}`, payload: null });
  }
  expect(oddOne(`{"id":"odd","a":${nested(198)}}`).event?.payload).toContain(nested(198));
});

it('a deep member without an id is known by the body and its place', () => {
  const { body, event } = oddOne(`{"a":${nested(300)}}`);
  expect(event?.dedupeKey).toBe(`message:${sha256(body, 'entry/0/changes/0/value/messages/20')}:${PHONE_ID}`);
});

it('a deep change is known by the body and its place', () => {
  const body = Buffer.from(`{"entry":[{"id":"1","changes":["x",{"field":"flows","value":{"a":${nested(300)}}}]}]}`);
  expect(keys(body)[1]).toBe(`flows:1:1:2026-11-20T23:${sha256(body, 'entry/0/changes/1/value')}`);
  const entry = Buffer.from(`{"entry":[{"id":"1","a":${nested(300)}}]}`);
  expect(keys(entry)).toEqual([`unknown:1:${sha256(entry, 'entry/0')}:2026-11-20T23`]);
});

it('bodies that are no UTF-8 never share a key', () => {
  const [one, other] = ['\xfe', '\xff'].map((odd) => keys(Buffer.from(`{"entry":["${odd}"]}`, 'latin1')));
  expect(one).not.toEqual(other);
});

it('equal keys and __proto__ reach nobody', () => {
  expect(oddOne('{"id":"x","id":"odd"}').event?.dedupeKey).toBe(`message:odd:${PHONE_ID}`);
  const { event } = oddOne('{"id":"odd","__proto__":{"type":"text","errors":[1]}}');
  expect(event).toMatchObject({ type: 'message.unknown', dedupeKey: `message:odd:${PHONE_ID}` });
  expect(event?.payload).toContain('"__proto__":{"type":"text","errors":[1]}');
  const value = '{"__proto__":{"messages":[{"id":"a"}]},"statuses":[{"id":"b"}]}';
  const events = parse(`{"entry":[{"id":"1","changes":[{"field":"messages","value":${value}}]}]}`);
  expect(events.map(({ type }) => type)).toEqual(['status.unknown', 'messages']);
  expect(events[1]?.payload).toBe(
    '{"field":"messages","entry_id":"1","value":{"__proto__":{"messages":[{"id":"a"}]}}}',
  );
});

describe('large bodies', () => {
  it('of 3 MB with 1,000 statuses and their contacts become 1,000 events', () => {
    const numbers = Array.from({ length: 1_000 }, (_, n) => String(4_915_100_000_000 + n));
    const body = change('messages', {
      contacts: numbers.map((wa_id) => ({ wa_id })).reverse(),
      statuses: numbers.map((recipient_id, n) => ({
        id: `wamid.${n}`,
        status: 'sent',
        recipient_id,
        padding: 'x'.repeat(2_800),
      })),
    });
    const events = parse(body);
    expect(JSON.stringify(body).length).toBeGreaterThan(2_800_000);
    expect(new Set(events.map(({ dedupeKey }) => dedupeKey)).size).toBe(1_000);
    for (const [n, { payload }] of events.entries()) expect(payload).toContain(`"contact":{"wa_id":"${numbers[n]}"}`);
  });

  it('of many errors hash what surrounds them once', () => {
    const errors = Array.from({ length: 19_999 }, () => ({ code: 131035 }));
    const events = parse(change('messages', { errors, padding: 'x'.repeat(1_000_000) }));
    expect(events).toHaveLength(20_000);
    expect(events.at(-1)?.type).toBe('messages');
  });

  const sizeOf = (events: readonly ParsedEvent[]) =>
    events.reduce((sum, { payload }) => sum + Buffer.byteLength(payload ?? ''), 0);

  it.each([
    ['letters', 'x', 5_000],
    ['characters of three bytes', '€', 5_000],
    ['escaped quotes', '"', 40],
  ])('do not grow without bound: %s that all items share are repeated only so often', (_, letter, count) => {
    const shared = letter.repeat(100_000);
    const statuses = Array.from({ length: count }, (_, n) => ({ id: `a${n}` }));
    const body = Buffer.from(
      JSON.stringify(change('messages', { metadata: { shared, phone_number_id: shared }, statuses }, { id: shared })),
    );
    const events = parse(body);
    expect(new Set(events.map(({ dedupeKey }) => dedupeKey)).size).toBe(count);
    expect(sizeOf(events)).toBeLessThanOrEqual(4 * body.length);
    expect(events[0]?.payload).toContain(JSON.stringify(shared));
    expect(events.at(-1)?.payload).toBeNull();
  });

  it('give their payloads to the first that fit: one that does not leaves room for the next', () => {
    const large = 'x'.repeat(300_000);
    const shared = 'y'.repeat(1_000);
    const wa_id = '7';
    const statuses: object[] = [1, 2, 3, 4, 5].map((id) => ({ id, recipient_id: wa_id }));
    statuses.push({ id: 6, padding: 'z'.repeat(10_000) });
    const contacts = [{ wa_id, large }, { wa_id: '8' }];
    const events = parse(change('messages', { metadata: { shared }, contacts, statuses }));
    expect(events.map(({ payload }) => payload !== null)).toEqual([true, true, true, true, false, true]);
  });

  it('are not cut where they are small', () => {
    const statuses = Array.from({ length: 1_000 }, (_, n) => ({ id: `a${n}`, status: 'read' }));
    const body = Buffer.from(JSON.stringify(change('messages', { statuses })));
    const events = parse(body);
    expect(sizeOf(events)).toBeGreaterThan(4 * body.length);
    expect(events.every(({ payload }) => payload !== null)).toBe(true);
  });
});

describe('up to 20,000 events', () => {
  const numbers = (length: number) => Array.from({ length }, (_, n) => n);
  const bodies: Readonly<Record<string, (count: number) => object>> = {
    messages: (count) => change('messages', { messages: numbers(count).map((id) => ({ id })) }),
    'arrays of one change': (count) =>
      change('messages', {
        messages: numbers(10_000).map((id) => ({ id })),
        statuses: numbers(count - 10_000).map((id) => ({ id })),
      }),
    changes: (count) => ({
      entry: [{ id: WABA, changes: numbers(count).map((n) => ({ field: 'flows', value: { n } })) }],
    }),
    entries: (count) => ({ entry: numbers(count).map((id) => ({ id })) }),
    'entries with a change each': (count) => ({
      entry: numbers(count).map((id) => ({ id, changes: [{ field: 'flows', value: {} }] })),
    }),
  };

  it.each(Object.entries(bodies))('the keys of all %s are found, beyond that the body is one event', (_, make) => {
    expect(new Set(keys(make(20_000))).size).toBe(20_000);
    const tooMany = Buffer.from(JSON.stringify(make(20_001)));
    expect(parse(tooMany)).toEqual([
      { type: 'unknown', dedupeKey: `body:${sha256(tooMany)}`, subject: null, occurredAt: null, payload: null },
    ]);
  });

  it('equal ones count: a megabyte of zeros is not taken apart to find that they are one', () => {
    expect(keys(change('messages', { messages: Array(20_000).fill(0) }))).toHaveLength(1);
    const zeros = Buffer.from(JSON.stringify(change('messages', { messages: Array(500_000).fill(0) })));
    expect(keys(zeros)).toEqual([`body:${sha256(zeros)}`]);
  });
});
