/** An event sent on alone says the same as it did among the others of its body. */
import { describe, expect, it } from 'vitest';
import type { DeliveredEvent } from '../../../src/core/delivery.ts';
import type { ParsedEvent } from '../../../src/core/event.ts';
import { whatsapp } from '../../../src/providers/whatsapp/index.ts';
import { corpus } from '../../support/corpus.ts';
import { requestOf } from '../../support/leased-delivery.ts';
import { ARRIVAL, bare, change, PHONE_ID, parse, WABA } from './bodies.ts';

const delivered = (event: ParsedEvent): DeliveredEvent => ({ id: 'unused', ...event });
const nativeOf = (event: ParsedEvent, request: Buffer | null = null) =>
  whatsapp.native(delivered(event), request === null ? null : requestOf(whatsapp, request));
// biome-ignore lint/suspicious/noExplicitAny: any part of a body
const sent = (event: ParsedEvent | undefined): any => {
  if (event === undefined) throw new Error('no event');
  return JSON.parse(nativeOf(event)?.toString() ?? 'null');
};

/** Errors are told apart by what stands around them in their change, which is not there any more. */
const isKeyedBySurroundings = ({ dedupeKey }: ParsedEvent) => dedupeKey.startsWith('error:');

describe.each(corpus().filter(({ provider }) => provider === 'whatsapp'))('$name', ({ body }) => {
  it('is found again, event by event, with type, subject, time and identity', () => {
    for (const event of parse(body)) {
      const native = nativeOf(event, body);
      expect(native, event.dedupeKey).not.toBeNull();
      const again = whatsapp.parse({ body: native ?? Buffer.alloc(0), requestId: 'unused', receivedAt: ARRIVAL });
      const { payload, dedupeKey, ...rest } = event;
      expect(again).toEqual([expect.objectContaining(rest)]);
      if (!isKeyedBySurroundings(event)) expect(again[0]?.dedupeKey).toBe(dedupeKey);
    }
  });
});

it('holds the one message with its metadata and its own contact', () => {
  const ada = { wa_id: '491', profile: { name: 'Ada' } };
  const bob = { wa_id: '492', profile: { name: 'Bob' } };
  const [first, second] = parse(
    change('messages', {
      contacts: [ada, bob],
      messages: [
        { id: 'wamid.1', from: '492', timestamp: '1763700000', type: 'text', text: { body: 'one' } },
        { id: 'wamid.2', from: '491', timestamp: '1763700001', type: 'text', text: { body: 'two' } },
      ],
    }),
  );
  const metadata = { display_phone_number: '4930901820', phone_number_id: PHONE_ID };
  const message = { id: 'wamid.1', from: '492', timestamp: '1763700000', type: 'text', text: { body: 'one' } };
  const value = { messaging_product: 'whatsapp', metadata, contacts: [bob], messages: [message] };
  expect(sent(first)).toEqual(bare('messages', value));
  expect(sent(second).entry[0].changes[0].value.contacts).toEqual([ada]);
});

it('has no contacts where the item has none, though others of the change have', () => {
  const [event] = parse(
    change('messages', {
      contacts: [{ wa_id: '491' }, { wa_id: '492' }],
      messages: [
        { id: 'wamid.1', from: '493', type: 'text' },
        { id: 'wamid.2', from: '491', type: 'text' },
      ],
    }),
  );
  expect(sent(event).entry[0].changes[0].value).not.toHaveProperty('contacts');
});

it('keeps the time of its entry and every digit of its numbers', () => {
  const body = Buffer.from(
    `{"entry":[{"id":"${WABA}","time":1763700000,"changes":[{"field":"messages","value":{"messages":[{"id":"w","n":12345678901234567890.10,"e":1e400}]}}]}]}`,
  );
  const [event] = parse(body);
  const text = nativeOf(event as ParsedEvent)?.toString() ?? '';
  expect(text).toContain('"n":12345678901234567890.10');
  expect(text).toContain('"time":1763700000');
});

it('tells a change that is not fanned out whole', () => {
  const value = { event: 'APPROVED', message_template_id: 1, reason: null };
  const body = bare('message_template_status_update', value, { time: 1763700000 });
  expect(sent(parse(body)[0])).toEqual(body);
});

it('tells entries and changes of undocumented shapes as they were', () => {
  const strange = [
    { object: 'whatsapp_business_account', entry: [{ id: WABA, odd: true }] },
    { object: 'whatsapp_business_account', entry: [{ id: WABA, changes: ['odd'] }] },
    { object: 'whatsapp_business_account', entry: [{ id: WABA, changes: [{ field: 'x', value: 3 }] }] },
  ];
  for (const body of strange) expect(sent(parse(body)[0])).toEqual(body);
});

it('of a body that could not be told apart is the body itself, and nothing once that is gone', () => {
  const body = Buffer.from('no JSON at all');
  const [event] = parse(body);
  expect(nativeOf(event as ParsedEvent, body)).toBe(body);
  expect(nativeOf(event as ParsedEvent)).toBeNull();
});
