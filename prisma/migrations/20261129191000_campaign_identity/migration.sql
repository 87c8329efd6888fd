-- Whom a campaign's mails are from.
ALTER TABLE "campaigns" ADD COLUMN "email" JSONB NOT NULL DEFAULT '{}';
