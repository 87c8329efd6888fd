-- The time at which an item that is added now has arrived in an inbox: later than that of every item in it, also if the clock went back or several
-- items are added in the same millisecond. Transactions that add to the same inbox wait for each other here until they end, so that items become
-- visible in the order of their arrival. Each statement of a volatile function has a snapshot of its own, so that the second one sees what was
-- committed while the first one waited. The locks are taken in the order of the recipients, or two transactions might wait for each other. They are
-- not those of the recipients' rows, because imports hold these for long, and take them in another order.
CREATE FUNCTION "inbox_arrivals"("of_recipients" uuid[]) RETURNS TABLE ("recipient_id" uuid, "first_at" timestamptz)
  LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  arrived_at timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('inbox ' || o.id::text, 0)) FROM (SELECT r.id FROM unnest(of_recipients) AS r(id) ORDER BY r.id) AS o;
  arrived_at := ledger_now();
  RETURN QUERY
    SELECT r.id, greatest(arrived_at, (SELECT max(i.created_at) + interval '1 millisecond' FROM inbox_items i WHERE i.recipient_id = r.id))
    FROM unnest(of_recipients) AS r(id);
END $$;
