-- Workers plan their statements once a connection. A plan that was made when a table was empty, and was known to be, reads the whole of
-- it for each row that it looks up, until autovacuum notices up to a minute later that the table has grown (docs/decisions/0050).

-- Analyzes the tables that workers look rows up in and that have grown well beyond what the planner knows of them; says how many. Plans
-- over these are then made again. It runs with the rights of its owner, for only the owner of a table may analyze it. A table that
-- another session is analyzing is left to it.
CREATE FUNCTION "analyze_grown_tables"() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  grown regclass;
  analyzed int := 0;
BEGIN
  FOR grown IN
    SELECT c.oid FROM pg_class AS c
    WHERE c.oid = ANY (ARRAY['open_deliveries', 'earlier_attempts', 'grant_logs', 'groups', 'notifications', 'recipients', 'suppressions']::regclass[])
      -- Where nothing is known of a table, the planner takes it for one of ten pages at least.
      AND c.reltuples >= 0
      AND pg_relation_size(c.oid) / current_setting('block_size')::int >= 2 * c.relpages + 4
  LOOP
    EXECUTE format('ANALYZE (SKIP_LOCKED) %s', grown);
    analyzed := analyzed + 1;
  END LOOP;
  RETURN analyzed;
END $$;

-- What workers look up by has no values that are common: a small sample says all there is to say, and costs little.
ALTER TABLE "open_deliveries" ALTER COLUMN "id" SET STATISTICS 10, ALTER COLUMN "recipient_id" SET STATISTICS 10, ALTER COLUMN "created_at" SET STATISTICS 10,
  ALTER COLUMN "due_at" SET STATISTICS 10, ALTER COLUMN "campaign_id" SET STATISTICS 10, ALTER COLUMN "notification_id" SET STATISTICS 10,
  ALTER COLUMN "queue" SET STATISTICS 10, ALTER COLUMN "channel" SET STATISTICS 10, ALTER COLUMN "priority" SET STATISTICS 10;
