/** Verified bodies that would hurt: each odd item keeps its identity, and its neighbours do not notice. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../expected-sha.ts';
import { change, keys, PHONE_ID, parse } from './bodies.ts';

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
    const errors = Array.from({ length: 20_000 }, () => ({ code: 131035 }));
    const events = parse(change('messages', { errors, padding: 'x'.repeat(1_000_000) }));
    expect(events).toHaveLength(20_001);
    expect(events.at(-1)?.type).toBe('messages');
  });

  it('do not grow without bound: what all items share is repeated only so often', () => {
    const shared = 'x'.repeat(100_000);
    const statuses = Array.from({ length: 5_000 }, (_, n) => ({ id: `a${n}` }));
    const body = change('messages', { metadata: { shared, phone_number_id: shared }, statuses }, { id: shared });
    const events = parse(body);
    expect(new Set(events.map(({ dedupeKey }) => dedupeKey)).size).toBe(5_000);
    const size = events.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0);
    expect(size).toBeLessThan(17 * JSON.stringify(body).length);
    expect(events[0]?.payload).toContain(shared);
    expect(events.at(-1)?.payload).toBeNull();
  });
});
