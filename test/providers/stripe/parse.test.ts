import { describe, expect, it } from 'vitest';
import type { ParsedEvent } from '../../../src/core/event.ts';
import { stripe } from '../../../src/providers/stripe/index.ts';
import { readFixture } from '../../support/fixtures.ts';
import { expectedSha, sha256 } from '../expected-sha.ts';

const requestId = '019b5f6a-7c3e-7000-8000-000000000001';

function parse(body: string | Buffer): ParsedEvent {
  const events = stripe.parse({ body: Buffer.from(body), requestId, receivedAt: new Date('2026-11-20T23:59:59Z') });
  const [event] = events;
  if (event === undefined || events.length !== 1) throw new Error(`${events.length} events`);
  return event;
}
const event = (fields: object) => parse(JSON.stringify({ id: 'evt_1', object: 'event', type: 'x.y', ...fields }));

describe('snapshot events', () => {
  it('keep the whole body as it was sent', () => {
    const body = readFixture('stripe', 'payment-intent-succeeded');
    expect(parse(body)).toEqual({
      type: 'payment_intent.succeeded',
      dedupeKey: 'evt_3SVbK2pQ8sLmN0aB1c2D3e4F',
      subject: 'pi_3SVbK2pQ8sLmN0aB1xYzUvWt',
      occurredAt: new Date('2025-11-20T01:00:00Z'),
      payload: body.toString(),
    });
  });

  it('of a connected account carry it in their key; context is ignored', () => {
    expect(parse(readFixture('stripe', 'connect-account-updated')).dedupeKey).toBe(
      'evt_1SVbK2QwErTyUiOp5aSdFgHj:acct_1SUAaBbCcDdEeFfG',
    );
    expect(event({ context: 'acct_1' }).dedupeKey).toBe('evt_1');
    expect(event({ account: null }).dedupeKey).toBe('evt_1');
  });

  it('may be about an object without an id', () => {
    expect(parse(readFixture('stripe', 'invoice-upcoming'))).toMatchObject({ type: 'invoice.upcoming', subject: null });
  });

  it('have the same key in every delivery, whatever else changes', () => {
    const first = event({ pending_webhooks: 2, created: 1763600400, api_version: '2020-08-27' });
    const second = event({ pending_webhooks: 0, created: 1763600401, api_version: '2025-03-31.basil' });
    expect(second.dedupeKey).toBe(first.dedupeKey);
  });

  it('of the test button are never the same', () => {
    expect(parse(readFixture('stripe', 'dashboard-test')).dedupeKey).toBe(`evt_00000000000000:${requestId}`);
    expect(event({ id: 'evt_0', account: 'acct_1' }).dedupeKey).toBe(`evt_0:acct_1:${requestId}`);
    expect(event({ id: 'evt_0001' }).dedupeKey).toBe('evt_0001');
    expect(event({ id: 'evt_000\n' }).dedupeKey).toBe(expectedSha('evt_000\n'));
  });
});

describe('thin events', () => {
  it('carry their context in their key', () => {
    expect(parse(readFixture('stripe', 'thin-meter-error'))).toMatchObject({
      type: 'v1.billing.meter.error_report_triggered',
      dedupeKey: 'evt_test_65SVbK2pQ8sLmN0aB:acct_1SUAaBbCcDdEeFfG',
      subject: 'mtr_test_61SVbK2',
      occurredAt: new Date('2025-11-20T01:00:00.330Z'),
    });
  });

  it('may have neither context nor object', () => {
    expect(parse(readFixture('stripe', 'thin-without-object'))).toMatchObject({
      dedupeKey: 'evt_test_65SVbK3pQ8sLmN0aB',
      subject: null,
    });
    expect(event({ object: 'v2.core.event', context: { id: 'acct_1' }, account: 'acct_2' }).dedupeKey).toBe('evt_1');
  });

  it('may have brackets in their type', () => {
    expect(event({ type: 'v2.core.account[requirements].updated' }).type).toBe('v2.core.account[requirements].updated');
  });
});

describe('odd bodies', () => {
  it('without an id are known by their bytes', () => {
    for (const id of [undefined, null, '', 5, {}]) {
      const body = JSON.stringify({ id, object: 'event', type: 'x.y' });
      expect(parse(body)).toMatchObject({ type: 'x.y', dedupeKey: `body:${sha256(body)}`, payload: body });
    }
    const bare = '{"a":1}';
    expect(parse(bare)).toMatchObject({ type: 'unknown', dedupeKey: `body:${sha256(bare)}`, payload: bare });
  });

  it.each(['[{"id":"evt_1"}]', '"x"', '5', 'null', 'true'])('that are JSON and no object are unknown: %s', (body) => {
    expect(parse(body)).toEqual({
      type: 'unknown',
      dedupeKey: `body:${sha256(body)}`,
      subject: null,
      occurredAt: null,
      payload: body,
    });
  });

  it.each(['', '\uFEFF{"id":"evt_1"}', '{"id":"evt_1"', 'id=evt_1'])('that are no JSON are unknown: %j', (body) => {
    expect(parse(body)).toEqual({
      type: 'unknown',
      dedupeKey: `body:${sha256(body)}`,
      subject: null,
      occurredAt: null,
      payload: null,
    });
  });

  it('keep every digit', () => {
    const body = '{"id":"evt_1","object":"event","amount":123456789012345678901234567890.123456789,"rate":1e-7}';
    expect(parse(body).payload).toBe(body);
  });

  it('with what jsonb refuses are altered and marked', () => {
    expect(parse('{"id":"evt_1","a":"\\u0000","n":1e999999}').payload).toBe(
      '{"id":"evt_1","a":"\uFFFD","n":"1e999999","$altered":true}',
    );
  });

  it('nested deep keep their key', () => {
    const deep = `{"id":"evt_1","object":"event","type":"x.y","data":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    expect(parse(deep)).toMatchObject({ type: 'x.y', dedupeKey: 'evt_1', payload: null });
  });

  it('have safe columns', () => {
    expect(event({ type: 'a b' }).type).toBe('unknown');
    expect(event({ type: 5 }).type).toBe('unknown');
    expect(event({ id: 'x'.repeat(20_000) }).dedupeKey).toBe(expectedSha('x'.repeat(20_000)));
    expect(event({ id: 'evt:1', account: 'a b' }).dedupeKey).toBe(`${expectedSha('evt:1')}:${expectedSha('a b')}`);
    expect(event({ created: 1e15 }).occurredAt).toBeNull();
    expect(event({ created: 'soon' }).occurredAt).toBeNull();
    expect(event({ data: { object: { id: 'x'.repeat(201) } } }).subject).toBeNull();
  });

  it('do not reach a prototype', () => {
    const polluted = parse('{"__proto__":{"id":"evt_9","type":"x.y"},"constructor":{"id":1}}');
    expect(polluted).toMatchObject({ type: 'unknown' });
    expect(polluted.dedupeKey).toMatch(/^body:/);
  });

  it('that are no UTF-8 never share a key', () => {
    const [one, other] = ['\xfe', '\xff'].map((odd) => parse(Buffer.from(`{"id":"evt_${odd}"}`, 'latin1')));
    expect(one?.dedupeKey).not.toBe(other?.dedupeKey);
    expect(one?.payload).toBe('{"id":"evt_\uFFFD","$altered":true}');
    expect(parse(Buffer.from('{"id":"evt_1","a":"\xff"}', 'latin1')).dedupeKey).toBe('evt_1');
  });
});
