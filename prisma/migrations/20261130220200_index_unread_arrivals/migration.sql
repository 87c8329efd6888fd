-- This has a migration of its own, because it is made in no transaction. If it fails half-way, drop the invalid index that it leaves behind
-- (DROP INDEX inbox_items_unread_arrivals) before you apply it again.
-- CreateIndex
CREATE INDEX CONCURRENTLY "inbox_items_unread_arrivals" ON "inbox_items"("recipient_id", "created_at", "id") WHERE ("read_at" IS NULL AND "archived_at" IS NULL);
