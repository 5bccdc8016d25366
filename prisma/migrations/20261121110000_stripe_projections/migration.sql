-- The tables that Stripe's events are projected into, and views over them. They can be made again from "events".
-- In every key: the source, the connected account ("-": the account that owns the endpoint) and the mode, since coupons and
-- products can have one id in several accounts, and in both modes.
SET LOCAL lock_timeout = '2s';

CREATE TABLE "stripe_customers" (
    "source" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "account" TEXT COLLATE "C" NOT NULL,
    "livemode" TEXT COLLATE "C" NOT NULL,
    "email" TEXT COLLATE "C",
    "name" TEXT COLLATE "C",
    "phone" TEXT COLLATE "C",
    "description" TEXT COLLATE "C",
    "country" TEXT COLLATE "C",
    "currency" TEXT COLLATE "C",
    "balance" BIGINT,
    "delinquent" BOOLEAN,
    "default_payment_method" TEXT COLLATE "C",
    "metadata" JSONB,
    "created_at" TIMESTAMPTZ(3),
    "deleted" BOOLEAN,
    "needs_refetch" BOOLEAN,
    "api_version" TEXT COLLATE "C",
    "state_event" TEXT COLLATE "C",
    "state_type" TEXT COLLATE "C",
    "state_at" TIMESTAMPTZ(3),
    "object" JSONB,
    "recent_events" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_customers_pkey" PRIMARY KEY ("source", "id", "account", "livemode")
);

CREATE TABLE "stripe_subscriptions" (
    "source" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "account" TEXT COLLATE "C" NOT NULL,
    "livemode" TEXT COLLATE "C" NOT NULL,
    "customer" TEXT COLLATE "C",
    "status" TEXT COLLATE "C",
    "currency" TEXT COLLATE "C",
    "current_period_start" TIMESTAMPTZ(3),
    "current_period_end" TIMESTAMPTZ(3),
    "cancel_at_period_end" BOOLEAN,
    "cancel_at" TIMESTAMPTZ(3),
    "canceled_at" TIMESTAMPTZ(3),
    "cancellation_reason" TEXT COLLATE "C",
    "ended_at" TIMESTAMPTZ(3),
    "trial_start" TIMESTAMPTZ(3),
    "trial_end" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3),
    "collection_method" TEXT COLLATE "C",
    "default_payment_method" TEXT COLLATE "C",
    "latest_invoice" TEXT COLLATE "C",
    "schedule" TEXT COLLATE "C",
    "items" JSONB,
    "metadata" JSONB,
    "created_at" TIMESTAMPTZ(3),
    "items_seen" JSONB,
    "deleted" BOOLEAN,
    "needs_refetch" BOOLEAN,
    "api_version" TEXT COLLATE "C",
    "state_event" TEXT COLLATE "C",
    "state_type" TEXT COLLATE "C",
    "state_at" TIMESTAMPTZ(3),
    "object" JSONB,
    "recent_events" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_subscriptions_pkey" PRIMARY KEY ("source", "id", "account", "livemode")
);

-- A customer's subscriptions.
CREATE INDEX "stripe_subscriptions_source_customer_idx" ON "stripe_subscriptions"("source", "customer");

CREATE TABLE "stripe_invoices" (
    "source" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "account" TEXT COLLATE "C" NOT NULL,
    "livemode" TEXT COLLATE "C" NOT NULL,
    "customer" TEXT COLLATE "C",
    "customer_email" TEXT COLLATE "C",
    "subscription" TEXT COLLATE "C",
    "number" TEXT COLLATE "C",
    "status" TEXT COLLATE "C",
    "currency" TEXT COLLATE "C",
    "subtotal" BIGINT,
    "tax" BIGINT,
    "total" BIGINT,
    "amount_due" BIGINT,
    "amount_paid" BIGINT,
    "amount_remaining" BIGINT,
    "billing_reason" TEXT COLLATE "C",
    "collection_method" TEXT COLLATE "C",
    "attempted" BOOLEAN,
    "attempt_count" BIGINT,
    "next_payment_attempt" TIMESTAMPTZ(3),
    "due_date" TIMESTAMPTZ(3),
    "period_start" TIMESTAMPTZ(3),
    "period_end" TIMESTAMPTZ(3),
    "finalized_at" TIMESTAMPTZ(3),
    "paid_at" TIMESTAMPTZ(3),
    "voided_at" TIMESTAMPTZ(3),
    "payment_intent" TEXT COLLATE "C",
    "charge" TEXT COLLATE "C",
    "metadata" JSONB,
    "created_at" TIMESTAMPTZ(3),
    "deleted" BOOLEAN,
    "needs_refetch" BOOLEAN,
    "api_version" TEXT COLLATE "C",
    "state_event" TEXT COLLATE "C",
    "state_type" TEXT COLLATE "C",
    "state_at" TIMESTAMPTZ(3),
    "object" JSONB,
    "recent_events" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_invoices_pkey" PRIMARY KEY ("source", "id", "account", "livemode")
);

-- A customer's invoices, also those that the view of past due customers sums up.
CREATE INDEX "stripe_invoices_source_customer_idx" ON "stripe_invoices"("source", "customer");

CREATE TABLE "stripe_payments" (
    "source" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "account" TEXT COLLATE "C" NOT NULL,
    "livemode" TEXT COLLATE "C" NOT NULL,
    "type" TEXT COLLATE "C",
    "payment" TEXT COLLATE "C",
    "payment_intent" TEXT COLLATE "C",
    "charge" TEXT COLLATE "C",
    "customer" TEXT COLLATE "C",
    "invoice" TEXT COLLATE "C",
    "status" TEXT COLLATE "C",
    "amount" BIGINT,
    "amount_received" BIGINT,
    "amount_captured" BIGINT,
    "amount_refunded" BIGINT,
    "currency" TEXT COLLATE "C",
    "failure_code" TEXT COLLATE "C",
    "decline_code" TEXT COLLATE "C",
    "failure_message" TEXT COLLATE "C",
    "reason" TEXT COLLATE "C",
    "payment_method" TEXT COLLATE "C",
    "payment_method_type" TEXT COLLATE "C",
    "captured" BOOLEAN,
    "refunded" BOOLEAN,
    "disputed" BOOLEAN,
    "evidence_due_by" TIMESTAMPTZ(3),
    "description" TEXT COLLATE "C",
    "metadata" JSONB,
    "created_at" TIMESTAMPTZ(3),
    "failed_at" TIMESTAMPTZ(3),
    "deleted" BOOLEAN,
    "needs_refetch" BOOLEAN,
    "api_version" TEXT COLLATE "C",
    "state_event" TEXT COLLATE "C",
    "state_type" TEXT COLLATE "C",
    "state_at" TIMESTAMPTZ(3),
    "object" JSONB,
    "recent_events" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_payments_pkey" PRIMARY KEY ("source", "id", "account", "livemode")
);

-- What belongs to one payment, also for the view of failed payments.
CREATE INDEX "stripe_payments_source_payment_idx" ON "stripe_payments"("source", "payment");

-- The failures of the last hours. Null, hence small, for what never failed.
CREATE INDEX "stripe_payments_failed_at_idx" ON "stripe_payments"("failed_at");

CREATE TABLE "stripe_checkout_sessions" (
    "source" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "account" TEXT COLLATE "C" NOT NULL,
    "livemode" TEXT COLLATE "C" NOT NULL,
    "mode" TEXT COLLATE "C",
    "status" TEXT COLLATE "C",
    "payment_status" TEXT COLLATE "C",
    "customer" TEXT COLLATE "C",
    "customer_email" TEXT COLLATE "C",
    "client_reference_id" TEXT COLLATE "C",
    "payment_intent" TEXT COLLATE "C",
    "setup_intent" TEXT COLLATE "C",
    "subscription" TEXT COLLATE "C",
    "invoice" TEXT COLLATE "C",
    "payment_link" TEXT COLLATE "C",
    "currency" TEXT COLLATE "C",
    "amount_subtotal" BIGINT,
    "amount_total" BIGINT,
    "expires_at" TIMESTAMPTZ(3),
    "metadata" JSONB,
    "created_at" TIMESTAMPTZ(3),
    "deleted" BOOLEAN,
    "needs_refetch" BOOLEAN,
    "api_version" TEXT COLLATE "C",
    "state_event" TEXT COLLATE "C",
    "state_type" TEXT COLLATE "C",
    "state_at" TIMESTAMPTZ(3),
    "object" JSONB,
    "recent_events" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_checkout_sessions_pkey" PRIMARY KEY ("source", "id", "account", "livemode")
);

CREATE TABLE "stripe_products" (
    "source" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "account" TEXT COLLATE "C" NOT NULL,
    "livemode" TEXT COLLATE "C" NOT NULL,
    "name" TEXT COLLATE "C",
    "description" TEXT COLLATE "C",
    "active" BOOLEAN,
    "type" TEXT COLLATE "C",
    "unit_label" TEXT COLLATE "C",
    "default_price" TEXT COLLATE "C",
    "metadata" JSONB,
    "created_at" TIMESTAMPTZ(3),
    "deleted" BOOLEAN,
    "needs_refetch" BOOLEAN,
    "api_version" TEXT COLLATE "C",
    "state_event" TEXT COLLATE "C",
    "state_type" TEXT COLLATE "C",
    "state_at" TIMESTAMPTZ(3),
    "object" JSONB,
    "recent_events" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_products_pkey" PRIMARY KEY ("source", "id", "account", "livemode")
);

CREATE TABLE "stripe_prices" (
    "source" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "account" TEXT COLLATE "C" NOT NULL,
    "livemode" TEXT COLLATE "C" NOT NULL,
    "product" TEXT COLLATE "C",
    "active" BOOLEAN,
    "nickname" TEXT COLLATE "C",
    "lookup_key" TEXT COLLATE "C",
    "type" TEXT COLLATE "C",
    "billing_scheme" TEXT COLLATE "C",
    "tax_behavior" TEXT COLLATE "C",
    "currency" TEXT COLLATE "C",
    "unit_amount" BIGINT,
    "unit_amount_decimal" TEXT COLLATE "C",
    "recurring_interval" TEXT COLLATE "C",
    "recurring_interval_count" BIGINT,
    "usage_type" TEXT COLLATE "C",
    "metadata" JSONB,
    "created_at" TIMESTAMPTZ(3),
    "deleted" BOOLEAN,
    "needs_refetch" BOOLEAN,
    "api_version" TEXT COLLATE "C",
    "state_event" TEXT COLLATE "C",
    "state_type" TEXT COLLATE "C",
    "state_at" TIMESTAMPTZ(3),
    "object" JSONB,
    "recent_events" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_prices_pkey" PRIMARY KEY ("source", "id", "account", "livemode")
);

CREATE TABLE "stripe_payouts" (
    "source" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "account" TEXT COLLATE "C" NOT NULL,
    "livemode" TEXT COLLATE "C" NOT NULL,
    "status" TEXT COLLATE "C",
    "amount" BIGINT,
    "currency" TEXT COLLATE "C",
    "arrival_date" TIMESTAMPTZ(3),
    "method" TEXT COLLATE "C",
    "type" TEXT COLLATE "C",
    "automatic" BOOLEAN,
    "destination" TEXT COLLATE "C",
    "balance_transaction" TEXT COLLATE "C",
    "failure_code" TEXT COLLATE "C",
    "failure_message" TEXT COLLATE "C",
    "description" TEXT COLLATE "C",
    "statement_descriptor" TEXT COLLATE "C",
    "metadata" JSONB,
    "created_at" TIMESTAMPTZ(3),
    "deleted" BOOLEAN,
    "needs_refetch" BOOLEAN,
    "api_version" TEXT COLLATE "C",
    "state_event" TEXT COLLATE "C",
    "state_type" TEXT COLLATE "C",
    "state_at" TIMESTAMPTZ(3),
    "object" JSONB,
    "recent_events" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_payouts_pkey" PRIMARY KEY ("source", "id", "account", "livemode")
);

CREATE TABLE "stripe_objects" (
    "source" TEXT COLLATE "C" NOT NULL,
    "type" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "account" TEXT COLLATE "C" NOT NULL,
    "livemode" TEXT COLLATE "C" NOT NULL,
    "created_at" TIMESTAMPTZ(3),
    "deleted" BOOLEAN,
    "needs_refetch" BOOLEAN,
    "api_version" TEXT COLLATE "C",
    "state_event" TEXT COLLATE "C",
    "state_type" TEXT COLLATE "C",
    "state_at" TIMESTAMPTZ(3),
    "object" JSONB,
    "recent_events" JSONB,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_objects_pkey" PRIMARY KEY ("source", "type", "id", "account", "livemode")
);

CREATE TABLE "stripe_object_events" (
    "source" TEXT COLLATE "C" NOT NULL,
    "object_id" TEXT COLLATE "C" NOT NULL,
    "event" TEXT COLLATE "C" NOT NULL,
    "object_type" TEXT COLLATE "C",
    "account" TEXT COLLATE "C",
    "livemode" TEXT COLLATE "C",
    "event_type" TEXT COLLATE "C",
    "api_version" TEXT COLLATE "C",
    "occurred_at" TIMESTAMPTZ(3),
    "received_at" TIMESTAMPTZ(3),
    "to_fetch" BOOLEAN,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_object_events_pkey" PRIMARY KEY ("source", "object_id", "event")
);

-- What is still to be fetched, and all else by time. Grows at its ends, so that it costs little.
CREATE INDEX "stripe_object_events_to_fetch_occurred_at_idx" ON "stripe_object_events"("to_fetch", "occurred_at");

-- What operators ask of a subscription business. Nothing is stored: they are the tables above, read in another way.

-- One row for each item of each subscription. removed: true for one that the subscription no longer has, null if that is unknown.
CREATE VIEW "stripe_subscription_items" AS
SELECT s."source", s."account", s."livemode", s."id" AS "subscription", i."id", i."removed", s."customer",
       s."status" AS "subscription_status", i."price", i."product", i."quantity",
       COALESCE(i."currency", s."currency") AS "currency", i."unit_amount", i."unit_amount_decimal",
       i."recurring_interval", i."recurring_interval_count", i."usage_type",
       COALESCE(i."current_period_start", s."current_period_start") AS "current_period_start",
       COALESCE(i."current_period_end", s."current_period_end") AS "current_period_end"
  FROM "stripe_subscriptions" AS s
 CROSS JOIN LATERAL jsonb_to_recordset(s."items") AS i(
       "id" TEXT COLLATE "C", "removed" BOOLEAN, "price" TEXT COLLATE "C", "product" TEXT COLLATE "C", "quantity" BIGINT,
       "currency" TEXT COLLATE "C", "unit_amount" BIGINT, "unit_amount_decimal" TEXT COLLATE "C",
       "recurring_interval" TEXT COLLATE "C", "recurring_interval_count" BIGINT, "usage_type" TEXT COLLATE "C",
       "current_period_start" TIMESTAMPTZ(3), "current_period_end" TIMESTAMPTZ(3));

-- Subscriptions that are paid for or on trial, by what they are for. quantity: of all of them together.
CREATE VIEW "stripe_active_subscriptions_by_price" AS
SELECT i."source", i."account", i."livemode", i."price", i."product", p."name" AS "product_name", i."currency",
       i."unit_amount", i."recurring_interval", i."recurring_interval_count",
       count(DISTINCT i."subscription") FILTER (WHERE i."subscription_status" = 'active') AS "active",
       count(DISTINCT i."subscription") FILTER (WHERE i."subscription_status" = 'trialing') AS "trialing",
       sum(i."quantity") AS "quantity"
  FROM "stripe_subscription_items" AS i
  LEFT JOIN "stripe_products" AS p
    ON p."source" = i."source" AND p."account" = i."account" AND p."livemode" = i."livemode" AND p."id" = i."product"
 WHERE i."subscription_status" IN ('active', 'trialing') AND NOT i."removed"
 GROUP BY i."source", i."account", i."livemode", i."price", i."product", p."name", i."currency", i."unit_amount",
          i."recurring_interval", i."recurring_interval_count";

-- One row for each payment, with its last failure. recovered: it has succeeded all the same.
CREATE VIEW "stripe_failed_payments_last_24_hours" AS
SELECT DISTINCT ON (p."source", p."account", p."livemode", p."payment")
       p."source", p."account", p."livemode", p."payment", p."id", p."type", p."customer", p."amount", p."currency",
       p."failed_at", p."failure_code", p."decline_code", p."failure_message",
       EXISTS (SELECT FROM "stripe_payments" AS o
                WHERE o."source" = p."source" AND o."payment" = p."payment" AND o."account" = p."account"
                  AND o."livemode" = p."livemode" AND o."type" IN ('payment_intent', 'charge')
                  AND o."status" = 'succeeded') AS "recovered"
  FROM "stripe_payments" AS p
 WHERE p."failed_at" > now() - INTERVAL '24 hours' AND p."type" IN ('payment_intent', 'charge')
 ORDER BY p."source", p."account", p."livemode", p."payment", p."failed_at" DESC, p."type" DESC, p."id";

-- Customers with subscriptions that are past due or unpaid, and what the open invoices of those come to.
CREATE VIEW "stripe_customers_past_due" AS
SELECT s."source", s."account", s."livemode", s."customer", c."name", c."email",
       COALESCE(i."currency", s."currency") AS "currency",
       count(DISTINCT s."id") AS "subscriptions", count(i."id") AS "open_invoices",
       sum(i."amount_remaining") AS "amount_remaining", min(i."created_at") AS "oldest_invoice_at",
       min(i."next_payment_attempt") AS "next_payment_attempt"
  FROM "stripe_subscriptions" AS s
  LEFT JOIN "stripe_customers" AS c
    ON c."source" = s."source" AND c."account" = s."account" AND c."livemode" = s."livemode" AND c."id" = s."customer"
  LEFT JOIN "stripe_invoices" AS i
    ON i."source" = s."source" AND i."customer" = s."customer" AND i."account" = s."account"
   AND i."livemode" = s."livemode" AND i."subscription" = s."id" AND i."status" = 'open' AND NOT i."deleted"
 WHERE s."status" IN ('past_due', 'unpaid')
 GROUP BY s."source", s."account", s."livemode", s."customer", c."name", c."email", COALESCE(i."currency", s."currency");

-- What was paid on invoices of subscriptions, taxes included, refunds not taken off, by calendar month in UTC.
CREATE VIEW "stripe_recurring_revenue_by_month" AS
SELECT "source", "account", "livemode",
       date_trunc('month', COALESCE("paid_at", "state_at") AT TIME ZONE 'UTC')::date AS "month", "currency",
       count(*) AS "invoices", count(DISTINCT "subscription") AS "subscriptions", sum("amount_paid") AS "amount_paid"
  FROM "stripe_invoices"
 WHERE "status" = 'paid' AND "subscription" IS NOT NULL AND "amount_paid" > 0
 GROUP BY 1, 2, 3, 4, 5;
