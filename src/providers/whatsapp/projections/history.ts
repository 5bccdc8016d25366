/** A chunk of a chat history: thousands of messages in one event, by thread. */
import { asArray, isObject, type JsonObject, own } from '../../../core/json.ts';
import type { Touch } from '../../../core/projection.ts';
import { id, objectOr } from './columns.ts';
import { contactId, contactTouches, type Person, personOf, type Said, slot, username } from './contacts.ts';
import { raise } from './message-status.ts';
import { messageTouch, type Sending, touchMessage } from './messages.ts';
import { type Origin, originOfPart } from './origin.ts';

/** `{ metadata, threads: [{ id, context: { wa_id, user_id, … }, messages: [ … ] }] }`. A chunk that was declined has no threads. */
export function historyTouches(origin: Origin, chunk: JsonObject): Touch[] {
  const touches: Touch[] = [];
  for (const [place, thread] of (asArray(own(chunk, 'threads')) ?? []).filter(isObject).entries()) {
    const context = objectOr(own(thread, 'context'));
    const person = personOf(own(context, 'user_id'), own(context, 'wa_id') ?? own(thread, 'id'));
    const slots = {
      ...slot('username', username(own(context, 'username'))),
      ...slot('parent_user_id', id(own(context, 'parent_user_id'))),
    };
    const messages = (asArray(own(thread, 'messages')) ?? []).filter(isObject);
    for (const [position, message] of messages.entries()) {
      const part = originOfPart(origin, message, `${place}.${position}`);
      touches.push(...messageTouches(part, message, person, { slots }));
    }
  }
  return touches;
}

function messageTouches(origin: Origin, message: JsonObject, person: Person, said: Said): Touch[] {
  const direction = directionOf(origin, message, person);
  const sending: Sending = { origin: 'history', direction, person };
  const touches = [
    messageTouch(origin, message, sending),
    ...contactTouches(origin, person, { ...said, wrote: direction === 'inbound' }),
  ];
  const messageId = id(own(message, 'id'));
  const status = STATUSES.get(own(objectOr(own(message, 'history_context')), 'status'));
  if (direction !== 'outbound' || messageId === null || status === undefined) return touches;
  // When it was reached is not said.
  return [...touches, touchMessage(origin, messageId, (row) => raise(row, status, null))];
}

/** `history_context.status` in the words of status webhooks; of a message to the business it says only that the business read it. */
const STATUSES: ReadonlyMap<unknown, string> = new Map([
  ['PENDING', 'queued'],
  ['SENT', 'sent'],
  ['DELIVERED', 'delivered'],
  ['READ', 'read'],
  ['PLAYED', 'played'],
  ['ERROR', 'failed'],
]);

/**
 * Who wrote a message of a history: the business if it comes from its number or names an addressee. `person`: the other
 * side, as far as it is known. Null where nothing tells.
 */
export function directionOf(origin: Origin, message: JsonObject, person: Person): Sending['direction'] {
  const sender = personOf(own(message, 'from_user_id'), own(message, 'from'));
  const to = personOf(own(message, 'to_user_id'), own(message, 'to'));
  const business = origin.displayPhoneNumber?.replace(/\D/g, '');
  if (contactId(to) !== null || (sender.waId !== null && sender.waId === business)) return 'outbound';
  if (sender.userId !== null || (sender.waId !== null && sender.waId === person.waId)) return 'inbound';
  return sender.waId !== null && person.waId !== null ? 'outbound' : null;
}
