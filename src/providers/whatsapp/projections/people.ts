/** Who is meant by the ids of an item and by the contact that came with it. */
import { asArray, isObject, type JsonObject, own } from '../../../core/json.ts';
import type { Touch } from '../../../core/projection.ts';
import { id, objectOr, text } from './columns.ts';
import {
  contactId,
  contactTouches,
  moveTouches,
  NOBODY,
  type Person,
  personOf,
  personOfContact,
  type Said,
  slot,
  slotsOfContact,
  username,
} from './contacts.ts';
import type { Slots } from './decide.ts';
import type { Origin } from './origin.ts';

/** An item's other side, and what its contact says about it. */
export interface Known {
  readonly person: Person;
  readonly touches: readonly Touch[];
}

/**
 * The contact of an item may be somebody else (a change with one item and one contact goes together whatever it says). Only
 * one that agrees with the item completes its ids; another is a person of its own.
 */
export function known(origin: Origin, person: Person, contact: unknown, said: Said = {}): Known {
  if (!isObject(contact)) return { person, touches: contactTouches(origin, person, said) };
  const other = personOfContact(contact);
  const slots = slotsOfContact(contact);
  if (!agree(person, other)) {
    return { person, touches: [...contactTouches(origin, person, said), ...contactTouches(origin, other, { slots })] };
  }
  const both = { userId: person.userId ?? other.userId, waId: person.waId ?? other.waId };
  return { person: both, touches: contactTouches(origin, both, { ...said, slots: { ...slots, ...said.slots } }) };
}

function agree(one: Person, other: Person): boolean {
  const differ = (a: string | null, b: string | null) => a !== null && b !== null && a !== b;
  return !differ(one.userId, other.userId) && !differ(one.waId, other.waId);
}

/** Contacts that belong to no item. */
export function strangers(origin: Origin, contacts: unknown): Touch[] {
  return (asArray(contacts) ?? []).filter(isObject).flatMap((contact) => known(origin, NOBODY, contact).touches);
}

/**
 * Changes of ids that a `system` message announces: `from` is the old side, `system` names the new one. Old ids are not said
 * to belong together: they do so no more. Empty for all other messages.
 */
export function announcedChanges(origin: Origin, message: JsonObject): Touch[] {
  const system = objectOr(own(message, 'system'));
  const changes =
    own(message, 'type') === 'system' && /^(?:user|customer)_changed_/.test(text(own(system, 'type')) ?? '');
  if (!changes) return [];
  const sender = personOf(own(message, 'from_user_id'), own(message, 'from'));
  const before = id(own(system, 'previous_user_id')) ?? sender.userId;
  const after = personOf(own(system, 'user_id'), own(system, 'wa_id') ?? own(system, 'new_wa_id'));
  const now = { userId: after.userId ?? sender.userId, waId: after.waId };
  return [
    ...contactTouches(origin, now, { slots: slot('parent_user_id', id(own(system, 'parent_user_id'))) }),
    ...alone(origin, sender),
    ...changed(origin, { ...NOBODY, userId: before }, now.userId),
    ...changed(origin, { ...NOBODY, waId: sender.waId }, now.waId ?? now.userId),
  ];
}

/** The rows of a person's ids, none of which says anything about the other. */
function alone(origin: Origin, { userId, waId }: Person): Touch[] {
  return [
    { ...NOBODY, userId },
    { ...NOBODY, waId },
  ].flatMap((person) => contactTouches(origin, person));
}

/** `user_id_update`: `{ wa_id, user_id: { previous, current }, parent_user_id: { previous, current }, timestamp }`. */
export function userIdUpdate(origin: Origin, update: JsonObject, contact: unknown): Touch[] {
  const userId = objectOr(own(update, 'user_id'));
  const parent = objectOr(own(update, 'parent_user_id'));
  const after = personOf(own(userId, 'current'), own(update, 'wa_id'));
  const slots = slot('parent_user_id', id(own(parent, 'current')));
  return [
    ...known(origin, after, contact, { slots }).touches,
    ...changed(origin, personOf(own(userId, 'previous'), null), after.userId),
  ];
}

/** `before` has one id; it gets a row even where nothing else is ever heard of it. */
function changed(origin: Origin, before: Person, to: string | null): Touch[] {
  const from = contactId(before);
  if (from === null || to === null || from === to) return [];
  return [...contactTouches(origin, before), ...moveTouches(origin, from, to)];
}

/** `state_sync`: the business's address book; `remove` takes the names away. */
export function addressBook(origin: Origin, entry: JsonObject): Touch[] {
  const contact = objectOr(own(entry, 'contact'));
  const removed = own(entry, 'action') === 'remove';
  const names = {
    full_name: removed ? null : text(own(contact, 'full_name')),
    first_name: removed ? null : text(own(contact, 'first_name')),
  };
  return contactTouches(origin, personOf(own(contact, 'user_id'), own(contact, 'phone_number')), {
    slots: {
      address_book: names,
      ...slot('username', username(own(contact, 'username'))),
      ...slot('parent_user_id', id(own(contact, 'parent_user_id'))),
    },
  });
}

/** `user_preferences`: whether somebody wants marketing messages. */
export function preference(origin: Origin, item: JsonObject, contact: unknown): readonly Touch[] {
  const marketing = own(item, 'category') === 'marketing_messages';
  const slots: Slots = {
    marketing: marketing ? { marketing_messages: text(own(item, 'value')), marketing_messages_at: origin.at } : null,
  };
  return known(origin, personOf(own(item, 'user_id'), own(item, 'wa_id')), contact, { slots }).touches;
}
