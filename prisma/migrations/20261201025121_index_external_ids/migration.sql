-- This has a migration of its own, because it is made in no transaction. If it fails half-way, drop the invalid index that it leaves behind
-- (DROP INDEX recipients_external_id_prefix) before you apply it again.
-- With the collation C the index finds texts by their beginning, whatever the collation of the database is.
-- CreateIndex
CREATE INDEX CONCURRENTLY "recipients_external_id_prefix" ON "recipients"("external_id" COLLATE "C");
