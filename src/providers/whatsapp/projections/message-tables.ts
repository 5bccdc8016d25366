/** The tables of messages and of their statuses. */
import type { ProjectionTable } from '../../../core/projection.ts';

/** One row for each message of a phone number, to and from it, also of what is known only from its statuses or reactions. */
export const MESSAGES: ProjectionTable = {
  name: 'whatsapp_messages',
  key: ['source', 'message_id', 'phone_number_id'],
  columns: {
    waba_id: 'text',
    /** The other side, as in `whatsapp_contacts`: the user id, else the phone number. In a group, who wrote it. */
    contact_id: 'text',
    user_id: 'text',
    wa_id: 'text',
    group_id: 'text',
    /** `inbound` or `outbound`. */
    direction: 'text',
    /** `message`, `echo` (written in the business's app) or `history`; null while the message itself is unknown. */
    origin: 'text',
    /** When it was written; else the earliest time of its statuses. */
    occurred_at: 'timestamptz',
    type: 'text',
    /** What it says: text, caption, title of the button or list entry that was chosen. */
    text: 'text',
    media_id: 'text',
    media_mime_type: 'text',
    media_sha256: 'text',
    media_filename: 'text',
    interactive_type: 'text',
    /** Id or payload of the button or list entry that was chosen. */
    reply_id: 'text',
    location: 'jsonb',
    order_details: 'jsonb',
    /** The object under the type's name, where no other column has all of it. */
    content: 'jsonb',
    errors: 'jsonb',
    reply_to_message_id: 'text',
    forwarded: 'boolean',
    context: 'jsonb',
    referral: 'jsonb',
    edited: 'boolean',
    edited_at: 'timestamptz',
    revoked: 'boolean',
    revoked_at: 'timestamptz',
    /** `{ reactor: { emoji, at, by } }`: `user`, `business` or in groups the id of the participant; null for a reaction taken back. */
    reactions: 'jsonb',
    /** The furthest of queued < sent < failed < delivered < read < played that any recipient got to. */
    status: 'text',
    queued_at: 'timestamptz',
    sent_at: 'timestamptz',
    delivered_at: 'timestamptz',
    read_at: 'timestamptz',
    played_at: 'timestamptz',
    failed_at: 'timestamptz',
    deleted: 'boolean',
    deleted_at: 'timestamptz',
    failure_code: 'bigint',
    failure_title: 'text',
    billable: 'boolean',
    pricing_model: 'text',
    pricing_type: 'text',
    pricing_category: 'text',
    decided_by: 'jsonb',
  },
};

/** Every status of every message, for each participant of a group. */
export const MESSAGE_STATUSES: ProjectionTable = {
  name: 'whatsapp_message_statuses',
  // The last is `<status>:<participant or ->:<timestamp or ->`, with the hash of the payment for payments.
  key: ['source', 'message_id', 'phone_number_id', 'status_key'],
  columns: {
    waba_id: 'text',
    status: 'text',
    /** `payment` for the payments of India, whose statuses are none of the message. */
    type: 'text',
    occurred_at: 'timestamptz',
    recipient_user_id: 'text',
    recipient_wa_id: 'text',
    group_id: 'text',
    participant_user_id: 'text',
    participant_wa_id: 'text',
    billable: 'boolean',
    pricing_model: 'text',
    pricing_type: 'text',
    pricing_category: 'text',
    conversation_id: 'text',
    conversation_origin: 'text',
    conversation_expires_at: 'timestamptz',
    error_code: 'bigint',
    error_title: 'text',
    errors: 'jsonb',
    biz_opaque_callback_data: 'text',
    payment: 'jsonb',
  },
};
