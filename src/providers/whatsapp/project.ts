/** From a stored WhatsApp event to the rows it touches. */

import { unixTime } from '../../core/event-columns.ts';
import { asArray, isObject, type JsonObject, own } from '../../core/json.ts';
import type { Projector, StoredEvent, Touch } from '../../core/projection.ts';
import { accountEventTouch } from './projections/account-events.ts';
import { objectOr } from './projections/columns.ts';
import { NOBODY, personOf } from './projections/contacts.ts';
import type { Slots } from './projections/decide.ts';
import { directionOf, historyTouches } from './projections/history.ts';
import { messageTouch, type Sending } from './projections/messages.ts';
import { type Origin, originOf } from './projections/origin.ts';
import { addressBook, announcedChanges, known, preference, strangers, userIdUpdate } from './projections/people.ts';
import { statusTouches } from './projections/statuses.ts';
import { TABLES } from './projections/tables.ts';
import { templateTouches } from './projections/templates.ts';

interface Item {
  readonly event: StoredEvent;
  readonly origin: Origin;
  /** The item itself, an object. */
  readonly item: JsonObject;
  readonly contact: unknown;
}

/** By the item's name in the payload, which is what an event is about whatever its type says: fields can be called anything. */
const PROJECTIONS: Readonly<Record<string, (item: Item) => readonly Touch[]>> = {
  message: inbound,
  message_echo: echo,
  status({ origin, item, contact }) {
    // The life of a call is none of a message, though its id looks like one.
    const ofCall = origin.field === 'calls' || own(item, 'type') === 'call';
    const recipient = () => personOf(own(item, 'recipient_user_id'), own(item, 'recipient_id'));
    return ofCall ? known(origin, recipient(), contact).touches : statusTouches(origin, item, contact);
  },
  call({ origin, item, contact }) {
    const caller = personOf(own(item, 'from_user_id'), own(item, 'from'));
    const called = personOf(own(item, 'to_user_id'), own(item, 'to'));
    const direction = own(item, 'direction');
    const user = direction === 'USER_INITIATED' ? caller : direction === 'BUSINESS_INITIATED' ? called : NOBODY;
    return known(origin, user, contact).touches;
  },
  history({ event, origin, item }) {
    const declined = own(item, 'errors') !== undefined;
    return declined ? [accountEventTouch(origin, event, item)] : historyTouches(origin, item);
  },
  state_sync: ({ origin, item }) => addressBook(origin, item),
  user_preference: ({ origin, item, contact }) => preference(origin, item, contact),
  user_id_update: ({ origin, item, contact }) => userIdUpdate(origin, item, contact),
  error: notice,
  group: notice,
  automatic_event: notice,
  value: notice,
};

function notice({ event, origin, item, contact }: Item): Touch[] {
  return [
    accountEventTouch(origin, event, item),
    ...templateTouches(origin, event, item),
    ...strangers(origin, contact),
  ];
}

function inbound({ origin, item, contact }: Item): Touch[] {
  const sender = personOf(own(item, 'from_user_id'), own(item, 'from'));
  const fromHistory = origin.field === 'history';
  const direction = fromHistory ? directionOf(origin, item, sender) : 'inbound';
  if (direction === 'outbound') return outbound({ origin, item, contact, sending: 'history' });
  const changes = announcedChanges(origin, item);
  const wrote = own(item, 'type') !== 'system';
  const side =
    changes.length === 0
      ? known(origin, sender, contact, { slots: identityOf(item), wrote })
      : { person: sender, touches: [...changes, ...strangers(origin, contact)] };
  const sending: Sending = { origin: fromHistory ? 'history' : 'message', direction, person: side.person };
  return [messageTouch(origin, item, sending), ...side.touches];
}

function echo({ origin, item, contact }: Item): Touch[] {
  return outbound({ origin, item, contact, sending: origin.field === 'history' ? 'history' : 'echo' });
}

function outbound(echoed: Omit<Item, 'event'> & { readonly sending: Sending['origin'] }): Touch[] {
  const { origin, item, contact, sending } = echoed;
  const { person, touches } = known(origin, personOf(own(item, 'to_user_id'), own(item, 'to')), contact);
  return [messageTouch(origin, item, { origin: sending, direction: 'outbound', person }), ...touches];
}

/** Sent where the business asked to be told when a user's identity key changes. */
function identityOf(item: JsonObject): Slots {
  const identity = own(item, 'identity');
  if (!isObject(identity)) return {};
  const changedAt = unixTime(own(identity, 'created_timestamp'));
  return { identity: { identity_hash: own(identity, 'hash') ?? null, identity_changed_at: changedAt } };
}

/** @throws TypeError for an event that holds no item, or an item that is no object */
function project(event: StoredEvent): readonly Touch[] {
  const { payload } = event;
  const [name, of] = Object.entries(PROJECTIONS).find(([key]) => own(payload, key) !== undefined) ?? [];
  if (name === undefined || of === undefined) throw new TypeError('a payload without an item');
  const item = own(payload, name);
  if (!isObject(item)) throw new TypeError(`a ${name} that is no object`);
  const origin = originOf(event);
  const left = own(objectOr(own(payload, 'rest')), 'contacts');
  return oneForEachRow([
    ...of({ event, origin, item, contact: own(payload, 'contact') }),
    ...(asArray(left) === undefined ? [] : strangers(origin, left)),
  ]);
}

/** Joins the touches of one row: an event may say several things about it. */
function oneForEachRow(touches: readonly Touch[]): readonly Touch[] {
  const rows = new Map<string, Touch>();
  for (const touch of touches) {
    const place = JSON.stringify([touch.table.name, ...touch.key]);
    const before = rows.get(place);
    rows.set(place, before === undefined ? touch : { ...touch, reduce: (row) => touch.reduce(before.reduce(row)) });
  }
  return [...rows.values()];
}

export const projector: Projector = { tables: TABLES, project };
