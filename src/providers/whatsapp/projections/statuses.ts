/** A status of a message: a row of `whatsapp_message_statuses`, and what it says on the row of the message. */
import { hash } from 'node:crypto';
import { unixTime } from '../../../core/event-columns.ts';
import { textOf } from '../../../core/identity.ts';
import { asArray, type JsonObject, own } from '../../../core/json.ts';
import { canonicalJson } from '../../../core/json-print.ts';
import type { ProjectionRow, Touch } from '../../../core/projection.ts';
import { flag, id, json, objectOr, text, wholeNumber } from './columns.ts';
import { personOf } from './contacts.ts';
import { decide, HEARSAY, type Slots } from './decide.ts';
import { raise } from './message-status.ts';
import { MESSAGE_STATUSES } from './message-tables.ts';
import { addressSlots, touchMessage } from './messages.ts';
import { type Origin, stamp } from './origin.ts';
import { known } from './people.ts';

/** @throws TypeError for a status that does not say of which message it is */
export function statusTouches(origin: Origin, item: JsonObject, contact: unknown): Touch[] {
  const messageId = id(own(item, 'id'));
  if (messageId === null) throw new TypeError('a status without the id of its message');
  const row = statusRow(origin, item);
  const inGroup = row['group_id'] !== null;
  const named = inGroup
    ? personOf(row['participant_user_id'], row['participant_wa_id'])
    : personOf(row['recipient_user_id'], row['recipient_wa_id']);
  const { person, touches } = known(origin, named, contact);
  const slots: Slots = {
    ...addressSlots(origin, { group_id: row['group_id'] }, inGroup ? null : person),
    direction: { direction: 'outbound' },
    ...moneySlots(item, row),
  };
  // A payment has a life of its own under the id of the message that asked for it.
  const status = row['type'] === 'payment' ? null : text(row['status']);
  return [
    {
      table: MESSAGE_STATUSES,
      key: [origin.source, messageId, origin.phoneNumberId, statusKey(item)],
      reduce: () => row,
    },
    touchMessage(origin, messageId, (message) =>
      raise(decide(message, stamp(origin, HEARSAY), slots), status, origin.at),
    ),
    ...touches,
  ];
}

/** Such statuses have all been seen: `recipient_participant_id` in Meta's reference, the last on its page about groups. */
const PARTICIPANT = ['recipient_participant_user_id', 'recipient_participant_id', 'participant_recipient_id'];

/** The part of the dedupe key that tells the statuses of a message apart. */
function statusKey(item: JsonObject): string {
  const participant = PARTICIPANT.map((name) => id(own(item, name))).find((part) => part !== null);
  const parts = [id(own(item, 'status')), participant, id(own(item, 'timestamp'))].map((part) => part ?? '-');
  const payment = own(item, 'type') === 'payment' ? [hash('sha256', canonicalJson(own(item, 'payment') ?? null))] : [];
  const key = [...parts, ...payment].join(':');
  return key.length <= 300 ? key : hash('sha256', key);
}

function statusRow(origin: Origin, item: JsonObject): ProjectionRow {
  const participant = own(item, 'recipient_participant_id') ?? own(item, 'participant_recipient_id');
  const participantUser = own(item, 'recipient_participant_user_id');
  const inGroup = own(item, 'recipient_type') === 'group' || textOf(participant ?? participantUser) !== undefined;
  const recipient = id(own(item, 'recipient_id'));
  const conversation = objectOr(own(item, 'conversation'));
  const errors = asArray(own(item, 'errors')) ?? [];
  const error = objectOr(errors[0]);
  return {
    waba_id: origin.wabaId,
    status: text(own(item, 'status')),
    type: text(own(item, 'type')),
    occurred_at: origin.at,
    recipient_user_id: id(own(item, 'recipient_user_id')),
    recipient_wa_id: inGroup ? null : recipient,
    group_id: inGroup ? recipient : null,
    participant_user_id: id(participantUser),
    participant_wa_id: id(participant),
    ...pricingOf(item),
    conversation_id: text(own(conversation, 'id')),
    conversation_origin: text(own(objectOr(own(conversation, 'origin')), 'type')),
    conversation_expires_at: unixTime(own(conversation, 'expiration_timestamp')),
    error_code: wholeNumber(own(error, 'code')),
    error_title: text(own(error, 'title')),
    errors: errors.length > 0 ? errors : null,
    biz_opaque_callback_data: text(own(item, 'biz_opaque_callback_data')),
    payment: json(own(item, 'payment')),
  };
}

function pricingOf(item: JsonObject): ProjectionRow {
  const pricing = objectOr(own(item, 'pricing'));
  return {
    billable: flag(own(pricing, 'billable')),
    pricing_model: text(own(pricing, 'pricing_model')),
    pricing_type: text(own(pricing, 'type')),
    pricing_category: text(own(pricing, 'category')),
  };
}

function moneySlots(item: JsonObject, row: ProjectionRow): Slots {
  const failed = row['status'] === 'failed' && row['type'] !== 'payment';
  return {
    pricing: own(item, 'pricing') === undefined ? null : pricingOf(item),
    failure: failed ? { failure_code: row['error_code'], failure_title: row['error_title'] } : null,
  };
}
