import { changesOfCreated, changesOfEnded, countChanges } from "../../ledger/delivery-counts.ts";

/*
 * Tests insert deliveries and attempts through their views, which production never does. These triggers write each row to the
 * right table.
 */
const columns = (of: string) =>
  `${of}.id, ${of}.campaign_id, ${of}.notification_id, ${of}.recipient_id, coalesce(${of}.leg, 'primary'), ${of}.channel, ${of}.priority, ${of}.queue,
   ${of}.reason, coalesce(${of}.attempt_count, 0), coalesce(${of}.forgiven_count, 0), ${of}.revision, ${of}.template_version_id, ${of}.group_id,
   coalesce(${of}.hold_count, 0), ${of}.decided_at, ${of}.policy_version, ${of}.type_version, ${of}.preferences_version, coalesce(${of}.created_at, now()), ${of}.route_id, ${of}.failed_channels`;
const names = `id, campaign_id, notification_id, recipient_id, leg, channel, priority, queue, reason, attempt_count, forgiven_count, revision,
   template_version_id, group_id, hold_count, decided_at, policy_version, type_version, preferences_version, created_at, route_id, failed_channels`;

/** The row counts as the statements of the ledger count it, so that the numbers equal the ledger. */
const countRow = (sign: 1 | -1, id: string) =>
  countChanges(
    changesOfCreated(`(SELECT * FROM deliveries WHERE id = ${id})`).replace(
      "count(*)",
      `${sign} * count(*)`,
    ),
    changesOfEnded(`(SELECT * FROM ended_deliveries WHERE id = ${id})`, {
      count: `(${sign} * count(*))::int`,
    }),
  );

export const writableViews = `
CREATE FUNCTION write_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  last ended_deliveries%ROWTYPE;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    -- A row that moves to the other table meanwhile would be counted as it was, and not be deleted.
    PERFORM FROM open_deliveries WHERE id = OLD.id FOR UPDATE;
    IF NOT FOUND THEN
      PERFORM FROM ended_deliveries WHERE id = OLD.id FOR UPDATE;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'the delivery % was moved or removed meanwhile', OLD.id;
      END IF;
    END IF;
    ${countRow(-1, "OLD.id")};
  END IF;
  IF TG_OP <> 'INSERT' THEN
    DELETE FROM open_deliveries WHERE id = OLD.id;
    DELETE FROM ended_deliveries WHERE id = OLD.id RETURNING * INTO last;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  END IF;
  IF (NEW.due_at IS NOT NULL) <> (coalesce(NEW.status, 'pending') IN ('pending', 'sending')) THEN
    RAISE EXCEPTION 'a delivery is due exactly while it is open, not with % and %', NEW.status, NEW.due_at;
  END IF;
  IF NEW.due_at IS NOT NULL THEN
    INSERT INTO open_deliveries (${names}, due_at, lease_token, lease_until)
    VALUES (${columns("NEW")}, NEW.due_at,
      CASE WHEN NEW.status = 'sending' THEN coalesce(NEW.lease_token, gen_random_uuid()) END,
      CASE WHEN NEW.status = 'sending' THEN coalesce(NEW.lease_until, now()) END);
  ELSE
    INSERT INTO ended_deliveries (${names}, status, detail, finished_at, provider, outcome, failure, response, attempt_started_at, attempt_finished_at)
    VALUES (${columns("NEW")}, NEW.status, NEW.detail, coalesce(NEW.finished_at, now()), last.provider, last.outcome, last.failure, last.response,
      last.attempt_started_at, last.attempt_finished_at);
  END IF;
  ${countRow(1, "NEW.id")};
  RETURN NEW;
END $$;
CREATE TRIGGER write_delivery INSTEAD OF INSERT OR UPDATE OR DELETE ON deliveries FOR EACH ROW EXECUTE FUNCTION write_delivery();

CREATE FUNCTION write_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    DELETE FROM earlier_attempts WHERE delivery_id = OLD.delivery_id AND number = OLD.number;
    UPDATE ended_deliveries SET outcome = NULL WHERE id = OLD.delivery_id AND attempt_count = OLD.number;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  END IF;
  INSERT INTO earlier_attempts (delivery_id, number, channel, provider, outcome, failure, response, started_at, finished_at)
  VALUES (NEW.delivery_id, NEW.number, coalesce(NEW.channel, 'email'), NEW.provider, NEW.outcome, NEW.failure, NEW.response, NEW.started_at, NEW.finished_at);
  RETURN NEW;
END $$;
CREATE TRIGGER write_attempt INSTEAD OF INSERT OR UPDATE OR DELETE ON attempts FOR EACH ROW EXECUTE FUNCTION write_attempt();

-- The pool of workers has the triggers of foreign keys off, and these with them: a view has no other way to say that they are to fire.
SET allow_system_table_mods = on;
UPDATE pg_trigger SET tgenabled = 'A' WHERE tgname IN ('write_delivery', 'write_attempt');
`;
