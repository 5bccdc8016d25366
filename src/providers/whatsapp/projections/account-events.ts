/** Notices that are rows of their own: about accounts, phone numbers, templates, groups, flows, and errors without a message. */
import { hash } from 'node:crypto';
import { asArray, type JsonObject, jsonPath, own, ownAt } from '../../../core/json.ts';
import type { ProjectionRow, StoredEvent, Touch } from '../../../core/projection.ts';
import { id, objectOr, text, wholeNumber } from './columns.ts';
import type { Origin } from './origin.ts';
import { ACCOUNT_EVENTS } from './tables.ts';
import { templateId } from './templates.ts';

type Read = (value: unknown) => unknown;

/** Where a column's value may stand in a notice; the first that is there counts. What stands nowhere here is in `value`. */
const COLUMNS: Readonly<Record<string, readonly [Read, ...string[]]>> = {
  phone_number_id: [id, 'phone_number_id', 'metadata.phone_number_id'],
  display_phone_number: [text, 'display_phone_number', 'phone_number', 'metadata.display_phone_number'],
  event: [text, 'event', 'event_name', 'alert_info.alert_type', 'type'],
  group_id: [id, 'group_id'],
  flow_id: [id, 'flow_id'],
  entity_type: [text, 'entity_type'],
  entity_id: [id, 'entity_id'],
  severity: [text, 'alert_info.alert_severity'],
  status: [
    text,
    ...['status', 'new_status', 'solution_status', 'alert_info.alert_status'],
    'partner_client_certification_info.status',
  ],
  previous_status: [text, 'previous_status', 'old_status'],
  decision: [text, 'decision'],
  reason: [text, 'reason', 'rejection_reason', 'disconnection_info.reason'],
  requested_name: [text, 'requested_verified_name'],
  requester: [text, 'requester'],
  ban_state: [text, 'ban_info.waba_ban_state'],
  violation_type: [text, 'violation_info.violation_type'],
  messaging_limit: [text, 'max_daily_conversations_per_business', 'current_limit', 'max_daily_conversation_per_phone'],
  previous_limit: [text, 'old_limit'],
  max_daily_conversations_per_business: [wholeNumber, 'max_daily_conversations_per_business'],
  max_phone_numbers_per_waba: [wholeNumber, 'max_phone_numbers_per_waba'],
};

const PHONE_NUMBER_ID = jsonPath('metadata.phone_number_id');

const PATHS = Object.entries(COLUMNS).map(([column, [read, ...names]]) => ({
  column,
  read,
  paths: names.map(jsonPath),
}));

/** Each kind of item: `value` is the item, or all of a change without items. */
export function accountEventTouch(origin: Origin, event: StoredEvent, value: JsonObject): Touch {
  const error = firstError(event, value);
  const columns = Object.fromEntries(PATHS.map(({ column, read, paths }) => [column, firstOf(value, read, paths)]));
  const row: ProjectionRow = {
    ...columns,
    type: event.type,
    occurred_at: origin.at,
    waba_id: origin.wabaId,
    // Of an item, the metadata stands beside it.
    phone_number_id: columns['phone_number_id'] ?? id(ownAt(event.payload, PHONE_NUMBER_ID)),
    display_phone_number: columns['display_phone_number'] ?? origin.displayPhoneNumber,
    template_id: templateId(event, value),
    // What an automatic event calls its id is that of the message that led to it.
    message_id: own(event.payload, 'automatic_event') === undefined ? null : id(own(value, 'id')),
    error_code: wholeNumber(own(error, 'code')),
    error_title: text(own(error, 'title')) ?? text(own(error, 'message')),
    value,
  };
  return { table: ACCOUNT_EVENTS, key: [origin.source, eventKey(event)], reduce: () => row };
}

function firstOf(value: JsonObject, read: Read, paths: readonly (readonly string[])[]): unknown {
  return paths.map((path) => read(ownAt(value, path))).find((found) => found !== null) ?? null;
}

function firstError({ payload }: StoredEvent, value: JsonObject): JsonObject {
  if (own(payload, 'error') !== undefined) return value;
  return objectOr((asArray(own(value, 'errors')) ?? [])[0]);
}

function eventKey({ dedupeKey }: StoredEvent): string {
  return dedupeKey.length <= 500 ? dedupeKey : hash('sha256', dedupeKey);
}
