import { describe, expect, it } from 'vitest';
import { SAMPLE_TYPES as OWN_TYPES } from '../../src/providers/gateway/sample.ts';
import { origins, providers } from '../../src/providers/index.ts';
import { SAMPLE_TYPES as STRIPE_TYPES } from '../../src/providers/stripe/sample.ts';
import { SAMPLE_TYPES as WHATSAPP_TYPES } from '../../src/providers/whatsapp/sample.ts';

const now = new Date('2026-11-20T23:59:59.500Z');

describe.each([
  { provider: origins.stripe, sampleTypes: STRIPE_TYPES, usual: 'payment_intent.succeeded' },
  { provider: origins.whatsapp, sampleTypes: WHATSAPP_TYPES, usual: 'message.text' },
  { provider: origins.gateway, sampleTypes: OWN_TYPES, usual: 'destination.auto_paused' },
])('samples of $provider.name', ({ provider, sampleTypes, usual }) => {
  const events = (body: Buffer) => provider.parse({ body, requestId: 'r', receivedAt: now });

  it.each(sampleTypes)('%s becomes one event of that type, at that time, its payload unaltered', (type) => {
    const found = events(provider.sample({ type, unique: 'abc', now }));
    expect(found.map((event) => event.type)).toEqual([type]);
    expect(found[0]?.payload).not.toContain('$altered');
    // History chunks and errors carry no time.
    if (type !== 'history' && type !== 'error')
      expect(found[0]?.occurredAt?.getTime()).toBeGreaterThanOrEqual(now.getTime() - 500);
  });

  it.each(sampleTypes)('%s is another event for another unique, and the same for the same', (type) => {
    const keys = ['abc', 'abd', 'abc'].map((unique) => events(provider.sample({ type, unique, now }))[0]?.dedupeKey);
    expect(keys[0]).not.toBe(keys[1]);
    expect(keys[0]).toBe(keys[2]);
  });

  it('are the most usual type unless another is asked for; an unknown one is refused with the list', () => {
    expect(events(provider.sample({ unique: 'abc', now }))[0]?.type).toBe(usual);
    for (const type of ['no.such', '', 'toString', '__proto__']) {
      const attempt = () => provider.sample({ type, unique: 'abc', now });
      expect(attempt).toThrow(RangeError);
      expect(attempt).toThrow(sampleTypes.join(', '));
    }
  });
});

it.each(Object.values(providers))('samples of $name are verified as they are signed', (provider) => {
  const body = provider.sample({ unique: 'abc', now });
  const header = provider.sign({ body, secret: 's', now });
  expect(provider.checkHeader(header)).toBeNull();
  expect(provider.verify({ body, header, secrets: ['s'], now, toleranceSeconds: 1 })).toEqual({ ok: true, secret: 0 });
});

it('are written as the provider writes: Meta compact and in ASCII, Stripe pretty-printed and in UTF-8', () => {
  const meta = providers.whatsapp.sample({ unique: 'abc', now }).toString();
  expect(meta).toMatch(/^[ -~]+$/);
  expect(meta).toContain('\\ud83d\\udce6');
  expect(meta).not.toContain('": ');
  const stripe = providers.stripe.sample({ unique: 'abc', now }).toString();
  expect(stripe).toMatch(/^{\n {2}"id": "evt_abc",\n/);
  expect(stripe).toContain('×');
});
