-- This has a migration of its own, because it is made in no transaction. If it fails half-way, drop the invalid index that it leaves behind
-- (DROP INDEX recipients_external_id_prefix) before you apply it again.
-- CreateIndex
CREATE INDEX CONCURRENTLY "recipients_external_id_prefix" ON "recipients"("external_id" text_pattern_ops);
