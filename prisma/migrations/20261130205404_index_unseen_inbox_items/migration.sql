-- CreateIndex
CREATE INDEX "inbox_items_unseen" ON "inbox_items"("recipient_id", "id") WHERE ("seen_at" IS NULL AND "archived_at" IS NULL);
