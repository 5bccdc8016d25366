-- How far each rebuild of projections has come, so that it can go on where it was stopped. At most one is unfinished.
SET LOCAL lock_timeout = '2s';

CREATE TABLE "projection_rebuilds" (
    "id" UUID NOT NULL,
    "tables" TEXT[] COLLATE "C",
    "from_time" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "emptied_at" TIMESTAMPTZ(3),
    "cursor_event_id" UUID NOT NULL,
    "last_event_id" UUID,
    "events_read" BIGINT NOT NULL DEFAULT 0,
    "events_total" BIGINT,
    "events_failed" BIGINT NOT NULL DEFAULT 0,
    "finished_at" TIMESTAMPTZ(3),
    "owner" UUID NOT NULL,
    "lease_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "projection_rebuilds_pkey" PRIMARY KEY ("id")
);
