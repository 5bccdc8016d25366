/**
 * The table of what a WhatsApp change can hold: which arrays of `value` are fanned out into events, and each event's type,
 * subject and dedupe key. One id has many statuses, notices have no id at all, and Meta may regroup items when it delivers
 * again: so a key is made of the item wherever that says enough, and never of the batch it came in.
 */
import { typeName, UNKNOWN } from '../../core/event-columns.ts';
import { isObject, type JsonPath, jsonPath, own } from '../../core/json.ts';
import type { Item } from './change.ts';
import {
  content,
  entryId,
  entryTimeOrHour,
  entryTimeUnlessOwn,
  field,
  firstOf,
  id,
  type KeyPart,
  of,
  payment,
  phone,
  position,
  surroundings,
  typeIfProvisional,
  word,
} from './key-parts.ts';

export interface Rule {
  /** Name of the array in `value`. */
  readonly array: string;
  /** The rule holds only under these fields. */
  readonly under?: readonly string[];
  /** The rule holds only for members whose `type` is this. */
  readonly ofType?: string;
  /** The item's name in the payload. */
  readonly name: string;
  readonly type: (item: Item) => string;
  /** Where it says whom or what the event is about; the first usable value counts. */
  readonly subject: readonly JsonPath[];
  /** Where else a user id or phone number stands by which the item's contact is found. */
  readonly contact?: readonly JsonPath[];
  readonly key: readonly KeyPart[];
}

const SENDER = ['from_user_id', 'from'].map(jsonPath);
const RECIPIENT = ['recipient_user_id', 'recipient_id'].map(jsonPath);
const ADDRESSEE = ['to_user_id', 'to'].map(jsonPath);
const PARTICIPANT = ['recipient_participant_user_id', 'recipient_participant_id', 'participant_recipient_id'];

/** The items that have an id of their own. */
const KINDS_WITH_ID = ['message', 'history_message', 'message_echo', 'status', 'call', 'call_status'] as const;

/** Where that id stands in a key: the one place where it is put into one, so that every such key can be found by it. */
export const ID_PREFIXES = KINDS_WITH_ID.map((kind) => `${kind}:`);

function identified(kind: (typeof KINDS_WITH_ID)[number], ...others: readonly KeyPart[]): readonly KeyPart[] {
  return [word(kind), id, phone, ...others];
}

const message = { array: 'messages', name: 'message', type: dotted('message', 'type'), subject: SENDER };
const status = { array: 'statuses', name: 'status', subject: RECIPIENT, contact: PARTICIPANT.map(jsonPath) };
const callStatus = {
  ...status,
  type: dotted('call_status', 'status', (text) => text.toLowerCase()),
  key: identified('call_status', of('status'), of('timestamp')),
};

/** In each array the first rule that holds counts. */
export const RULES: readonly Rule[] = [
  { ...message, under: ['history'], key: identified('history_message', of('type')) },
  { ...message, key: identified('message', typeIfProvisional) },
  { ...callStatus, under: ['calls'] },
  { ...callStatus, ofType: 'call' },
  {
    ...status,
    type: dotted('status', 'status'),
    key: identified('status', of('status'), firstOf(...PARTICIPANT), of('timestamp'), payment),
  },
  {
    array: 'calls',
    name: 'call',
    type: dotted('call', 'event'),
    subject: SENDER,
    contact: ADDRESSEE,
    key: identified('call', of('event'), of('timestamp')),
  },
  {
    array: 'message_echoes',
    name: 'message_echo',
    type: dotted('message_echo', 'type'),
    subject: ADDRESSEE,
    key: identified('message_echo', typeIfProvisional),
  },
  {
    array: 'errors',
    under: ['messages', 'calls'],
    name: 'error',
    type: ({ member }) => (isObject(member) ? 'error' : `error.${UNKNOWN}`),
    subject: [],
    key: [word('error'), entryId, phone, surroundings, position, entryTimeOrHour],
  },
  notice('history', 'history', []),
  notice('state_sync', 'state_sync', ['contact.user_id', 'contact.phone_number']),
  notice('groups', 'group', ['group_id']),
  notice('user_preferences', 'user_preference', ['user_id', 'wa_id']),
  notice('user_id_update', 'user_id_update', ['user_id.current', 'user_id', 'wa_id']),
  notice('automatic_events', 'automatic_event', []),
];

/** An array whose members have no id of their own: the change's field names the event, the content tells it apart. */
function notice(array: string, name: string, subject: readonly string[]): Rule {
  return {
    array,
    name,
    type: fieldType,
    subject: subject.map(jsonPath),
    key: [field, entryId, phone, content, entryTimeUnlessOwn],
  };
}

function fieldType({ change, member }: Item): string {
  const type = typeName(change.field);
  return isObject(member) ? type : `${type}.${UNKNOWN}`;
}

/** `<prefix>.<the item's field>`. */
function dotted(prefix: string, name: string, rewrite = (text: string) => text): (item: Item) => string {
  return ({ fields }) => {
    const value = own(fields, name);
    return `${prefix}.${typeName(typeof value === 'string' ? rewrite(value) : value)}`;
  };
}

/** Names of all arrays that are fanned out under one field or another. */
export const FANNED_ARRAYS: ReadonlySet<string> = new Set(RULES.map(({ array }) => array));

/** The rules for an array under a field; none if it is no more than a part of the change there. */
export function rulesFor(array: string, underField: unknown): readonly Rule[] {
  return RULES.filter((rule) => rule.array === array && holdsUnder(rule, underField));
}

function holdsUnder({ under }: Rule, field: unknown): boolean {
  return under === undefined || (typeof field === 'string' && under.includes(field));
}
