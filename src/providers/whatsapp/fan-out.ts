/** One change becomes its events: one for each item of its arrays, and one for what is left. */
import type { ParsedEvent } from '../../core/event.ts';
import { subjectOf, typeName, unixTime } from '../../core/event-columns.ts';
import { asArray, type JsonObject, jsonPath, own, ownAt } from '../../core/json.ts';
import { MAX_EVENTS } from '../parse-json-body.ts';
import { type Change, type Item, readItem } from './change.ts';
import { contactBook } from './contacts.ts';
import type { Part } from './payload.ts';
import { FANNED_ARRAYS, type Rule, rulesFor } from './rules.ts';

interface RuledItem {
  readonly rule: Rule;
  readonly item: Item;
}

export function* eventsOfChange(change: Change): Generator<ParsedEvent> {
  const { value, origin } = change;
  const { payloads } = change.entry.body;
  const items = itemsOf(change);
  if (items.length === 0) {
    yield changeEvent(change, value);
    return;
  }
  const book = contactBook(own(value, 'contacts'), items.length);
  // Which contacts are left, and go with the first item, shows only when all items have been looked at.
  const contacts = items.map(({ rule, item }) => book.find(addresses(rule, item)));
  const left = book.left();
  const metadata = payloads.print([['metadata', own(value, 'metadata') ?? undefined]]);
  // Once for each contact: a thousand items may have one in common.
  const printed = new Map([...new Set(contacts)].map((contact) => [contact, payloads.print([['contact', contact]])]));
  for (const [index, ruled] of items.entries()) {
    const contact = printed.get(contacts[index]) ?? null;
    const rest = index === 0 && left !== undefined ? { contacts: left } : undefined;
    yield itemEvent(ruled, [...origin, metadata, contact], rest);
  }
  const rest = restOf(change);
  if (rest !== null) yield changeEvent(change, rest);
}

function itemsOf(change: Change): readonly RuledItem[] {
  const items: RuledItem[] = [];
  for (const array of FANNED_ARRAYS) {
    const members = asArray(own(change.value, array)) ?? [];
    if (members.length === 0) continue;
    const rules = rulesFor(array, change.field);
    for (const [position, member] of members.entries()) {
      // One more than a body may have: the rest of them will not be asked for.
      if (items.length > MAX_EVENTS) return items;
      const item = readItem(change, array, member, position);
      const rule = rules.find(({ ofType }) => ofType === undefined || own(item.fields, 'type') === ofType);
      if (rule !== undefined) items.push({ rule, item });
    }
  }
  return items;
}

/** `shared`: what the payloads of several items have in common. */
function itemEvent({ rule, item }: RuledItem, shared: readonly Part[], rest: unknown): ParsedEvent {
  const { entry } = item.change;
  const { payloads } = entry.body;
  const parts = rule.key.map((part) => part(item)).filter((part) => part !== undefined);
  return {
    type: rule.type(item),
    dedupeKey: parts.join(':'),
    subject: subjectOf(rule.subject.map((path) => ownAt(item.fields, path))),
    occurredAt: occurredAt(item.change, item.fields),
    payload: payloads.payload([
      ...shared,
      payloads.print([
        [rule.name, item.member],
        ['rest', rest],
      ]),
    ]),
  };
}

const CHANGE_SUBJECT = [
  'message_template_id',
  'phone_number_id',
  'metadata.phone_number_id',
  'phone_number',
  'display_phone_number',
].map(jsonPath);

/** The event of a change without items, or of what its items leave: `value` is all of it or that rest. */
function changeEvent(change: Change, value: JsonObject): ParsedEvent {
  const { entry, fieldPart, phonePart, path, origin } = change;
  const { identity, payloads } = entry.body;
  return {
    type: typeName(change.field),
    dedupeKey: [fieldPart, entry.idPart, phonePart, entry.timeOrHour, identity.sha(value, path)].join(':'),
    subject: subjectOf(CHANGE_SUBJECT.map((path) => ownAt(value, path))),
    occurredAt: occurredAt(change, value),
    payload: payloads.payload([...origin, payloads.print([['value', value]])]),
  };
}

/** The event's own time; the entry's where it has none. */
function occurredAt({ entry }: Change, fields: JsonObject): Date | null {
  const time = own(fields, 'timestamp') ?? ownAt(fields, METADATA_TIME);
  return time === undefined || time === null ? entry.occurredAt : unixTime(time);
}

const METADATA_TIME = jsonPath('metadata.timestamp');

function addresses({ subject, contact = [] }: Rule, item: Item): readonly unknown[] {
  return [...subject, ...contact].map((path) => ownAt(item.fields, path));
}

/** These travel with the items, or (`messaging_product`, always "whatsapp") say nothing. */
const SHARED = new Set(['contacts', 'metadata', 'messaging_product']);

/** What `value` holds beside its fanned arrays; null if nothing. */
function restOf({ value, field }: Change): JsonObject | null {
  const rest: Record<string, unknown> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    if (!SHARED.has(name) && !isFanned(name, member, field)) rest[name] = member;
  }
  return Object.keys(rest).length === 0 ? null : rest;
}

/** True also for an empty array of the table, which carries nothing. */
function isFanned(name: string, member: unknown, field: unknown): boolean {
  const members = FANNED_ARRAYS.has(name) ? asArray(member) : undefined;
  return members !== undefined && (members.length === 0 || rulesFor(name, field).length > 0);
}
