/** What we sign is accepted by those who check it: the official libraries, and Meta's rule. */
import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { expect, it } from 'vitest';
import { type SignatureInput, signatureHeaders } from '../../src/delivery/signing.ts';
import { gateway } from '../../src/providers/gateway/index.ts';
import { stripe } from '../../src/providers/stripe/index.ts';
import { whatsapp } from '../../src/providers/whatsapp/index.ts';

const BODY = Buffer.from('{"id":"evt_1","object":"event","type":"invoice.paid","text":"größer","data":{"object":{}}}');
const FIRST = `whsec_${Buffer.from('the first secret of the receiver').toString('base64')}`;
const SECOND = `whsec_${Buffer.from('the next secret of the receiver!').toString('base64')}`;

const sign = (parts: Partial<SignatureInput>) =>
  signatureHeaders({
    signing: 'standard',
    secrets: [FIRST],
    messageId: 'msg_1',
    body: BODY,
    now: new Date(),
    provider: stripe,
    ...parts,
  }) ?? {};

it('standard: the library of Standard Webhooks accepts it, and nothing altered', () => {
  const headers = { 'webhook-id': 'msg_1', ...sign({}) };
  expect(new Webhook(FIRST).verify(BODY.toString(), headers)).toMatchObject({ id: 'evt_1' });
  expect(() => new Webhook(FIRST).verify(BODY.toString().replace('evt_1', 'evt_2'), headers)).toThrow();
  expect(() => new Webhook(FIRST).verify(BODY.toString(), { ...headers, 'webhook-id': 'msg_2' })).toThrow();
  expect(() => new Webhook(SECOND).verify(BODY.toString(), headers)).toThrow();
});

it('standard: every secret signs, so that a receiver may have either of them', () => {
  const headers: Record<string, string> = { 'webhook-id': 'msg_1', ...sign({ secrets: [FIRST, SECOND] }) };
  expect(headers['webhook-signature']).toMatch(/^v1,\S{44} v1,\S{44}$/);
  for (const secret of [FIRST, SECOND])
    expect(() => new Webhook(secret).verify(BODY.toString(), headers)).not.toThrow();
});

it('standard: the time is that of the attempt, in seconds', () => {
  expect(sign({ now: new Date('2026-11-20T10:00:00.999Z') })['webhook-timestamp']).toBe('1795168800');
  const old = { 'webhook-id': 'msg_1', ...sign({ now: new Date(Date.now() - 3_600_000) }) };
  expect(() => new Webhook(FIRST).verify(BODY.toString(), old)).toThrow(/too old/i);
});

it('provider: the stripe package accepts it, signed with the first secret', () => {
  const { 'stripe-signature': signature = '', ...others } = sign({
    signing: 'provider',
    secrets: ['whsec_a', 'whsec_b'],
  });
  expect(others).toEqual({});
  expect(Stripe.webhooks.constructEvent(BODY, signature, 'whsec_a')).toMatchObject({ id: 'evt_1' });
  expect(() => Stripe.webhooks.constructEvent(BODY, signature, 'whsec_b')).toThrow(/signature/i);
  expect(() => Stripe.webhooks.constructEvent(`${BODY} `, signature, 'whsec_a')).toThrow(/signature/i);
});

it('provider: Meta’s X-Hub-Signature-256 is the HMAC of the bytes under the app secret', () => {
  const expected = `sha256=${createHmac('sha256', 'app-secret').update(BODY).digest('hex')}`;
  expect(sign({ signing: 'provider', secrets: ['app-secret'], provider: whatsapp })).toEqual({
    'x-hub-signature-256': expected,
  });
});

it('provider: there is no such signature for what the gateway tells of itself', () => {
  const input = { secrets: [FIRST], messageId: 'msg_1', body: BODY, now: new Date(), provider: gateway };
  expect(signatureHeaders({ ...input, signing: 'provider' })).toBeNull();
  expect(signatureHeaders({ ...input, signing: 'standard' })).toHaveProperty('webhook-signature');
});

it('none: no header; without a secret nothing is signed', () => {
  expect(sign({ signing: 'none', secrets: [] })).toEqual({});
  for (const signing of ['standard', 'provider'] as const) {
    const input = { signing, secrets: [], messageId: 'msg_1', body: BODY, now: new Date(), provider: stripe };
    expect(signatureHeaders(input)).toBeNull();
  }
});
