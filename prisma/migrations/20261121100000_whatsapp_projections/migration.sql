-- The projections of WhatsApp: what stands in them follows from the events, and can be made again from them.
SET LOCAL lock_timeout = '2s';

CREATE TABLE "whatsapp_contacts" (
    "source" TEXT COLLATE "C" NOT NULL,
    "contact_id" TEXT COLLATE "C" NOT NULL,
    "user_id" TEXT COLLATE "C",
    "wa_id" TEXT COLLATE "C",
    "moved_to" TEXT COLLATE "C",
    "merged_into" TEXT COLLATE "C",
    "parent_user_id" TEXT COLLATE "C",
    "name" TEXT COLLATE "C",
    "username" TEXT COLLATE "C",
    "full_name" TEXT COLLATE "C",
    "first_name" TEXT COLLATE "C",
    "marketing_messages" TEXT COLLATE "C",
    "marketing_messages_at" TIMESTAMPTZ(3),
    "identity_hash" TEXT COLLATE "C",
    "identity_changed_at" TIMESTAMPTZ(3),
    "first_seen_at" TIMESTAMPTZ(3),
    "last_seen_at" TIMESTAMPTZ(3),
    "last_inbound_at" TIMESTAMPTZ(3),
    "decided_by" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "whatsapp_contacts_pkey" PRIMARY KEY ("source", "contact_id")
);

-- The other ids of a person.
CREATE INDEX "whatsapp_contacts_source_merged_into_idx" ON "whatsapp_contacts"("source", "merged_into");

CREATE TABLE "whatsapp_messages" (
    "source" TEXT COLLATE "C" NOT NULL,
    "message_id" TEXT COLLATE "C" NOT NULL,
    "phone_number_id" TEXT COLLATE "C" NOT NULL,
    "waba_id" TEXT COLLATE "C",
    "contact_id" TEXT COLLATE "C",
    "user_id" TEXT COLLATE "C",
    "wa_id" TEXT COLLATE "C",
    "group_id" TEXT COLLATE "C",
    "direction" TEXT COLLATE "C",
    "origin" TEXT COLLATE "C",
    "occurred_at" TIMESTAMPTZ(3),
    "type" TEXT COLLATE "C",
    "text" TEXT COLLATE "C",
    "media_id" TEXT COLLATE "C",
    "media_mime_type" TEXT COLLATE "C",
    "media_sha256" TEXT COLLATE "C",
    "media_filename" TEXT COLLATE "C",
    "interactive_type" TEXT COLLATE "C",
    "reply_id" TEXT COLLATE "C",
    "location" JSONB,
    "order_details" JSONB,
    "content" JSONB,
    "errors" JSONB,
    "reply_to_message_id" TEXT COLLATE "C",
    "forwarded" BOOLEAN,
    "context" JSONB,
    "referral" JSONB,
    "edited" BOOLEAN,
    "edited_at" TIMESTAMPTZ(3),
    "revoked" BOOLEAN,
    "revoked_at" TIMESTAMPTZ(3),
    "reactions" JSONB,
    "status" TEXT COLLATE "C",
    "queued_at" TIMESTAMPTZ(3),
    "sent_at" TIMESTAMPTZ(3),
    "delivered_at" TIMESTAMPTZ(3),
    "read_at" TIMESTAMPTZ(3),
    "played_at" TIMESTAMPTZ(3),
    "failed_at" TIMESTAMPTZ(3),
    "deleted" BOOLEAN,
    "deleted_at" TIMESTAMPTZ(3),
    "failure_code" BIGINT,
    "failure_title" TEXT COLLATE "C",
    "billable" BOOLEAN,
    "pricing_model" TEXT COLLATE "C",
    "pricing_type" TEXT COLLATE "C",
    "pricing_category" TEXT COLLATE "C",
    "decided_by" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "whatsapp_messages_pkey" PRIMARY KEY ("source", "message_id", "phone_number_id")
);

-- A conversation: what somebody wrote and was written, in order of time.
CREATE INDEX "whatsapp_messages_source_contact_id_occurred_at_idx" ON "whatsapp_messages"("source", "contact_id", "occurred_at");

CREATE TABLE "whatsapp_message_statuses" (
    "source" TEXT COLLATE "C" NOT NULL,
    "message_id" TEXT COLLATE "C" NOT NULL,
    "phone_number_id" TEXT COLLATE "C" NOT NULL,
    "status_key" TEXT COLLATE "C" NOT NULL,
    "waba_id" TEXT COLLATE "C",
    "status" TEXT COLLATE "C",
    "type" TEXT COLLATE "C",
    "occurred_at" TIMESTAMPTZ(3),
    "recipient_user_id" TEXT COLLATE "C",
    "recipient_wa_id" TEXT COLLATE "C",
    "group_id" TEXT COLLATE "C",
    "participant_user_id" TEXT COLLATE "C",
    "participant_wa_id" TEXT COLLATE "C",
    "billable" BOOLEAN,
    "pricing_model" TEXT COLLATE "C",
    "pricing_type" TEXT COLLATE "C",
    "pricing_category" TEXT COLLATE "C",
    "conversation_id" TEXT COLLATE "C",
    "conversation_origin" TEXT COLLATE "C",
    "conversation_expires_at" TIMESTAMPTZ(3),
    "error_code" BIGINT,
    "error_title" TEXT COLLATE "C",
    "errors" JSONB,
    "biz_opaque_callback_data" TEXT COLLATE "C",
    "payment" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "whatsapp_message_statuses_pkey" PRIMARY KEY ("source", "message_id", "phone_number_id", "status_key")
);

CREATE TABLE "whatsapp_templates" (
    "source" TEXT COLLATE "C" NOT NULL,
    "template_id" TEXT COLLATE "C" NOT NULL,
    "waba_id" TEXT COLLATE "C",
    "name" TEXT COLLATE "C",
    "language" TEXT COLLATE "C",
    "status" TEXT COLLATE "C",
    "status_at" TIMESTAMPTZ(3),
    "reason" TEXT COLLATE "C",
    "status_details" JSONB,
    "quality" TEXT COLLATE "C",
    "previous_quality" TEXT COLLATE "C",
    "quality_at" TIMESTAMPTZ(3),
    "category" TEXT COLLATE "C",
    "category_at" TIMESTAMPTZ(3),
    "announced_category" TEXT COLLATE "C",
    "announced_category_at" TIMESTAMPTZ(3),
    "title" TEXT COLLATE "C",
    "body" TEXT COLLATE "C",
    "footer" TEXT COLLATE "C",
    "buttons" JSONB,
    "components_at" TIMESTAMPTZ(3),
    "history" JSONB,
    "decided_by" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "whatsapp_templates_pkey" PRIMARY KEY ("source", "template_id")
);

CREATE TABLE "whatsapp_account_events" (
    "source" TEXT COLLATE "C" NOT NULL,
    "event_key" TEXT COLLATE "C" NOT NULL,
    "type" TEXT COLLATE "C",
    "event" TEXT COLLATE "C",
    "occurred_at" TIMESTAMPTZ(3),
    "waba_id" TEXT COLLATE "C",
    "phone_number_id" TEXT COLLATE "C",
    "display_phone_number" TEXT COLLATE "C",
    "template_id" TEXT COLLATE "C",
    "group_id" TEXT COLLATE "C",
    "flow_id" TEXT COLLATE "C",
    "message_id" TEXT COLLATE "C",
    "entity_type" TEXT COLLATE "C",
    "entity_id" TEXT COLLATE "C",
    "severity" TEXT COLLATE "C",
    "status" TEXT COLLATE "C",
    "previous_status" TEXT COLLATE "C",
    "decision" TEXT COLLATE "C",
    "reason" TEXT COLLATE "C",
    "requested_name" TEXT COLLATE "C",
    "requester" TEXT COLLATE "C",
    "ban_state" TEXT COLLATE "C",
    "violation_type" TEXT COLLATE "C",
    "messaging_limit" TEXT COLLATE "C",
    "previous_limit" TEXT COLLATE "C",
    "max_daily_conversations_per_business" BIGINT,
    "max_phone_numbers_per_waba" BIGINT,
    "error_code" BIGINT,
    "error_title" TEXT COLLATE "C",
    "value" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "whatsapp_account_events_pkey" PRIMARY KEY ("source", "event_key")
);

-- For each id under which somebody was ever known, the person it stands for today. The longest chain that is followed is 100
-- changes; each announced change makes it no circle (see src/providers/whatsapp/projections/contacts.ts).
CREATE VIEW "whatsapp_people" AS
SELECT
    "alias"."source",
    "alias"."contact_id",
    "person"."contact_id" AS "person_id",
    "person"."user_id",
    COALESCE("person"."wa_id", "alias"."wa_id") AS "wa_id",
    COALESCE("person"."name", "alias"."name") AS "name",
    COALESCE("person"."username", "alias"."username") AS "username",
    COALESCE("person"."full_name", "alias"."full_name") AS "full_name",
    GREATEST("person"."last_seen_at", "alias"."last_seen_at") AS "last_seen_at",
    GREATEST("person"."last_inbound_at", "alias"."last_inbound_at") AS "last_inbound_at"
FROM "whatsapp_contacts" AS "alias"
CROSS JOIN LATERAL (
    WITH RECURSIVE "chain" AS (
        SELECT "alias"."contact_id", "alias"."merged_into", 0 AS "hops"
        UNION ALL
        SELECT "next"."contact_id", "next"."merged_into", "chain"."hops" + 1
        FROM "chain"
        JOIN "whatsapp_contacts" AS "next"
            ON "next"."source" = "alias"."source" AND "next"."contact_id" = "chain"."merged_into"
        WHERE "chain"."hops" < 100
    )
    SELECT "contact_id" FROM "chain" ORDER BY "hops" DESC LIMIT 1
) AS "last"
JOIN "whatsapp_contacts" AS "person"
    ON "person"."source" = "alias"."source" AND "person"."contact_id" = "last"."contact_id";
