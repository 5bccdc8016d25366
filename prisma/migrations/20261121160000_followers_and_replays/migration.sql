-- The order in which dispatch hands events on, who follows it, and what operators ask for anew.
SET LOCAL lock_timeout = '2s';

-- In the order of commit: whoever has read up to a position never misses one below it. That is neither the order of the ids nor
-- that of arrival: an event may become visible hours after its id was made, when a spool is drained.
CREATE TABLE "event_positions" (
    "position" BIGINT NOT NULL,
    "event_id" UUID NOT NULL,

    CONSTRAINT "event_positions_pkey" PRIMARY KEY ("position")
);

-- One row. Its lock, taken last in each transaction of dispatch and held until the commit, is what makes the order that of commit.
CREATE TABLE "position_counter" (
    "one" BOOLEAN NOT NULL DEFAULT true,
    "last" BIGINT NOT NULL,

    CONSTRAINT "position_counter_pkey" PRIMARY KEY ("one"),
    CONSTRAINT "position_counter_one_check" CHECK ("one")
);

INSERT INTO "position_counter" ("last") VALUES (0);

-- Who follows with acknowledgements, and how far.
CREATE TABLE "followers" (
    "id" UUID NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "sources" TEXT[] COLLATE "C",
    "types" TEXT[] COLLATE "C" NOT NULL,
    "condition" JSONB,
    "format" TEXT COLLATE "C" NOT NULL,
    "acked_to" BIGINT NOT NULL,
    "acked" BIGINT[] NOT NULL,
    "connection" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "followers_pkey" PRIMARY KEY ("id")
);

-- What an operator asked to be owed anew, and how far it is.
CREATE TABLE "replays" (
    "id" UUID NOT NULL,
    "state" TEXT COLLATE "C" NOT NULL,
    "created_by" TEXT COLLATE "C" NOT NULL,
    "destination_ids" UUID[],
    "event_ids" UUID[],
    "sources" TEXT[] COLLATE "C",
    "types" TEXT[] COLLATE "C" NOT NULL,
    "condition" JSONB,
    "received_from" TIMESTAMPTZ(3),
    "received_to" TIMESTAMPTZ(3),
    "ignore_filter" BOOLEAN NOT NULL,
    "rate_per_second" DOUBLE PRECISION,
    "cursor" UUID,
    "scanned" BIGINT NOT NULL DEFAULT 0,
    "matched" BIGINT NOT NULL DEFAULT 0,
    "owed" BIGINT NOT NULL DEFAULT 0,
    "error" TEXT COLLATE "C",
    "next_step_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "replays_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "replays_running_idx" ON "replays"("next_step_at") WHERE "state" IN ('running', 'cancelling');

-- What became of a replay's deliveries.
CREATE INDEX "deliveries_replay_id_state_idx" ON "deliveries"("replay_id", "state") WHERE "replay_id" IS NOT NULL;
