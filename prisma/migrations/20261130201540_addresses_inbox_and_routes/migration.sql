-- AlterTable
ALTER TABLE "earlier_attempts" ADD COLUMN     "channel" "channel" NOT NULL DEFAULT 'email';

-- AlterTable
ALTER TABLE "ended_deliveries" ADD COLUMN     "failed_channels" "channel"[],
ADD COLUMN     "route_id" INTEGER;

-- AlterTable
ALTER TABLE "open_deliveries" ADD COLUMN     "failed_channels" "channel"[],
ADD COLUMN     "route_id" INTEGER;

-- AlterTable
ALTER TABLE "recipients" ADD COLUMN     "address_channels" "channel"[] DEFAULT ARRAY[]::"channel"[];

-- CreateTable
CREATE TABLE "addresses" (
    "id" UUID NOT NULL,
    "recipient_id" UUID NOT NULL,
    "channel" "channel" NOT NULL,
    "kind" TEXT NOT NULL,
    "value" BYTEA NOT NULL,
    "hash" BYTEA NOT NULL,
    "service" TEXT NOT NULL,
    "label" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "disabled_at" TIMESTAMPTZ(3),
    "disabled_reason" TEXT,

    CONSTRAINT "addresses_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "address_answers" (
    "message_id" UUID NOT NULL,
    "address_id" UUID NOT NULL,
    "accepted_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "address_answers_pkey" PRIMARY KEY ("message_id","address_id")
);

-- CreateTable
CREATE TABLE "inbox_items" (
    "id" UUID NOT NULL,
    "recipient_id" UUID NOT NULL,
    "type" TEXT,
    "category" TEXT,
    "title" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "url" TEXT,
    "actions" JSONB NOT NULL DEFAULT '[]',
    "priority" "priority" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "seen_at" TIMESTAMPTZ(3),
    "read_at" TIMESTAMPTZ(3),
    "archived_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3),

    CONSTRAINT "inbox_items_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "engagements" (
    "delivery_id" UUID NOT NULL,
    "recipient_id" UUID NOT NULL,
    "seen_at" TIMESTAMPTZ(3),
    "read_at" TIMESTAMPTZ(3),
    "acted_at" TIMESTAMPTZ(3),

    CONSTRAINT "engagements_pkey" PRIMARY KEY ("delivery_id")
);

-- CreateTable
CREATE TABLE "routes" (
    "id" SERIAL NOT NULL,
    "hash" BYTEA NOT NULL,
    "origin" TEXT NOT NULL,
    "document" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "routes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "routing_rules" (
    "id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "document" JSONB NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "routing_rules_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "routing_rule_versions" (
    "rule_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "document" JSONB NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "routing_rule_versions_pkey" PRIMARY KEY ("rule_id","version")
);

-- CreateIndex
CREATE UNIQUE INDEX "addresses_hash_key" ON "addresses"("hash");

-- CreateIndex
CREATE INDEX "addresses_recipient" ON "addresses"("recipient_id", "channel", "id");

-- CreateIndex
CREATE INDEX "address_answers_address" ON "address_answers"("address_id");

-- CreateIndex
CREATE INDEX "inbox_items_feed" ON "inbox_items"("recipient_id", "id");

-- CreateIndex
CREATE INDEX "inbox_items_unread" ON "inbox_items"("recipient_id", "id") WHERE ("read_at" IS NULL AND "archived_at" IS NULL);

-- CreateIndex
CREATE INDEX "inbox_items_created" ON "inbox_items"("created_at");

-- CreateIndex
CREATE INDEX "engagements_recipient" ON "engagements"("recipient_id");

-- CreateIndex
CREATE UNIQUE INDEX "routes_hash_key" ON "routes"("hash");

-- CreateIndex
CREATE UNIQUE INDEX "routing_rules_key_key" ON "routing_rules"("key");

-- AddForeignKey
ALTER TABLE "addresses" ADD CONSTRAINT "addresses_recipient_id_fkey" FOREIGN KEY ("recipient_id") REFERENCES "recipients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "address_answers" ADD CONSTRAINT "address_answers_address_id_fkey" FOREIGN KEY ("address_id") REFERENCES "addresses"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "inbox_items" ADD CONSTRAINT "inbox_items_recipient_id_fkey" FOREIGN KEY ("recipient_id") REFERENCES "recipients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "routing_rule_versions" ADD CONSTRAINT "routing_rule_versions_rule_id_fkey" FOREIGN KEY ("rule_id") REFERENCES "routing_rules"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What an address is used for, and how it is kept.
ALTER TABLE "addresses" ADD CONSTRAINT "addresses_disabled" CHECK (("disabled_at" IS NULL) = ("disabled_reason" IS NULL));

-- The views have the new columns at their ends.
CREATE OR REPLACE VIEW "deliveries" AS
SELECT "id", "campaign_id", "notification_id", "recipient_id", "leg", "channel", "priority", "queue",
    CASE WHEN "lease_token" IS NULL THEN 'pending'::"delivery_status" ELSE 'sending'::"delivery_status" END AS "status",
    "due_at", "reason", NULL::TEXT AS "detail", "lease_token", "lease_until", "attempt_count", "forgiven_count", "revision", "template_version_id",
    "group_id", "hold_count", "decided_at", "policy_version", "type_version", "preferences_version", NULL::TIMESTAMPTZ(3) AS "finished_at", "created_at",
    "route_id", "failed_channels"
FROM "open_deliveries"
UNION ALL
SELECT "id", "campaign_id", "notification_id", "recipient_id", "leg", "channel", "priority", "queue", "status",
    NULL::TIMESTAMPTZ(3), "reason", "detail", NULL::UUID, NULL::TIMESTAMPTZ(3), "attempt_count", "forgiven_count", "revision", "template_version_id",
    "group_id", "hold_count", "decided_at", "policy_version", "type_version", "preferences_version", "finished_at", "created_at",
    "route_id", "failed_channels"
FROM "ended_deliveries";

CREATE OR REPLACE VIEW "attempts" AS
SELECT "delivery_id", "number", "provider", "outcome", "failure", "response", "started_at", "finished_at", "channel" FROM "earlier_attempts"
UNION ALL
SELECT "id", "attempt_count", "provider", "outcome", "failure", "response", "attempt_started_at", "attempt_finished_at", "channel"
FROM "ended_deliveries" WHERE "outcome" IS NOT NULL;
