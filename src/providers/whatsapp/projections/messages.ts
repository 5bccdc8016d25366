/** The rows of `whatsapp_messages`: what each kind of event says about a message. */
import { isObject, type JsonObject, own } from '../../../core/json.ts';
import type { ProjectionRow, Touch } from '../../../core/projection.ts';
import { isProvisional } from '../key-parts.ts';
import { contentId, id, text, timeIn } from './columns.ts';
import { contactId, type Person } from './contacts.ts';
import { decide, deciderOf, EDIT, HEARSAY, HISTORY, LIVE, PLACEHOLDER, type Slots } from './decide.ts';
import { bodyOf, surroundingsOf } from './message-body.ts';
import { firstReached } from './message-status.ts';
import { MESSAGES } from './message-tables.ts';
import { type Origin, stamp } from './origin.ts';
import { react } from './reactions.ts';

/** How a message came to us. */
export interface Sending {
  readonly origin: 'message' | 'echo' | 'history';
  /** Null where a history does not say who wrote it. */
  readonly direction: 'inbound' | 'outbound' | null;
  /** The other side, whoever wrote it. */
  readonly person: Person;
}

/** A message, or the message that an edit, a revocation or a reaction is about: these have no row of their own. */
export function messageTouch(origin: Origin, item: JsonObject, sending: Sending): Touch {
  const type = own(item, 'type');
  const about = typeof type === 'string' ? own(item, type) : undefined;
  if (isObject(about)) {
    const original = id(own(about, 'original_message_id'));
    if (type === 'edit' && original !== null) return edited(origin, original, item, about, sending);
    if (type === 'revoke' && original !== null) return revoked(origin, original, item, sending);
    const target = id(own(about, 'message_id'));
    if (type === 'reaction' && target !== null) return reacted(origin, target, item, about, sending);
  }
  return written(origin, item, sending);
}

function written(origin: Origin, item: JsonObject, sending: Sending): Touch {
  const full = sending.origin === 'history' ? HISTORY : LIVE;
  const by = stamp(origin, isProvisional(item) ? PLACEHOLDER : full);
  const slots: Slots = {
    ...addressSlots(origin, item, sending.person),
    direction: sending.direction === null ? null : { direction: sending.direction },
    occurred_at: origin.at === null ? null : { occurred_at: origin.at },
    envelope: { origin: sending.origin, ...surroundingsOf(item) },
    body: bodyOf(item),
  };
  return touchMessage(origin, id(own(item, 'id')) ?? contentId(item), (row) => decide(row, by, slots));
}

function edited(origin: Origin, original: string, item: JsonObject, edit: JsonObject, sending: Sending): Touch {
  const replacement = own(edit, 'message');
  const body: Slots = { body: isObject(replacement) ? bodyOf(replacement) : null };
  const slots: Slots = { ...hearsay(origin, item, sending), edit: { edited: true, edited_at: origin.at } };
  return touchMessage(origin, original, (row) =>
    decide(decide(row, stamp(origin, HEARSAY), slots), stamp(origin, EDIT), body),
  );
}

/** The content stays: what was revoked is marked, and whoever must not keep it removes it. */
function revoked(origin: Origin, original: string, item: JsonObject, sending: Sending): Touch {
  const slots: Slots = { ...hearsay(origin, item, sending), revoke: { revoked: true, revoked_at: origin.at } };
  return touchMessage(origin, original, (row) => decide(row, stamp(origin, HEARSAY), slots));
}

/** Its own sender says nothing about the direction of its target, but both are of one conversation. */
function reacted(origin: Origin, target: string, item: JsonObject, reaction: JsonObject, sending: Sending): Touch {
  const inGroup = id(own(item, 'group_id')) !== null;
  const participant = inGroup ? contactId(sending.person) : null;
  const reactor = sending.direction === 'outbound' ? 'business' : (participant ?? 'user');
  const slots = addressSlots(origin, item, inGroup ? null : sending.person);
  return touchMessage(origin, target, (row) =>
    react(decide(row, stamp(origin, HEARSAY), slots), reactor, text(own(reaction, 'emoji')), origin),
  );
}

/** Who edits or revokes a message has written it. */
function hearsay(origin: Origin, item: JsonObject, { direction, person }: Sending): Slots {
  return { ...addressSlots(origin, item, person), direction: direction === null ? null : { direction } };
}

/** Where a message belongs. `person`: null where the item does not say whose it is. */
export function addressSlots(origin: Origin, item: JsonObject, person: Person | null): Slots {
  const group = id(own(item, 'group_id'));
  return {
    waba: origin.wabaId === null ? null : { waba_id: origin.wabaId },
    group: group === null ? null : { group_id: group },
    user_id: person === null || person.userId === null ? null : { user_id: person.userId },
    wa_id: person === null || person.waId === null ? null : { wa_id: person.waId },
  };
}

/** `next`: from the present row, without columns if there is none. */
export function touchMessage(origin: Origin, messageId: string, next: (row: ProjectionRow) => ProjectionRow): Touch {
  return {
    table: MESSAGES,
    key: [origin.source, messageId, origin.phoneNumberId],
    reduce: (row) => {
      const after = next(row ?? {});
      if (after === row) return row;
      return {
        ...after,
        contact_id: after['user_id'] ?? after['wa_id'] ?? null,
        // The message's own time, once it is known.
        occurred_at: deciderOf(after, 'occurred_at') === '' ? firstReached(after) : timeIn(after, 'occurred_at'),
      };
    },
  };
}
