/** Short ways to write WhatsApp bodies, and to read what became of them. */
import type { ParsedEvent } from '../../../src/core/event.ts';
import { whatsapp } from '../../../src/providers/whatsapp/index.ts';

export const ARRIVAL = new Date('2026-11-20T23:59:59Z');
export const HOUR = '2026-11-20T23';
export const WABA = '215589313241560883';
export const PHONE_ID = '7794189252778687';

export function parse(body: unknown, receivedAt = ARRIVAL): readonly ParsedEvent[] {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return whatsapp.parse({ body: bytes, requestId: 'unused', receivedAt });
}

export function keys(body: unknown, receivedAt?: Date): readonly string[] {
  return parse(body, receivedAt).map(({ dedupeKey }) => dedupeKey);
}

export function types(body: unknown): readonly string[] {
  return parse(body).map(({ type }) => type);
}

/** The parsed payloads. */
export function payloads(body: unknown): readonly Record<string, unknown>[] {
  return parse(body).map(({ payload }) => JSON.parse(payload ?? 'null'));
}

/** A body with one change, from the phone number `PHONE_ID` unless the value says otherwise. */
export function change(field: unknown, value: object, entry: object = {}): object {
  const metadata = { display_phone_number: '4930901820', phone_number_id: PHONE_ID };
  return bare(field, { messaging_product: 'whatsapp', metadata, ...value }, entry);
}

/** The same with the value as it is. */
export function bare(field: unknown, value: unknown, entry: object = {}): object {
  return { object: 'whatsapp_business_account', entry: [{ id: WABA, changes: [{ field, value }], ...entry }] };
}
