-- CreateEnum
CREATE TYPE "topic_opt_in" AS ENUM ('single', 'double');

-- CreateEnum
CREATE TYPE "subscription_status" AS ENUM ('pending', 'subscribed', 'unsubscribed');

-- AlterTable
ALTER TABLE "campaigns" ADD COLUMN     "topic_id" UUID;

-- CreateTable
CREATE TABLE "topics" (
    "id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "public_names" JSONB NOT NULL DEFAULT '{}',
    "opt_in" "topic_opt_in" NOT NULL DEFAULT 'double',
    "is_public" BOOLEAN NOT NULL DEFAULT false,
    "confirmation_template" TEXT,
    "archived_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "topics_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "topic_subscriptions" (
    "id" UUID NOT NULL,
    "topic_id" UUID NOT NULL,
    "recipient_id" UUID NOT NULL,
    "status" "subscription_status" NOT NULL,
    "changed_by" TEXT NOT NULL,
    "requested_at" TIMESTAMPTZ(3),
    "subscribed_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "topic_subscriptions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "consent_entries" (
    "id" UUID NOT NULL,
    "topic_id" UUID NOT NULL,
    "recipient_id" UUID NOT NULL,
    "step" TEXT NOT NULL,
    "way" TEXT NOT NULL,
    "actor" TEXT,
    "source" TEXT,
    "locale" TEXT,
    "text_version" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "consent_entries_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "topics_key_key" ON "topics"("key");

-- CreateIndex
CREATE INDEX "topic_subscriptions_status" ON "topic_subscriptions"("topic_id", "status", "id");

-- CreateIndex
CREATE INDEX "topic_subscriptions_pending" ON "topic_subscriptions"("updated_at", "id") WHERE ("status" = 'pending');

-- CreateIndex
CREATE UNIQUE INDEX "topic_subscriptions_recipient" ON "topic_subscriptions"("recipient_id", "topic_id");

-- CreateIndex
CREATE INDEX "consent_entries_recipient" ON "consent_entries"("recipient_id", "id");

-- AddForeignKey
ALTER TABLE "topic_subscriptions" ADD CONSTRAINT "topic_subscriptions_topic_id_fkey" FOREIGN KEY ("topic_id") REFERENCES "topics"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "topic_subscriptions" ADD CONSTRAINT "topic_subscriptions_recipient_id_fkey" FOREIGN KEY ("recipient_id") REFERENCES "recipients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "consent_entries" ADD CONSTRAINT "consent_entries_topic_id_fkey" FOREIGN KEY ("topic_id") REFERENCES "topics"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "consent_entries" ADD CONSTRAINT "consent_entries_recipient_id_fkey" FOREIGN KEY ("recipient_id") REFERENCES "recipients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "campaigns" ADD CONSTRAINT "campaigns_topic_id_fkey" FOREIGN KEY ("topic_id") REFERENCES "topics"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- A pending subscription expires by the time at which its confirmation was asked for.
ALTER TABLE "topic_subscriptions" ADD CONSTRAINT "topic_subscriptions_times" CHECK (
    ("status" = 'subscribed') = ("subscribed_at" IS NOT NULL) AND ("status" <> 'pending' OR "requested_at" IS NOT NULL)
);
