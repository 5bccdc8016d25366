import { describe, expect, it } from 'vitest';
import { deliveryBody } from '../../src/delivery/body.ts';
import { checkHeaderName, deliveryHeaders, isHeaderValue } from '../../src/delivery/headers.ts';
import { stripe } from '../../src/providers/stripe/index.ts';
import { readFixture } from '../support/fixtures.ts';
import { type LeasedParts, leased, requestOf } from '../support/leased-delivery.ts';

const NOW = new Date('2026-11-20T10:00:02Z');
const request = requestOf(stripe, readFixture('stripe', 'payment-intent-succeeded'));

function result(parts: LeasedParts = {}) {
  const delivery = leased(parts);
  const body = deliveryBody(delivery, stripe);
  if (body === null) throw new Error('no body');
  return deliveryHeaders({ delivery, body, provider: stripe, userAgent: 'webhook-gateway/1.2.3', now: NOW });
}
function headers(parts: LeasedParts = {}): Readonly<Record<string, string>> {
  const made = result(parts);
  if ('fault' in made) throw new Error(made.fault);
  return made.headers;
}

describe('the headers of a delivery', () => {
  it('say what it is, who sends it and which attempt it is', () => {
    expect(headers({ attempts: 3 })).toEqual({
      'content-type': 'application/json',
      'user-agent': 'webhook-gateway/1.2.3',
      'x-webhook-source': 'stripe',
      'x-webhook-type': 'invoice.paid',
      'x-webhook-attempt': '4',
      'webhook-id': 'msg_01900000-0000-7000-8000-000000000001',
    });
  });

  it('of a replay say so, at every attempt', () => {
    expect(headers({ replay: true, attempts: 1 })).toMatchObject({
      'x-webhook-replay': 'true',
      'x-webhook-attempt': '2',
    });
    expect(headers({ attempts: 1 })).not.toHaveProperty('x-webhook-replay');
  });

  it('hold the provider’s own signature of the request beside ours, with what has the provider’s shape', () => {
    const destination = { format: 'native', signing: 'provider', secrets: ['whsec_ours'] } as const;
    const made = headers({ request, destination });
    expect(made['x-original-stripe-signature']).toBe(request.headers['stripe-signature']);
    expect(made['stripe-signature']).toBe(stripe.sign({ body: request.body, secret: 'whsec_ours', now: NOW }));
    expect(headers({ request, destination: { format: 'event' } })).not.toHaveProperty('x-original-stripe-signature');
  });

  it('of a whole request name no type, for it may hold several', () => {
    const made = headers({ event: null, request, destination: { format: 'original' } });
    expect(made).not.toHaveProperty('x-webhook-type');
    expect(made['content-type']).toBe('application/json; charset=utf-8');
  });

  it('hold what the operator has set, trimmed, secret ones too', () => {
    const destination = { headers: { 'X-Shop': ' 7 ' }, secretHeaders: { Authorization: 'Bearer abc\n' } };
    expect(headers({ destination })).toMatchObject({ 'x-shop': '7', authorization: 'Bearer abc' });
  });

  it.each(['host', 'Content-Length', 'transfer-encoding', 'Webhook-Id', 'x-webhook-type', 'a b', 'a\r\nb', ''])(
    'are not made with an operator’s %j',
    (name) => {
      expect(checkHeaderName(name)).not.toBeNull();
      expect(result({ destination: { headers: { [name]: 'x' } } })).toHaveProperty('fault');
    },
  );

  it('are not made with a value that HTTP does not allow; it is not told', () => {
    for (const value of ['a\r\nx-injected: 1', 'a\0b', '€']) {
      expect(isHeaderValue(value)).toBe(false);
      const made = result({ destination: { secretHeaders: { authorization: value } } });
      expect(made).toEqual({ fault: 'the value of the header authorization cannot be sent' });
    }
    expect(checkHeaderName('Authorization')).toBeNull();
  });

  it('are not made without a secret to sign with', () => {
    expect(result({ destination: { signing: 'standard' } })).toHaveProperty('fault');
  });
});
