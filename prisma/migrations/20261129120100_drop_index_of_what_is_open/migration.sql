-- Its place is taken by deliveries_due. By itself too: it waits for nobody's transaction with the table locked.
-- DropIndex
DROP INDEX CONCURRENTLY IF EXISTS "deliveries_open";
