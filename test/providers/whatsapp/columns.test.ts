/** Types, subjects, times and hours of WhatsApp events, from values that Meta does not send. */
import { describe, expect, it } from 'vitest';
import { expectedSha } from '../expected-sha.ts';
import { bare, change, keys, PHONE_ID, parse, types } from './bodies.ts';

describe('safe columns', () => {
  it('hold only what can be stored', () => {
    const long = 'x'.repeat(20_000);
    const [event] = parse(
      change('messages', { messages: [{ id: long, from: long, type: long, timestamp: '9'.repeat(30) }] }),
    );
    expect(event).toMatchObject({
      type: 'message.unknown',
      subject: null,
      occurredAt: null,
      dedupeKey: `message:${expectedSha(long)}:${PHONE_ID}`,
    });
  });

  it('hash each odd part of a key on its own', () => {
    const status = { id: 'a:b', status: 'ge lesen', timestamp: { at: 1 }, recipient_participant_id: 'é' };
    const { id, status: name, timestamp, recipient_participant_id: participant } = status;
    expect(keys(change('messages', { statuses: [status] }))).toEqual([
      ['status', expectedSha(id), PHONE_ID, expectedSha(name), expectedSha(participant), expectedSha(timestamp)].join(
        ':',
      ),
    ]);
  });

  it('take a field for a type only if it is one', () => {
    expect(types(bare('a b', { x: 1 }))).toEqual(['unknown']);
    expect(keys(bare('a b', { x: 1 }))[0]).toMatch(new RegExp(`^${expectedSha('a b')}:`));
    expect(types(bare(7, { x: 1 }))).toEqual(['unknown']);
  });
});

describe('times', () => {
  const time = (item: object, entry: object = {}) =>
    parse(change('groups', { groups: [item] }, entry))[0]?.occurredAt?.toISOString();

  it('are the item’s, else its metadata’s, else the entry’s', () => {
    const [own, metadata, entry] = ['2025-01-01T00:00:00.000Z', '2025-02-01T00:00:00.000Z', '2025-03-01T00:00:00.000Z'];
    const seconds = (iso: string) => Date.parse(iso) / 1000;
    const inMetadata = { metadata: { timestamp: String(seconds(metadata)) } };
    expect(time({ timestamp: seconds(own), ...inMetadata }, { time: seconds(entry) })).toBe(own);
    expect(time(inMetadata, { time: seconds(entry) })).toBe(metadata);
    expect(time({}, { time: seconds(entry) })).toBe(entry);
    expect(time({})).toBeUndefined();
    expect(time({ timestamp: 'soon' }, { time: seconds(entry) })).toBeUndefined();
  });
});

it('gives notices without id and time another key in another hour only', () => {
  const notice = bare('flows', { event: 'X' });
  const at = (time: string) => keys(notice, new Date(time));
  expect(at('2026-11-20T23:00:00Z')).toEqual(at('2026-11-20T23:59:59.999Z'));
  expect(at('2026-11-20T23:59:59Z')).not.toEqual(at('2026-11-21T00:00:00Z'));
  const timed = bare('flows', { event: 'X' }, { time: 1763600400 });
  expect(keys(timed, new Date('2026-11-20T23:00:00Z'))).toEqual(keys(timed, new Date('2026-11-22T00:00:00Z')));
});
