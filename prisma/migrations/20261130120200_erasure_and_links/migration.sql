-- Links and tokens of a recipient are good while they bear the same number: raising it calls back those that are out.
ALTER TABLE "recipients" ADD COLUMN "links_epoch" INTEGER NOT NULL DEFAULT 0;

-- Callers may write anything into an Idempotency-Key, such as an address: its hash stands here from now on. The API is stopped meanwhile
-- (the migration of open and ended deliveries says so), or it would not find what it had answered.
UPDATE "idempotency_keys" SET "key" = encode(sha256(convert_to("key", 'UTF8')), 'hex');

-- Erasure looks for a person in what the audit trail says of others, which are few beside the changes of recipients, and in answers that
-- hold more than ids.
CREATE INDEX "audit_entries_about_others" ON "audit_entries"("id") WHERE "resource" NOT LIKE 'rcp\_%';
CREATE INDEX "idempotency_keys_answers" ON "idempotency_keys"("created_at") WHERE "status" <> 202;
