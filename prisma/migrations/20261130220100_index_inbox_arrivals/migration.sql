-- This has a migration of its own, because it is made in no transaction: items are added all the while. If it fails half-way, drop the invalid
-- index that it leaves behind (DROP INDEX inbox_items_arrivals) before you apply it again.
-- CreateIndex
CREATE INDEX CONCURRENTLY "inbox_items_arrivals" ON "inbox_items"("recipient_id", "created_at", "id");
