-- Each failure of an endpoint looks for the events that have waited for it for too long.
-- CreateIndex
CREATE INDEX "event_deliveries_created" ON "event_deliveries"("endpoint_id", "created_at");
