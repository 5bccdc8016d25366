/**
 * A WhatsApp event as Meta would send it alone: one entry with one change, and in that the one item with its metadata and its
 * contact. What the body told of other items is not in it.
 */
import type { DeliveredEvent, DeliveredRequest } from '../../core/delivery.ts';
import { UNKNOWN } from '../../core/event-columns.ts';
import { isBodyKey } from '../../core/identity.ts';
import { isObject, type JsonObject, own, readJson } from '../../core/json.ts';
import { toJsonb } from '../../core/json-print.ts';
import { RULES } from './rules.ts';

const ARRAYS: ReadonlyMap<string, string> = new Map(RULES.map(({ name, array }) => [name, array]));

/** JSON text of a value of the payload. */
type Print = (value: unknown) => string;

export function native(event: DeliveredEvent, request: DeliveredRequest | null): Buffer | null {
  if (isBodyKey(event.dedupeKey) && request !== null) return request.body;
  if (event.payload === null) return null;
  if (isBodyKey(event.dedupeKey)) return Buffer.from(event.payload);
  const document = readJson(Buffer.from(event.payload));
  if (!isObject(document.value)) return null;
  const entry = entryOf(event, document.value, (value) => toJsonb(document, value)?.text ?? 'null');
  return Buffer.from(`{"object":"whatsapp_business_account","entry":[${entry}]}`);
}

function entryOf(event: DeliveredEvent, payload: JsonObject, print: Print): string {
  const value = own(payload, 'value');
  const strange = isOfUndocumentedShape(event);
  if (strange && isObject(value) && own(value, 'id') !== undefined) return print(value);
  const change = strange
    ? print(value)
    : members([
        ['value', changeValue(payload, print)],
        ['field', text(own(payload, 'field') ?? undefined, print)],
      ]);
  return members([
    ['id', text(own(payload, 'entry_id'), print)],
    ['time', text(own(payload, 'entry_time'), print)],
    ['changes', `[${change}]`],
  ]);
}

/** The key of an entry or change without a usable `value` has four parts, that of a change whose field is `unknown` five. */
function isOfUndocumentedShape({ type, dedupeKey }: DeliveredEvent): boolean {
  return type === UNKNOWN && dedupeKey.startsWith(`${UNKNOWN}:`) && dedupeKey.split(':').length === 4;
}

function changeValue(payload: JsonObject, print: Print): string {
  const name = Object.keys(payload).find((member) => ARRAYS.has(member));
  // A change that was not fanned out, or what its items left of it.
  if (name === undefined) return print(own(payload, 'value') ?? {});
  const contact = own(payload, 'contact');
  return members([
    ['messaging_product', '"whatsapp"'],
    ['metadata', text(own(payload, 'metadata'), print)],
    ['contacts', contact === undefined ? undefined : `[${print(contact)}]`],
    [ARRAYS.get(name) ?? name, `[${print(own(payload, name))}]`],
  ]);
}

function text(value: unknown, print: Print): string | undefined {
  return value === undefined ? undefined : print(value);
}

function members(entries: readonly (readonly [name: string, text: string | undefined])[]): string {
  return `{${entries.flatMap(([name, json]) => (json === undefined ? [] : [`${JSON.stringify(name)}:${json}`])).join(',')}}`;
}
