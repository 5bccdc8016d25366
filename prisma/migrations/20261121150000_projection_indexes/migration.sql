-- Indexes for what operators ask (docs/data-model.md). Built within the migration although their tables exist: ingest does not
-- write these, so that only dispatch waits for them.
SET LOCAL lock_timeout = '2s';

-- What was written lately, to whomever. Grows at its end, so that it costs little.
CREATE INDEX "whatsapp_messages_occurred_at_idx" ON "whatsapp_messages"("occurred_at");

-- A customer's payments.
CREATE INDEX "stripe_payments_source_customer_idx" ON "stripe_payments"("source", "customer");
