-- A mailbox that keeps refusing is left alone for a while, not for ever.
ALTER TABLE "suppressions" ADD COLUMN "expires_at" TIMESTAMPTZ(3);
-- Why Tidings paused a campaign by itself.
ALTER TABLE "campaigns" ADD COLUMN "pause_detail" TEXT;
