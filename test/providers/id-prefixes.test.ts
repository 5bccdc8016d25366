/** Every event that has an id of its own is found by it: no kind of key is missing among a provider's `idPrefixes`. */
import { describe, expect, it } from 'vitest';
import type { ParsedEvent, ProviderName } from '../../src/core/event.ts';
import { keysOfId, usableText } from '../../src/core/identity.ts';
import { autoPaused } from '../../src/core/own-event.ts';
import { origins } from '../../src/providers/index.ts';
import { SAMPLE_TYPES as STRIPE_TYPES } from '../../src/providers/stripe/sample.ts';
import { SAMPLE_TYPES as WHATSAPP_TYPES } from '../../src/providers/whatsapp/sample.ts';
import { corpus } from '../support/corpus.ts';

const now = new Date('2026-11-20T23:59:59.500Z');
const SAMPLES = { stripe: STRIPE_TYPES, whatsapp: WHATSAPP_TYPES };

/** What a WhatsApp payload holds beside its item. */
const NO_ITEMS = new Set(['field', 'entry_id', 'entry_time', 'metadata', 'contact', 'rest', 'value']);

function eventsOf(provider: 'stripe' | 'whatsapp'): ParsedEvent[] {
  const bodies = corpus().filter((one) => one.provider === provider);
  const samples = SAMPLES[provider].map((type) => origins[provider].sample({ type, unique: 'abc', now }));
  const parsed = [...bodies.map(({ body }) => body), ...samples].map((body) =>
    origins[provider].parse({ body, requestId: 'r', receivedAt: now }),
  );
  return parsed.flat();
}

/** As the payload has it, whatever the rules make of it. */
function ownId({ payload, type }: ParsedEvent, provider: ProviderName): string | undefined {
  const fields = JSON.parse(payload ?? 'null') ?? {};
  if (provider === 'stripe') return usableText(fields.id);
  // Their id is that of the message that caused them.
  if (type.startsWith('automatic_events')) return undefined;
  const item = Object.entries(fields).find(([name]) => !NO_ITEMS.has(name))?.[1];
  return usableText((item as { id?: unknown } | null | undefined)?.id);
}

/** The prefix under which the id leads to the key. */
function prefixOf(key: string, id: string, provider: ProviderName): string | undefined {
  return origins[provider].idPrefixes.find((prefix) => {
    const [start = ''] = keysOfId(id, [prefix]);
    return key === start || key.startsWith(`${start}:`);
  });
}

describe.each(['stripe', 'whatsapp'] as const)('%s', (provider) => {
  it('has each prefix in use, and none in use that is not listed', () => {
    const used = new Set<string>();
    for (const event of eventsOf(provider)) {
      const id = ownId(event, provider);
      if (id === undefined) continue;
      const prefix = prefixOf(event.dedupeKey, id, provider);
      expect(prefix, event.dedupeKey).toBeDefined();
      used.add(prefix ?? '');
    }
    expect([...used].sort()).toEqual([...origins[provider].idPrefixes].sort());
  });
});

it('an event of the gateway is found by the destination that it is about', () => {
  const id = '019aa0f2-6f1e-7c3e-b0a5-3d5c2f9e8a11';
  const { dedupeKey } = autoPaused({ id, name: 'x', reason: 'x', failingSince: null, at: now });
  expect(prefixOf(dedupeKey, id, 'gateway')).toBe('destination.auto_paused:');
});

it.each(['a:b', 'wamid.é', '%', 12, 'x'.repeat(300)])('the id %s is found as it was sent', (id) => {
  const value = { messages: [{ id, type: 'text' }], statuses: [{ id, status: 'sent' }] };
  const body = (text: object) => Buffer.from(JSON.stringify(text));
  const events = origins.whatsapp.parse({
    body: body({ entry: [{ id: '1', changes: [{ field: 'messages', value }] }] }),
    requestId: 'r',
    receivedAt: now,
  });
  expect(events.map(({ dedupeKey }) => prefixOf(dedupeKey, String(id), 'whatsapp'))).toEqual(['message:', 'status:']);
  if (typeof id === 'number') return;
  const [event] = origins.stripe.parse({ body: body({ id, account: 'acct_1' }), requestId: 'r', receivedAt: now });
  expect(prefixOf(event?.dedupeKey ?? '', id, 'stripe')).toBe('');
});
