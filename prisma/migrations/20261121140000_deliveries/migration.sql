-- Where events are forwarded to, what is owed there, and every attempt.
SET LOCAL lock_timeout = '2s';

CREATE TABLE "destinations" (
    "id" UUID NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "kind" TEXT COLLATE "C" NOT NULL,
    "url" TEXT COLLATE "C",
    "stream" TEXT COLLATE "C",
    "stream_max_length" BIGINT,
    "sources" TEXT[] COLLATE "C",
    "types" TEXT[] COLLATE "C" NOT NULL,
    "condition" JSONB,
    "format" TEXT COLLATE "C" NOT NULL,
    "signing" TEXT COLLATE "C" NOT NULL,
    "secrets" TEXT[] COLLATE "C" NOT NULL,
    "headers" JSONB NOT NULL,
    "secret_headers" JSONB NOT NULL,
    "timeout_ms" INTEGER NOT NULL,
    "concurrency" INTEGER NOT NULL,
    "rate_per_second" DOUBLE PRECISION,
    "retry_schedule" INTEGER[] NOT NULL,
    "ordering" TEXT COLLATE "C" NOT NULL,
    "state" TEXT COLLATE "C" NOT NULL,
    "pause_reason" TEXT COLLATE "C",
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "destinations_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "destinations_name_key" ON "destinations"("name");

-- What changes with every delivery, apart from what an operator sets. Locked by whoever leases deliveries of the destination.
CREATE TABLE "destination_state" (
    "destination_id" UUID NOT NULL,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "failing_since" TIMESTAMPTZ(3),
    "circuit_open" BOOLEAN NOT NULL DEFAULT false,
    "next_probe_at" TIMESTAMPTZ(3),
    "tokens" DOUBLE PRECISION NOT NULL DEFAULT 1,
    "tokens_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "claimed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "delivered_at" TIMESTAMPTZ(3),

    CONSTRAINT "destination_state_pkey" PRIMARY KEY ("destination_id")
);

CREATE TABLE "deliveries" (
    "id" UUID NOT NULL,
    "destination_id" UUID NOT NULL,
    "event_id" UUID,
    "request_id" UUID NOT NULL,
    "replay_id" UUID,
    "source" TEXT COLLATE "C" NOT NULL,
    "provider" TEXT COLLATE "C" NOT NULL,
    "type" TEXT COLLATE "C" NOT NULL,
    "subject" TEXT COLLATE "C",
    "state" TEXT COLLATE "C" NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL,
    "lease_owner" UUID,
    "lease_until" TIMESTAMPTZ(3),
    "last_status" INTEGER,
    "last_failure" TEXT COLLATE "C",
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "deliveries_pkey" PRIMARY KEY ("id")
);

-- Owed once for each event, or with the format `original` (no event) once for each request; and once more in each replay.
CREATE UNIQUE INDEX "deliveries_event_key" ON "deliveries"("event_id", "destination_id") WHERE "replay_id" IS NULL AND "event_id" IS NOT NULL;
CREATE UNIQUE INDEX "deliveries_request_key" ON "deliveries"("request_id", "destination_id") WHERE "replay_id" IS NULL AND "event_id" IS NULL;
CREATE UNIQUE INDEX "deliveries_replayed_event_key" ON "deliveries"("event_id", "destination_id", "replay_id") WHERE "replay_id" IS NOT NULL AND "event_id" IS NOT NULL;
CREATE UNIQUE INDEX "deliveries_replayed_request_key" ON "deliveries"("request_id", "destination_id", "replay_id") WHERE "replay_id" IS NOT NULL AND "event_id" IS NULL;
-- What waits at each destination, in the order in which it is due. Two indexes and no flag in one: the planner would not see
-- that `replay_id IS NULL` is what an indexed expression says.
CREATE INDEX "deliveries_due_idx" ON "deliveries"("destination_id", "next_attempt_at", "id") WHERE "state" = 'pending' AND "replay_id" IS NULL;
CREATE INDEX "deliveries_replay_due_idx" ON "deliveries"("destination_id", "next_attempt_at", "id") WHERE "state" = 'pending' AND "replay_id" IS NOT NULL;
CREATE INDEX "deliveries_leased_idx" ON "deliveries"("destination_id", "lease_until") WHERE "state" = 'sending';
-- The unfinished ones of a subject, in the order of dispatch.
CREATE INDEX "deliveries_subject_idx" ON "deliveries"("destination_id", "subject", "id") WHERE "state" IN ('pending', 'sending') AND "replay_id" IS NULL AND "subject" IS NOT NULL;
-- What still needs a request's bytes or its events; ids of requests have the order of arrival, so the first is the oldest.
CREATE INDEX "deliveries_unfinished_idx" ON "deliveries"("request_id") WHERE "state" IN ('pending', 'sending');
-- What an operator lists.
CREATE INDEX "deliveries_destination_id_id_idx" ON "deliveries"("destination_id", "id");
CREATE INDEX "deliveries_dead_idx" ON "deliveries"("destination_id", "id") WHERE "state" = 'dead';

-- A delivery is written three times, and what is left of it lies at the front of the indexes that claims read.
ALTER TABLE "deliveries" SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE TABLE "delivery_attempts" (
    "delivery_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "id" UUID NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "duration_ms" INTEGER NOT NULL,
    "status" INTEGER,
    "response_headers" JSONB,
    "response_body" BYTEA,
    "failure" TEXT COLLATE "C",
    "error" TEXT COLLATE "C",

    CONSTRAINT "delivery_attempts_pkey" PRIMARY KEY ("delivery_id", "number", "id")
);

-- Who may do what over the API. The key itself is not kept, only its hash.
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "prefix" TEXT COLLATE "C" NOT NULL,
    "sha256" BYTEA NOT NULL,
    "scope" TEXT COLLATE "C" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "api_keys_sha256_key" ON "api_keys"("sha256");

-- Who changed what, and when.
CREATE TABLE "audit_log" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT COLLATE "C" NOT NULL,
    "ip" TEXT COLLATE "C" NOT NULL,
    "action" TEXT COLLATE "C" NOT NULL,
    "target" TEXT COLLATE "C",
    "details" JSONB,

    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);
