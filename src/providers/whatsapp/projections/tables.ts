/** The tables of the WhatsApp projections. Their migration and `schema.prisma` have the same columns; a test compares them. */
import type { ProjectionTable } from '../../../core/projection.ts';
import { MESSAGE_STATUSES, MESSAGES } from './message-tables.ts';

/**
 * Everybody who was written to or heard of: one row for each business-scoped user id, and one for each phone number (wa_id).
 * A row that another one is known to stand for says so in `merged_into`; the view `whatsapp_people` follows that.
 */
export const CONTACTS: ProjectionTable = {
  name: 'whatsapp_contacts',
  key: ['source', 'contact_id'],
  columns: {
    /** Of a phone number's row: the user id that was last seen together with it. */
    user_id: 'text',
    wa_id: 'text',
    /** The id that this one was announced to have changed into. */
    moved_to: 'text',
    /** `moved_to` or the user id, whichever was said last; null for a person of its own. */
    merged_into: 'text',
    parent_user_id: 'text',
    /** As the person calls himself; without a leading `@` in the username. */
    name: 'text',
    username: 'text',
    /** As the business has the person in its address book. */
    full_name: 'text',
    first_name: 'text',
    /** `stop` or `resume`. */
    marketing_messages: 'text',
    marketing_messages_at: 'timestamptz',
    identity_hash: 'text',
    identity_changed_at: 'timestamptz',
    first_seen_at: 'timestamptz',
    last_seen_at: 'timestamptz',
    /** The last message from this contact: the customer service window is open for 24 hours from then. */
    last_inbound_at: 'timestamptz',
    decided_by: 'jsonb',
  },
};

export const TEMPLATES: ProjectionTable = {
  name: 'whatsapp_templates',
  key: ['source', 'template_id'],
  columns: {
    waba_id: 'text',
    name: 'text',
    language: 'text',
    status: 'text',
    status_at: 'timestamptz',
    /** Why it was rejected, paused or disabled. */
    reason: 'text',
    status_details: 'jsonb',
    quality: 'text',
    previous_quality: 'text',
    quality_at: 'timestamptz',
    category: 'text',
    category_at: 'timestamptz',
    /** The category that it is announced to get, until it gets it. */
    announced_category: 'text',
    announced_category_at: 'timestamptz',
    title: 'text',
    body: 'text',
    footer: 'text',
    buttons: 'jsonb',
    components_at: 'timestamptz',
    /** The newest 100 changes of status, quality and category, oldest first; all of them are in `whatsapp_account_events`. */
    history: 'jsonb',
    decided_by: 'jsonb',
  },
};

/** Everything that is said about accounts, phone numbers, templates, groups and flows: one row for each event. */
export const ACCOUNT_EVENTS: ProjectionTable = {
  name: 'whatsapp_account_events',
  // The dedupe key of the event; the SHA-256 of one longer than 500 bytes.
  key: ['source', 'event_key'],
  columns: {
    /** The event's type: the field of the change, or `error`. */
    type: 'text',
    event: 'text',
    occurred_at: 'timestamptz',
    waba_id: 'text',
    phone_number_id: 'text',
    display_phone_number: 'text',
    template_id: 'text',
    group_id: 'text',
    flow_id: 'text',
    message_id: 'text',
    entity_type: 'text',
    entity_id: 'text',
    severity: 'text',
    status: 'text',
    previous_status: 'text',
    decision: 'text',
    reason: 'text',
    requested_name: 'text',
    requester: 'text',
    ban_state: 'text',
    violation_type: 'text',
    messaging_limit: 'text',
    previous_limit: 'text',
    max_daily_conversations_per_business: 'bigint',
    max_phone_numbers_per_waba: 'bigint',
    error_code: 'bigint',
    error_title: 'text',
    /** All that was said. */
    value: 'jsonb',
  },
};

export const TABLES: readonly ProjectionTable[] = [CONTACTS, MESSAGES, MESSAGE_STATUSES, TEMPLATES, ACCOUNT_EVENTS];
