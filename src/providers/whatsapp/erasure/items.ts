/** Whose an item is: a message, a status, a call and so on. By its name in payloads. */
import type { PersonIds, Remains } from '../../../core/erasure.ts';
import { asArray, isObject, type JsonObject, own } from '../../../core/json.ts';
import { objectOr } from '../projections/columns.ts';
import { phoneOfMessageId } from './message-id.ts';
import { type Company, completed, isTheirs, type Named, named } from './named.ts';
import { cutEach, replaced } from './remains.ts';
import { cutUndocumented } from './undocumented.ts';

/** Those whom an item of this name is about, as it names them. What stands nowhere here is searched everywhere. */
const NAMES: Readonly<Record<string, (item: JsonObject) => readonly Named[]>> = {
  message: (item) => [...parties(item), ...system(item)],
  message_echo: parties,
  call: parties,
  status: (item) => [
    named(
      own(item, 'recipient_user_id'),
      own(item, 'recipient_id'),
      own(item, 'parent_recipient_user_id') ?? own(item, 'recipient_parent_user_id') ?? own(item, 'parent_user_id'),
    ),
    named(
      own(item, 'recipient_participant_user_id'),
      own(item, 'recipient_participant_id') ?? own(item, 'participant_recipient_id'),
      own(item, 'parent_recipient_participant_user_id') ?? own(item, 'recipient_participant_parent_user_id'),
    ),
  ],
  state_sync(item) {
    const contact = objectOr(own(item, 'contact'));
    return [named(own(contact, 'user_id'), own(contact, 'phone_number'), own(contact, 'parent_user_id'))];
  },
  user_preference: (item) => [named(own(item, 'user_id'), own(item, 'wa_id'), own(item, 'parent_user_id'))],
  user_id_update(item) {
    const [now, parent] = [own(item, 'user_id'), own(item, 'parent_user_id')];
    if (!isObject(now)) return [named(now, own(item, 'wa_id'), parent)];
    const of = (change: unknown, name: string) => own(objectOr(change), name);
    return [
      named(of(now, 'current'), own(item, 'wa_id'), of(parent, 'current')),
      named(of(now, 'previous'), null, of(parent, 'previous')),
    ];
  },
  // Names nobody but in the id of the message that led to it.
  automatic_event: (item) => [named(null, phoneOfMessageId(own(item, 'id')))],
};

function parties(item: JsonObject): readonly Named[] {
  return [
    named(own(item, 'from_user_id'), own(item, 'from'), own(item, 'from_parent_user_id')),
    named(own(item, 'to_user_id'), own(item, 'to'), own(item, 'to_parent_user_id')),
  ];
}

/** The announcement that an id has changed names the new side, and sometimes the old one. */
function system(item: JsonObject): readonly Named[] {
  const about = own(item, 'system');
  if (own(item, 'type') !== 'system' || !isObject(about)) return [];
  return [
    named(own(about, 'user_id'), own(about, 'wa_id') ?? own(about, 'new_wa_id'), own(about, 'parent_user_id')),
    named(own(about, 'previous_user_id'), own(about, 'customer')),
  ];
}

/** Those whom an item names, with what its contact adds; nobody for what has no shape of its own. */
export function peopleOf(name: string, item: JsonObject, company: Company): readonly Named[] {
  return completed(NAMES[name]?.(item) ?? [], company);
}

export function cutItem(name: string, item: unknown, ids: PersonIds, company: Company): Remains<unknown> {
  if (!isObject(item)) return cutUndocumented(item, ids);
  if (name === 'history') return cutHistory(item, ids, company);
  if (NAMES[name] === undefined) return cutUndocumented(item, ids);
  if (peopleOf(name, item, company).some((person) => isTheirs(person, ids))) return 'nothing';
  return name === 'message' || name === 'message_echo' ? cutQuotation(item, ids) : 'all';
}

/** Somebody else's message: it may be a reply that says whom it quotes. */
function cutQuotation(message: JsonObject, ids: PersonIds): Remains<JsonObject> {
  const context = cutContext(own(message, 'context'), ids);
  return context === 'all' ? 'all' : { rest: replaced(message, { context: context.rest }) };
}

/** `context` of a message: without who wrote what it replies to. */
export function cutContext(context: unknown, ids: PersonIds): 'all' | { rest: JsonObject } {
  if (!isObject(context)) return 'all';
  const quoted = named(own(context, 'from_user_id'), own(context, 'from'), own(context, 'from_parent_user_id'));
  if (!isTheirs(quoted, ids)) return 'all';
  return { rest: replaced(context, { from: undefined, from_user_id: undefined, from_parent_user_id: undefined }) };
}

/** A chunk of a history is of many people: their threads are taken out, and in a group's thread their messages. */
function cutHistory(chunk: JsonObject, ids: PersonIds, company: Company): Remains<JsonObject> {
  const threads = asArray(own(chunk, 'threads'));
  if (threads === undefined) return cutUndocumented(chunk, ids) as Remains<JsonObject>;
  const remains = cutEach(threads, (thread) => cutThread(thread, ids, company));
  return typeof remains === 'string' ? remains : { rest: replaced(chunk, { threads: remains.rest }) };
}

function cutThread(thread: unknown, ids: PersonIds, { business }: Company): Remains<unknown> {
  if (!isObject(thread)) return cutUndocumented(thread, ids);
  if (isTheirs(personOfThread(thread), ids)) return 'nothing';
  const alone: Company = { business, contacts: [], paired: false };
  const messages = asArray(own(thread, 'messages')) ?? [];
  const remains = cutEach(messages, (message) => cutItem('message', message, ids, alone));
  return typeof remains === 'string' ? remains : { rest: replaced(thread, { messages: remains.rest }) };
}

/** The other sides of the conversations in a chunk. */
export function peopleInHistory(chunk: JsonObject): readonly Named[] {
  return (asArray(own(chunk, 'threads')) ?? []).filter(isObject).map(personOfThread);
}

function personOfThread(thread: JsonObject): Named {
  const context = objectOr(own(thread, 'context'));
  const phone = own(context, 'wa_id') ?? own(thread, 'id');
  return named(own(context, 'user_id'), phone, own(context, 'parent_user_id'));
}
