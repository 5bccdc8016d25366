-- The first tables. Text columns are COLLATE "C": keys are compared bytewise, which is quicker and the same everywhere.
SET LOCAL lock_timeout = '2s';

CREATE TABLE "webhook_requests" (
    "id" UUID NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    "provider" TEXT COLLATE "C" NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "headers" JSONB NOT NULL,
    "body" BYTEA NOT NULL,
    "body_sha256" BYTEA NOT NULL,

    CONSTRAINT "webhook_requests_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "events" (
    "id" UUID NOT NULL,
    "request_id" UUID NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    "provider" TEXT COLLATE "C" NOT NULL,
    "type" TEXT COLLATE "C" NOT NULL,
    "dedupe_key" TEXT COLLATE "C" NOT NULL,
    "subject" TEXT COLLATE "C",
    "occurred_at" TIMESTAMPTZ(3),
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "payload" JSONB,

    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "events_source_dedupe_key_key" ON "events"("source", "dedupe_key");

CREATE TABLE "event_dispatch" (
    "event_id" UUID NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "routed_at" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3),
    "error" TEXT COLLATE "C",

    CONSTRAINT "event_dispatch_pkey" PRIMARY KEY ("event_id")
);

CREATE TABLE "webhook_gateway" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "webhook_gateway_pkey" PRIMARY KEY ("singleton"),
    CONSTRAINT "webhook_gateway_singleton_check" CHECK ("singleton")
);

CREATE UNIQUE INDEX "webhook_gateway_id_key" ON "webhook_gateway"("id");

INSERT INTO "webhook_gateway" DEFAULT VALUES;
