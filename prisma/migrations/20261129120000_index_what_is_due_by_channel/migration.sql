-- By itself in its migration, for it is made in no transaction: deliveries are written all the while. Should it fail half-way, the index
-- that it leaves behind is invalid, and is dropped by hand (DROP INDEX deliveries_due) before it is applied again.
-- CreateIndex
CREATE INDEX CONCURRENTLY "deliveries_due" ON "deliveries"("queue", "channel", "priority", "due_at") WHERE ("due_at" IS NOT NULL);
