-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "priority" AS ENUM ('critical', 'high', 'normal', 'low');

-- CreateEnum
CREATE TYPE "channel" AS ENUM ('email', 'push', 'in_app', 'sms', 'webhook');

-- CreateEnum
CREATE TYPE "campaign_status" AS ENUM ('draft', 'scheduled', 'running', 'paused', 'completed', 'cancelled');

-- CreateEnum
CREATE TYPE "guarantee" AS ENUM ('at_least_once', 'at_most_once');

-- CreateEnum
CREATE TYPE "delivery_status" AS ENUM ('pending', 'sending', 'sent', 'delivered', 'failed', 'suppressed', 'cancelled', 'unknown');

-- CreateEnum
CREATE TYPE "attempt_outcome" AS ENUM ('sent', 'transient', 'permanent', 'unknown');

-- CreateTable
CREATE TABLE "recipients" (
    "id" UUID NOT NULL,
    "external_id" TEXT,
    "email" TEXT,
    "phone" TEXT,
    "time_zone" TEXT NOT NULL DEFAULT 'UTC',
    "locale" TEXT NOT NULL DEFAULT 'en',
    "attributes" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "erased_at" TIMESTAMPTZ(3),

    CONSTRAINT "recipients_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "templates" (
    "id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "templates_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "template_versions" (
    "id" UUID NOT NULL,
    "template_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "content" JSONB NOT NULL,
    "variables" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "template_versions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "notifications" (
    "id" UUID NOT NULL,
    "template_version_id" UUID NOT NULL,
    "priority" "priority" NOT NULL DEFAULT 'normal',
    "data" JSONB NOT NULL DEFAULT '{}',
    "send_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "notifications_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "campaigns" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "status" "campaign_status" NOT NULL DEFAULT 'draft',
    "template_version_id" UUID NOT NULL,
    "audience" JSONB NOT NULL,
    "data" JSONB NOT NULL DEFAULT '{}',
    "priority" "priority" NOT NULL DEFAULT 'normal',
    "guarantee" "guarantee" NOT NULL DEFAULT 'at_least_once',
    "lane_count" SMALLINT NOT NULL,
    "start_at" TIMESTAMPTZ(3),
    "frozen_at" TIMESTAMPTZ(3),
    "audience_count" INTEGER,
    "finished_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "campaigns_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "deliveries" (
    "id" UUID NOT NULL,
    "campaign_id" UUID,
    "notification_id" UUID,
    "recipient_id" UUID NOT NULL,
    "leg" TEXT NOT NULL DEFAULT 'primary',
    "channel" "channel" NOT NULL,
    "priority" "priority" NOT NULL,
    "queue" TEXT NOT NULL,
    "status" "delivery_status" NOT NULL DEFAULT 'pending',
    "due_at" TIMESTAMPTZ(3),
    "reason" TEXT,
    "detail" TEXT,
    "lease_token" UUID,
    "lease_until" TIMESTAMPTZ(3),
    "attempt_count" SMALLINT NOT NULL DEFAULT 0,
    "finished_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "deliveries_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "attempts" (
    "delivery_id" UUID NOT NULL,
    "number" SMALLINT NOT NULL,
    "provider" TEXT,
    "outcome" "attempt_outcome" NOT NULL,
    "failure" TEXT,
    "response" TEXT,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "attempts_pkey" PRIMARY KEY ("delivery_id","number")
);

-- CreateTable
CREATE TABLE "gates" (
    "key" TEXT NOT NULL,
    "permits_per_second" DOUBLE PRECISION NOT NULL,
    "burst" INTEGER NOT NULL,
    "permits" DOUBLE PRECISION NOT NULL,
    "refilled_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "gates_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "idempotency_keys" (
    "scope" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" TEXT NOT NULL,
    "status" SMALLINT NOT NULL,
    "body" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("scope","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "recipients_external_id_key" ON "recipients"("external_id");

-- CreateIndex
CREATE UNIQUE INDEX "templates_key_key" ON "templates"("key");

-- CreateIndex
CREATE UNIQUE INDEX "template_versions_template_id_version_key" ON "template_versions"("template_id", "version");

-- CreateIndex
CREATE INDEX "campaigns_unfinished" ON "campaigns"("status", "start_at") WHERE ("finished_at" IS NULL);

-- CreateIndex
CREATE INDEX "deliveries_open" ON "deliveries"("queue", "priority", "due_at") WHERE ("due_at" IS NOT NULL);

-- CreateIndex
CREATE INDEX "deliveries_open_by_recipient" ON "deliveries"("recipient_id") WHERE ("due_at" IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "deliveries_campaign_recipient_leg" ON "deliveries"("campaign_id", "recipient_id", "leg") WHERE ("campaign_id" IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "deliveries_notification_recipient_leg" ON "deliveries"("notification_id", "recipient_id", "leg") WHERE ("notification_id" IS NOT NULL);

-- AddForeignKey
ALTER TABLE "template_versions" ADD CONSTRAINT "template_versions_template_id_fkey" FOREIGN KEY ("template_id") REFERENCES "templates"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_template_version_id_fkey" FOREIGN KEY ("template_version_id") REFERENCES "template_versions"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "campaigns" ADD CONSTRAINT "campaigns_template_version_id_fkey" FOREIGN KEY ("template_version_id") REFERENCES "template_versions"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_campaign_id_fkey" FOREIGN KEY ("campaign_id") REFERENCES "campaigns"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_notification_id_fkey" FOREIGN KEY ("notification_id") REFERENCES "notifications"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_recipient_id_fkey" FOREIGN KEY ("recipient_id") REFERENCES "recipients"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_delivery_id_fkey" FOREIGN KEY ("delivery_id") REFERENCES "deliveries"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- By hand, for Prisma's language has no words for it.

-- A delivery is owed to exactly one source.
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_one_source" CHECK (num_nonnulls("campaign_id", "notification_id") = 1);

-- The partial indexes of open rows rest on this.
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_due_while_open" CHECK (("due_at" IS NOT NULL) = ("status" IN ('pending', 'sending')));

-- Every row is claimed, marked and finished, three updates within seconds: room for the versions beside it keeps them
-- heap-only, and frequent vacuums keep the index of open rows small.
ALTER TABLE "deliveries" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- A UUIDv7 (RFC 9562, section 5.7) for an instant, as newUuid() in domain/ids.ts: 48 bits of milliseconds, the version,
-- and the random rest of a version 4, whose variant bits are the same. PostgreSQL has one of its own only from 18 on.
CREATE FUNCTION "uuid_v7"("at" timestamptz) RETURNS uuid
  LANGUAGE sql VOLATILE PARALLEL SAFE
  RETURN (lpad(to_hex((extract(epoch FROM "at") * 1000)::bigint), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid;
