-- Which attempts are failed probes: of these only the last is kept, and by the number alone an attempt looks the same.
SET LOCAL lock_timeout = '2s';

ALTER TABLE "delivery_attempts" ADD COLUMN "probe" BOOLEAN NOT NULL DEFAULT false;
