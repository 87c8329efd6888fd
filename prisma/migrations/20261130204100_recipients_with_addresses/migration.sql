-- This migration has only this statement, because the index is made in no transaction: recipients are written meanwhile. If it fails, the index
-- that it leaves behind is invalid. Drop it by hand (DROP INDEX recipients_with_addresses) before you apply the migration again.
-- CreateIndex
CREATE INDEX CONCURRENTLY "recipients_with_addresses" ON "recipients"("id") WHERE (cardinality(address_channels) > 0);
