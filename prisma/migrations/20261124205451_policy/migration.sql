-- CreateEnum
CREATE TYPE "group_kind" AS ENUM ('batch', 'digest');

-- CreateEnum
CREATE TYPE "group_status" AS ENUM ('open', 'full', 'closed');

-- CreateEnum
CREATE TYPE "breaker_state" AS ENUM ('closed', 'open', 'half_open');

-- AlterTable
ALTER TABLE "campaigns" ADD COLUMN     "type_id" UUID;

-- AlterTable
ALTER TABLE "deliveries" ADD COLUMN     "decided_at" TIMESTAMPTZ(3),
ADD COLUMN     "group_id" UUID,
ADD COLUMN     "hold_count" SMALLINT NOT NULL DEFAULT 0,
ADD COLUMN     "policy_version" INTEGER,
ADD COLUMN     "preferences_version" INTEGER,
ADD COLUMN     "type_version" INTEGER;

-- AlterTable
ALTER TABLE "gates" ADD COLUMN     "daily_quota" INTEGER,
ADD COLUMN     "quota_day" DATE,
ADD COLUMN     "shut_reason" TEXT,
ADD COLUMN     "shut_until" TIMESTAMPTZ(3),
ADD COLUMN     "used_today" INTEGER NOT NULL DEFAULT 0,
ALTER COLUMN "permits_per_second" DROP NOT NULL,
ALTER COLUMN "burst" SET DEFAULT 5,
ALTER COLUMN "permits" SET DEFAULT 5;

-- AlterTable
ALTER TABLE "notifications" ADD COLUMN     "actions" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN     "batchable" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN     "bypass_rate_limit" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "collapse_key" TEXT,
ADD COLUMN     "dedup_key" TEXT,
ADD COLUMN     "entity_id" TEXT,
ADD COLUMN     "expires_at" TIMESTAMPTZ(3),
ADD COLUMN     "occurs_at" TIMESTAMPTZ(3),
ADD COLUMN     "type_id" UUID;

-- AlterTable
ALTER TABLE "recipients" ADD COLUMN     "engaged_hours" INTEGER[] DEFAULT ARRAY[]::INTEGER[],
ADD COLUMN     "preferences" JSONB,
ADD COLUMN     "preferences_version" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "policy_versions" (
    "version" INTEGER NOT NULL,
    "document" JSONB NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "policy_versions_pkey" PRIMARY KEY ("version")
);

-- CreateTable
CREATE TABLE "notification_types" (
    "id" UUID NOT NULL,
    "number" SERIAL NOT NULL,
    "key" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "document" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "notification_types_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "notification_type_versions" (
    "type_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "document" JSONB NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "notification_type_versions_pkey" PRIMARY KEY ("type_id","version")
);

-- CreateTable
CREATE TABLE "preference_versions" (
    "recipient_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "document" JSONB NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "preference_versions_pkey" PRIMARY KEY ("recipient_id","version")
);

-- CreateTable
CREATE TABLE "grant_logs" (
    "recipient_id" UUID NOT NULL,
    "granted" TIMESTAMPTZ(3)[],
    "types" INTEGER[],
    "asked" INTEGER[],

    CONSTRAINT "grant_logs_pkey" PRIMARY KEY ("recipient_id")
);

-- CreateTable
CREATE TABLE "groups" (
    "id" UUID NOT NULL,
    "kind" "group_kind" NOT NULL,
    "recipient_id" UUID NOT NULL,
    "type_id" UUID,
    "priority" "priority",
    "channel" "channel" NOT NULL,
    "status" "group_status" NOT NULL DEFAULT 'open',
    "member_count" INTEGER NOT NULL DEFAULT 0,
    "maximum_size" INTEGER,
    "adapted" TEXT,
    "first_occurs_at" TIMESTAMPTZ(3),
    "last_occurs_at" TIMESTAMPTZ(3),
    "closes_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "groups_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "breakers" (
    "provider" TEXT NOT NULL,
    "channel" "channel" NOT NULL,
    "state" "breaker_state" NOT NULL DEFAULT 'closed',
    "failed_at" TIMESTAMPTZ(3)[] DEFAULT ARRAY[]::TIMESTAMPTZ(3)[],
    "opened_at" TIMESTAMPTZ(3),
    "closed_at" TIMESTAMPTZ(3),
    "next_trial_at" TIMESTAMPTZ(3),
    "trials_taken" INTEGER NOT NULL DEFAULT 0,
    "trials_passed" INTEGER NOT NULL DEFAULT 0,
    "reason" TEXT,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "breakers_pkey" PRIMARY KEY ("provider")
);

-- CreateTable
CREATE TABLE "events" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "delivery_id" UUID,
    "recipient_id" UUID,
    "data" JSONB NOT NULL DEFAULT '{}',
    "dedup_key" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "due_at" TIMESTAMPTZ(3),
    "attempt_count" INTEGER NOT NULL DEFAULT 0,
    "published_at" TIMESTAMPTZ(3),
    "detail" TEXT,

    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "notification_types_number_key" ON "notification_types"("number");

-- CreateIndex
CREATE UNIQUE INDEX "notification_types_key_key" ON "notification_types"("key");

-- CreateIndex
CREATE UNIQUE INDEX "groups_one_open" ON "groups"("recipient_id", "kind", "channel", "type_id", "priority") NULLS NOT DISTINCT WHERE ("status" = 'open');

-- CreateIndex
CREATE UNIQUE INDEX "events_dedup_key_key" ON "events"("dedup_key");

-- CreateIndex
CREATE INDEX "events_due" ON "events"("due_at", "id") WHERE ("due_at" IS NOT NULL);

-- CreateIndex
CREATE INDEX "events_delivery" ON "events"("delivery_id");

-- CreateIndex
CREATE INDEX "events_recipient" ON "events"("recipient_id", "id");

-- DropIndex
DROP INDEX "deliveries_unsent";

-- CreateIndex
CREATE INDEX "deliveries_reason" ON "deliveries"("reason", "id") WHERE ("reason" IS NOT NULL);

-- CreateIndex
CREATE INDEX "deliveries_finished" ON "deliveries"("finished_at") WHERE ("finished_at" IS NOT NULL);

-- CreateIndex
CREATE INDEX "deliveries_outside_lanes" ON "deliveries"("campaign_id", "leg", "priority", "due_at") WHERE ((campaign_id IS NOT NULL) AND (due_at IS NOT NULL) AND (queue !~~ 'campaign/%'::text));

-- CreateIndex
CREATE INDEX "deliveries_group" ON "deliveries"("group_id") WHERE ("group_id" IS NOT NULL);

-- CreateIndex
CREATE INDEX "notifications_dedup" ON "notifications"("dedup_key", "id") WHERE ("dedup_key" IS NOT NULL);

-- CreateIndex
CREATE INDEX "notifications_collapse" ON "notifications"("collapse_key", "id") WHERE ("collapse_key" IS NOT NULL);

-- AddForeignKey
ALTER TABLE "notification_type_versions" ADD CONSTRAINT "notification_type_versions_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "notification_types"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "preference_versions" ADD CONSTRAINT "preference_versions_recipient_id_fkey" FOREIGN KEY ("recipient_id") REFERENCES "recipients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "grant_logs" ADD CONSTRAINT "grant_logs_recipient_id_fkey" FOREIGN KEY ("recipient_id") REFERENCES "recipients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "groups" ADD CONSTRAINT "groups_recipient_id_fkey" FOREIGN KEY ("recipient_id") REFERENCES "recipients"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "groups" ADD CONSTRAINT "groups_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "notification_types"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "notification_types"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "campaigns" ADD CONSTRAINT "campaigns_type_id_fkey" FOREIGN KEY ("type_id") REFERENCES "notification_types"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_group_id_fkey" FOREIGN KEY ("group_id") REFERENCES "groups"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- By hand, for Prisma's language has no words for it.

-- Each grant is an update of its recipient's log: room beside it keeps that heap-only.
ALTER TABLE "grant_logs" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE "groups" SET (fillfactor = 80);

-- A gate without a rate, a quota or an instant to open at would grant nothing that it was made for.
ALTER TABLE "gates" ADD CONSTRAINT "gates_limit_something" CHECK (num_nonnulls("permits_per_second", "daily_quota", "shut_until") > 0);

-- The types that come with it; they are edited like any other.
WITH shipped("key", "document") AS (VALUES
  ('task.deadline', '{"name": "Task deadlines", "priority": "normal", "channels": ["email", "push", "in_app", "sms", "webhook"], "batchable": true, "digestable": true, "mandatory": false, "timeToLiveSeconds": null, "collapseKey": null, "spreadMinutes": 5, "summaryTitle": "{count} task deadlines approaching", "viewAllUrl": null, "summaryTemplate": null, "limits": {}, "preferences": {}}'::jsonb),
  ('habit.reminder', '{"name": "Habit reminders", "priority": "normal", "channels": ["email", "push", "in_app", "sms", "webhook"], "batchable": true, "digestable": true, "mandatory": false, "timeToLiveSeconds": null, "collapseKey": null, "spreadMinutes": null, "summaryTitle": "{count} habit reminders", "viewAllUrl": null, "summaryTemplate": null, "limits": {}, "preferences": {}}'::jsonb),
  ('report.weekly', '{"name": "Weekly reports", "priority": "low", "channels": ["email", "push", "in_app", "sms", "webhook"], "batchable": true, "digestable": true, "mandatory": false, "timeToLiveSeconds": null, "collapseKey": null, "spreadMinutes": null, "summaryTitle": "{count} weekly reports", "viewAllUrl": null, "summaryTemplate": null, "limits": {}, "preferences": {}}'::jsonb),
  ('security.alert', '{"name": "Security alerts", "priority": "critical", "channels": ["email", "push", "in_app", "sms", "webhook"], "batchable": false, "digestable": false, "mandatory": true, "timeToLiveSeconds": null, "collapseKey": null, "spreadMinutes": null, "summaryTitle": null, "viewAllUrl": null, "summaryTemplate": null, "limits": {}, "preferences": {}}'::jsonb)
), made AS (
  INSERT INTO "notification_types" ("id", "key", "document") SELECT "uuid_v7"(now()), "key", "document" FROM shipped RETURNING "id", "document"
)
INSERT INTO "notification_type_versions" ("type_id", "version", "document", "created_by") SELECT "id", 1, "document", 'shipped' FROM made;
