-- AlterTable
ALTER TABLE "campaigns" ADD COLUMN "tracking" JSONB,
ADD COLUMN "utm" JSONB,
ADD COLUMN "redirects" BOOLEAN NOT NULL DEFAULT true;

-- CreateTable
CREATE TABLE "engagement_events" (
    "id" BIGSERIAL NOT NULL,
    "message_id" UUID NOT NULL,
    "recipient_id" UUID NOT NULL,
    "campaign_id" UUID,
    "kind" TEXT NOT NULL,
    "link" INTEGER,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "suspicion" TEXT,
    "due_at" TIMESTAMPTZ(3),
    "by_person" BOOLEAN,

    CONSTRAINT "engagement_events_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "campaigns_without_redirects" ON "campaigns"("id") WHERE ("redirects" = false);

-- CreateIndex
CREATE INDEX "engagement_events_due" ON "engagement_events"("due_at") WHERE ("due_at" IS NOT NULL);

-- CreateIndex
CREATE INDEX "engagement_events_message" ON "engagement_events"("message_id");

-- CreateIndex
CREATE INDEX "engagement_events_recipient" ON "engagement_events"("recipient_id");

-- CreateIndex
CREATE INDEX "engagement_events_campaign" ON "engagement_events"("campaign_id", "link") WHERE ("campaign_id" IS NOT NULL);
