/** What an event says about people: rows of `whatsapp_contacts`, one for each id under which somebody is known. */
import { type JsonObject, own } from '../../../core/json.ts';
import type { ProjectionRow, Touch } from '../../../core/projection.ts';
import { earliest, id, latest, objectOr, text, timeIn } from './columns.ts';
import { decide, deciderOf, HEARSAY, type Slots } from './decide.ts';
import { type Origin, stamp } from './origin.ts';
import { CONTACTS } from './tables.ts';

/** The ids by which an item names somebody; either may be absent. */
export interface Person {
  readonly userId: string | null;
  readonly waId: string | null;
}

export const NOBODY: Person = { userId: null, waId: null };

export function personOf(userId: unknown, waId: unknown): Person {
  return { userId: id(userId), waId: id(waId) };
}

/** The key of a person in `whatsapp_contacts`; null for nobody. */
export function contactId({ userId, waId }: Person): string | null {
  return userId ?? waId;
}

/** What else is said about a person, by slot. */
export interface Said {
  readonly slots?: Slots;
  /** True if the person wrote to the business. */
  readonly wrote?: boolean;
}

/**
 * The rows of a person: that of the user id, and that of the phone number, which thereby belongs to the user id. Both get
 * what is said, so that a name is found under either.
 */
export function contactTouches(origin: Origin, { userId, waId }: Person, { slots = {}, wrote }: Said = {}): Touch[] {
  const by = stamp(origin, HEARSAY);
  const seen = (columns: Slots) => (contact: string) =>
    touchContact(origin.source, contact, (row) => {
      const times = {
        first_seen_at: earliest(timeIn(row, 'first_seen_at'), origin.at),
        last_seen_at: latest(timeIn(row, 'last_seen_at'), origin.at),
        last_inbound_at: latest(timeIn(row, 'last_inbound_at'), wrote === true ? origin.at : null),
      };
      return { ...decide(row, by, { ...columns, ...slots }), ...times };
    });
  const ids: Slots = {
    user_id: userId === null ? null : { user_id: userId },
    wa_id: waId === null ? null : { wa_id: waId },
  };
  // A number that writes on its own after it was given up has a new owner; a user id is never given to another.
  const inUse: Slots = wrote === true && userId === null ? { moved_to: { moved_to: null } } : {};
  const touches: Touch[] = [];
  if (userId !== null) touches.push(seen(ids)(userId));
  if (waId !== null && waId !== userId) touches.push(seen({ ...ids, ...inUse })(waId));
  return touches;
}

/**
 * One id changed into another one. Both rows learn it: whatever the new one had changed into before no longer holds, so that
 * `merged_into` never leads in a circle.
 */
export function moveTouches(origin: Origin, from: string, to: string): Touch[] {
  const by = stamp(origin, HEARSAY);
  const moved = (contact: string, into: string | null) =>
    touchContact(origin.source, contact, (row) => decide(row, by, { moved_to: { moved_to: into } }));
  return [moved(from, to), moved(to, null)];
}

function touchContact(source: string, contact: string, next: (row: ProjectionRow) => ProjectionRow): Touch {
  return {
    table: CONTACTS,
    key: [source, contact],
    reduce: (row) => {
      const after = next(row ?? {});
      return { ...after, merged_into: mergedInto(after, contact) };
    },
  };
}

function mergedInto(row: ProjectionRow, contact: string): unknown {
  const user = row['user_id'] === contact ? null : (row['user_id'] ?? null);
  const moved = row['moved_to'] ?? null;
  if (user === null || moved === null) return user ?? moved;
  return deciderOf(row, 'moved_to') > deciderOf(row, 'user_id') ? moved : user;
}

/** A member of `contacts`: `{ profile: { name, username }, wa_id, user_id, parent_user_id }`. */
export function personOfContact(contact: JsonObject): Person {
  return personOf(own(contact, 'user_id'), own(contact, 'wa_id'));
}

export function slotsOfContact(contact: JsonObject): Slots {
  const profile = objectOr(own(contact, 'profile'));
  return {
    ...slot('name', text(own(profile, 'name'))),
    ...slot('username', username(own(profile, 'username'))),
    ...slot('parent_user_id', id(own(contact, 'parent_user_id'))),
  };
}

/** A slot of one column, which stays undecided for null. */
export function slot(column: string, value: string | null): Slots {
  return { [column]: value === null ? null : { [column]: value } };
}

/** Meta writes it with and without the `@`. */
export function username(value: unknown): string | null {
  return text(value)?.replace(/^@/, '') ?? null;
}
