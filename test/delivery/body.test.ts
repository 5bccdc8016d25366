import { describe, expect, it } from 'vitest';
import type { DeliveryFormat } from '../../src/core/destination.ts';
import { deliveryBody } from '../../src/delivery/body.ts';
import { stripe } from '../../src/providers/stripe/index.ts';
import { whatsapp } from '../../src/providers/whatsapp/index.ts';
import { readFixture } from '../support/fixtures.ts';
import { EVENT, type LeasedParts, leased, requestOf } from '../support/leased-delivery.ts';

const body = (format: DeliveryFormat, parts: LeasedParts = {}) =>
  deliveryBody(leased({ ...parts, destination: { format } }), stripe);

describe('the format event', () => {
  it('is the envelope, in this order, with the payload as PostgreSQL prints it', () => {
    expect(body('event')).toEqual({
      bytes: Buffer.from(
        '{"id":"01900000-0000-7000-8000-00000000000e","source":"stripe","provider":"stripe","type":"invoice.paid",' +
          '"subject":"in_1","occurredAt":"2026-11-20T10:00:00.000Z","receivedAt":"2026-11-20T10:00:01.000Z",' +
          '"payload":{"id": "evt_1", "amount": 12345678901234567890.10}}',
      ),
      contentType: 'application/json',
      ofProvider: false,
    });
  });

  it('has null for what is not known', () => {
    const event = { ...EVENT, subject: null, occurredAt: null, payload: null };
    const envelope = JSON.parse(body('event', { event })?.bytes.toString() ?? '');
    expect(envelope).toMatchObject({ subject: null, occurredAt: null, payload: null });
  });

  it('cannot be made of an event that is gone', () => {
    expect(body('event', { event: null })).toBeNull();
  });
});

describe('the format original', () => {
  const request = requestOf(stripe, readFixture('stripe', 'payment-intent-succeeded'));

  it('is the bytes as received, with their content-type', () => {
    const made = body('original', { event: null, request });
    expect(made).toEqual({ bytes: request.body, contentType: 'application/json; charset=utf-8', ofProvider: true });
  });

  it('cannot be made of a request that is gone', () => {
    expect(body('original', { event: null })).toBeNull();
  });
});

describe('the format native', () => {
  const request = requestOf(stripe, readFixture('stripe', 'payment-intent-succeeded'));

  it('of Stripe is the bytes as received, and the payload once they are gone', () => {
    expect(body('native', { request })).toMatchObject({ bytes: request.body, ofProvider: true });
    expect(body('native')).toMatchObject({ bytes: Buffer.from(EVENT.payload ?? ''), ofProvider: true });
    expect(body('native', { event: { ...EVENT, payload: null } })).toBeNull();
  });

  it('of WhatsApp is a body made of the payload, whatever came with it', () => {
    const bytes = readFixture('whatsapp', 'batch');
    const [event] = whatsapp.parse({ body: bytes, requestId: 'unused', receivedAt: new Date() });
    if (event === undefined) throw new Error('the fixture has no event');
    const delivery = leased({
      provider: 'whatsapp',
      destination: { format: 'native' },
      event: { id: 'unused', ...event },
    });
    const made = deliveryBody({ ...delivery, request: requestOf(whatsapp, bytes) }, whatsapp);
    expect(made).toMatchObject({ contentType: 'application/json', ofProvider: true });
    expect(JSON.parse(made?.bytes.toString() ?? '').entry).toHaveLength(1);
  });
});
