-- What retention has removed, and how far it has come: one row.
SET LOCAL lock_timeout = '2s';

CREATE TABLE "retention" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "events_removed" BIGINT NOT NULL DEFAULT 0,
    "requests_removed" BIGINT NOT NULL DEFAULT 0,
    "event_cursor" UUID,
    "event_round_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "request_cursor" UUID,
    "request_round_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "leased_by" UUID,
    "leased_until" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "retention_pkey" PRIMARY KEY ("singleton"),
    CONSTRAINT "retention_singleton_check" CHECK ("singleton")
);

INSERT INTO "retention" DEFAULT VALUES;
