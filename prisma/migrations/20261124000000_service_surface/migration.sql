-- CreateEnum
CREATE TYPE "role" AS ENUM ('admin', 'sender', 'viewer');

-- CreateEnum
CREATE TYPE "suppression_reason" AS ENUM ('manual', 'imported', 'unsubscribed', 'bounced', 'complained');

-- AlterTable
ALTER TABLE "campaigns" ADD COLUMN     "corrects_id" UUID,
ADD COLUMN     "created_by" TEXT NOT NULL DEFAULT 'bootstrap',
ADD COLUMN     "deliveries_from" TIMESTAMPTZ(3),
ADD COLUMN     "deliveries_until" TIMESTAMPTZ(3),
ADD COLUMN     "recalled_at" TIMESTAMPTZ(3),
ADD COLUMN     "revision" SMALLINT NOT NULL DEFAULT 1,
ADD COLUMN     "version" INTEGER NOT NULL DEFAULT 1;

-- AlterTable
ALTER TABLE "deliveries" ADD COLUMN     "forgiven_count" SMALLINT NOT NULL DEFAULT 0,
ADD COLUMN     "revision" SMALLINT;

-- AlterTable
ALTER TABLE "notifications" ADD COLUMN     "created_by" TEXT NOT NULL DEFAULT 'bootstrap',
ADD COLUMN     "request_id" TEXT,
ADD COLUMN     "test" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "recipients" ADD COLUMN     "version" INTEGER NOT NULL DEFAULT 1;

-- AlterTable
ALTER TABLE "templates" ADD COLUMN     "active_version" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "archived_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "segments" (
    "id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "filter" JSONB NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "segments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "suppressions" (
    "id" UUID NOT NULL,
    "channel" "channel" NOT NULL,
    "address" TEXT NOT NULL,
    "reason" "suppression_reason" NOT NULL,
    "note" TEXT,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "suppressions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "campaign_revisions" (
    "campaign_id" UUID NOT NULL,
    "revision" SMALLINT NOT NULL,
    "template_version_id" UUID NOT NULL,
    "data" JSONB NOT NULL,
    "replaced_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "campaign_revisions_pkey" PRIMARY KEY ("campaign_id","revision")
);

-- CreateTable
CREATE TABLE "archived_deliveries" (
    "campaign_id" UUID NOT NULL,
    "status" "delivery_status" NOT NULL,
    "count" INTEGER NOT NULL,

    CONSTRAINT "archived_deliveries_pkey" PRIMARY KEY ("campaign_id","status")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" "role" NOT NULL,
    "prefix" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "previous_hash" BYTEA,
    "previous_until" TIMESTAMPTZ(3),
    "requests_per_minute" INTEGER,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_entries" (
    "id" UUID NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "segments_key_key" ON "segments"("key");

-- CreateIndex
CREATE UNIQUE INDEX "suppressions_channel_address_key" ON "suppressions"("channel", "address");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_hash_key" ON "api_keys"("hash");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_previous_hash_key" ON "api_keys"("previous_hash");

-- CreateIndex
CREATE INDEX "audit_entries_resource" ON "audit_entries"("resource", "id");

-- CreateIndex
CREATE INDEX "audit_entries_actor" ON "audit_entries"("actor", "id");

-- CreateIndex
CREATE INDEX "deliveries_recipient" ON "deliveries"("recipient_id", "id");

-- CreateIndex
CREATE INDEX "deliveries_unsent" ON "deliveries"("reason", "id") WHERE ("reason" IS NOT NULL AND "due_at" IS NULL);

-- CreateIndex
CREATE INDEX "idempotency_keys_created" ON "idempotency_keys"("created_at");

-- CreateIndex
CREATE INDEX "recipients_attributes" ON "recipients" USING GIN ("attributes" jsonb_path_ops);

-- CreateIndex
CREATE INDEX "recipients_updated" ON "recipients"("updated_at", "id");

-- CreateIndex
CREATE INDEX "recipients_erased" ON "recipients"("id") WHERE ("erased_at" IS NOT NULL);

-- AddForeignKey
ALTER TABLE "campaigns" ADD CONSTRAINT "campaigns_corrects_id_fkey" FOREIGN KEY ("corrects_id") REFERENCES "campaigns"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "campaign_revisions" ADD CONSTRAINT "campaign_revisions_campaign_id_fkey" FOREIGN KEY ("campaign_id") REFERENCES "campaigns"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "campaign_revisions" ADD CONSTRAINT "campaign_revisions_template_version_id_fkey" FOREIGN KEY ("template_version_id") REFERENCES "template_versions"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "archived_deliveries" ADD CONSTRAINT "archived_deliveries_campaign_id_fkey" FOREIGN KEY ("campaign_id") REFERENCES "campaigns"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- By hand, for Prisma's language has no words for it.

-- So far the latest version was the one in use.
UPDATE "templates" AS t SET "active_version" = (SELECT max(v."version") FROM "template_versions" AS v WHERE v."template_id" = t."id");

-- Whoever got nothing can be told why; and lists of what was not sent find it by its reason.
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_reason_where_unsent" CHECK ("status" <= 'delivered' OR "reason" IS NOT NULL);

-- Search by any part of an external id, an address or a number. The extension is trusted: an owner of the database may create it.
-- Not partial, though tombstones are never found: PostgreSQL knows how often a text occurs only where the index is whole.
CREATE EXTENSION IF NOT EXISTS "pg_trgm";
CREATE INDEX "recipients_search" ON "recipients" USING gin ((lower(coalesce("external_id", '') || ' ' || coalesce("email", '') || ' ' || coalesce("phone", ''))) gin_trgm_ops);
