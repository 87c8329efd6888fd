-- The index inbox_items_unread_arrivals takes its place.
-- DropIndex
DROP INDEX CONCURRENTLY IF EXISTS "inbox_items_unread";
