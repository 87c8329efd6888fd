-- The comparison of reports with the ledger reads what was handed over in a time. Rows change for weeks and are written where others were removed, so that a
-- BRIN index would soon name nearly every page. It is built without locking the table; a build that was interrupted leaves an invalid index behind.
-- CreateIndex
CREATE INDEX CONCURRENTLY "engagements_handed" ON "engagements"("handed_at");
