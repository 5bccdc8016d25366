/** Whom a piece of JSON names, and whether that is the person to be erased. */
import type { PersonIds } from '../../../core/erasure.ts';
import { usableText } from '../../../core/identity.ts';
import { asArray, isObject, own } from '../../../core/json.ts';

/** The ids by which somebody is named in one place; null where there is none. */
export interface Named {
  readonly userId: string | null;
  readonly waId: string | null;
  readonly parentId: string | null;
}

export function named(userId: unknown, waId: unknown, parentId?: unknown): Named {
  const text = (value: unknown) => usableText(value) ?? null;
  return { userId: text(userId), waId: text(waId), parentId: text(parentId) };
}

export function idsOf({ userId, waId, parentId }: Named): string[] {
  return [userId, waId, parentId].filter((id) => id !== null);
}

/**
 * A user id is never given to somebody else, a phone number may be: beside a user id that is not the person's, a number says
 * nothing. The id that was asked for decides alone.
 */
export function isTheirs(name: Named, { given, all }: PersonIds): boolean {
  const ids = idsOf(name);
  if (ids.some((id) => given.has(id))) return true;
  return name.userId === null ? ids.some((id) => all.has(id)) : all.has(name.userId);
}

/** As a member of `contacts` says it. */
export function namedByContact(contact: unknown): Named {
  if (!isObject(contact)) return named(null, null);
  return named(own(contact, 'user_id'), own(contact, 'wa_id'), own(contact, 'parent_user_id'));
}

/** The contacts that came with an item, and the number of the business, which is nobody's. */
export interface Company {
  readonly contacts: readonly Named[];
  readonly business: string | null;
  /** True if the only contact is the item's, whatever either says. */
  readonly paired: boolean;
}

export function companyOf(contacts: unknown, metadata: unknown, paired: boolean): Company {
  const display = isObject(metadata) ? usableText(own(metadata, 'display_phone_number')) : undefined;
  const list = (asArray(contacts) ?? []).map(namedByContact);
  return { contacts: list, business: display?.replace(/\D/g, '') ?? null, paired: paired && list.length === 1 };
}

/**
 * Those whom an item names, the ids that it leaves out taken from its contact; nobody for the business. Where it names no one
 * at all, its only contact is meant.
 */
export function completed(names: readonly Named[], { contacts, business, paired }: Company): readonly Named[] {
  const people = names.filter((name) => idsOf(name).length > 0 && (business === null || name.waId !== business));
  if (people.length === 0 && names.every((name) => idsOf(name).length === 0)) return paired ? contacts : [];
  return people.map((name) => complete(name, contacts));
}

function complete(name: Named, contacts: readonly Named[]): Named {
  const same = (one: string | null, other: string | null) => one !== null && one === other;
  const differ = (one: string | null, other: string | null) => one !== null && other !== null && one !== other;
  const contact = contacts.find(({ userId, waId }) =>
    same(userId, name.userId) ? !differ(waId, name.waId) : same(waId, name.waId) && !differ(userId, name.userId),
  );
  if (contact === undefined) return name;
  return {
    userId: name.userId ?? contact.userId,
    waId: name.waId ?? contact.waId,
    parentId: name.parentId ?? contact.parentId,
  };
}
