-- A delivery stands in one of two tables from now on: in "open_deliveries" until it has ended, and then in "ended_deliveries", which is
-- the table that was "deliveries" (docs/decisions/0042). Only what is open is carried over, so that this takes as long as that is
-- many: about half a minute for a million. Nothing may work on the database meanwhile: stop the API and the workers first.

ALTER TABLE "deliveries" RENAME TO "ended_deliveries";

-- Before anything is moved, or the attempts of what is moved would go with it.
ALTER TABLE "attempts" DROP CONSTRAINT "attempts_delivery_id_fkey";

CREATE TABLE "open_deliveries" (
    "id" UUID NOT NULL,
    "campaign_id" UUID,
    "notification_id" UUID,
    "recipient_id" UUID NOT NULL,
    "group_id" UUID,
    "template_version_id" UUID,
    "lease_token" UUID,
    "lease_until" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "decided_at" TIMESTAMPTZ(3),
    "policy_version" INTEGER,
    "type_version" INTEGER,
    "preferences_version" INTEGER,
    "channel" "channel" NOT NULL,
    "priority" "priority" NOT NULL,
    "attempt_count" SMALLINT NOT NULL DEFAULT 0,
    "forgiven_count" SMALLINT NOT NULL DEFAULT 0,
    "revision" SMALLINT,
    "hold_count" SMALLINT NOT NULL DEFAULT 0,
    "leg" TEXT NOT NULL DEFAULT 'primary',
    "queue" TEXT NOT NULL,
    "reason" TEXT
);

INSERT INTO "open_deliveries" ("id", "campaign_id", "notification_id", "recipient_id", "group_id", "template_version_id", "lease_token", "lease_until",
    "due_at", "created_at", "decided_at", "policy_version", "type_version", "preferences_version", "channel", "priority", "attempt_count",
    "forgiven_count", "revision", "hold_count", "leg", "queue", "reason")
SELECT "id", "campaign_id", "notification_id", "recipient_id", "group_id", "template_version_id",
    -- What was being handed over has a token, whoever wrote it.
    CASE WHEN "status" = 'sending' THEN coalesce("lease_token", '00000000-0000-0000-0000-000000000000') END,
    CASE WHEN "status" = 'sending' THEN coalesce("lease_until", now()) END,
    "due_at", "created_at", "decided_at", "policy_version", "type_version", "preferences_version", "channel", "priority", "attempt_count",
    "forgiven_count", "revision", "hold_count", "leg", "queue", "reason"
FROM "ended_deliveries" WHERE "due_at" IS NOT NULL;

DELETE FROM "ended_deliveries" WHERE "due_at" IS NOT NULL;

ALTER TABLE "open_deliveries" ADD CONSTRAINT "open_deliveries_pkey" PRIMARY KEY ("id");
CREATE UNIQUE INDEX "open_deliveries_campaign_recipient_leg" ON "open_deliveries"("campaign_id", "recipient_id", "leg") WHERE ("campaign_id" IS NOT NULL);
CREATE UNIQUE INDEX "open_deliveries_notification_recipient_leg" ON "open_deliveries"("notification_id", "recipient_id", "leg") WHERE ("notification_id" IS NOT NULL);
CREATE INDEX "open_deliveries_due" ON "open_deliveries"("queue", "channel", "priority", "due_at", "id");
CREATE INDEX "open_deliveries_recipient" ON "open_deliveries"("recipient_id", "id");
CREATE INDEX "open_deliveries_outside_lanes" ON "open_deliveries"("campaign_id", "leg", "priority", "due_at") WHERE ((campaign_id IS NOT NULL) AND (queue !~~ 'campaign/%'::text));
CREATE INDEX "open_deliveries_group" ON "open_deliveries"("group_id") WHERE ("group_id" IS NOT NULL);
CREATE INDEX "open_deliveries_reason" ON "open_deliveries"("reason", "id") WHERE ("reason" IS NOT NULL);

ALTER TABLE "open_deliveries" ADD CONSTRAINT "open_deliveries_campaign_id_fkey" FOREIGN KEY ("campaign_id") REFERENCES "campaigns"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "open_deliveries" ADD CONSTRAINT "open_deliveries_notification_id_fkey" FOREIGN KEY ("notification_id") REFERENCES "notifications"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "open_deliveries" ADD CONSTRAINT "open_deliveries_recipient_id_fkey" FOREIGN KEY ("recipient_id") REFERENCES "recipients"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "open_deliveries" ADD CONSTRAINT "open_deliveries_group_id_fkey" FOREIGN KEY ("group_id") REFERENCES "groups"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "open_deliveries" ADD CONSTRAINT "open_deliveries_template_version_id_fkey" FOREIGN KEY ("template_version_id") REFERENCES "template_versions"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- A delivery is owed to exactly one source, and whoever holds it does so for a while.
ALTER TABLE "open_deliveries" ADD CONSTRAINT "open_deliveries_one_source" CHECK (num_nonnulls("campaign_id", "notification_id") = 1);
ALTER TABLE "open_deliveries" ADD CONSTRAINT "open_deliveries_lease" CHECK (("lease_token" IS NULL) = ("lease_until" IS NULL));

-- Every row is claimed and leaves within seconds: room for the version beside it keeps a claim heap-only, and frequent vacuums keep
-- small what is looked through for what is due.
ALTER TABLE "open_deliveries" SET (fillfactor = 50, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- What ended has no time to be due, and no holder.
DROP INDEX "deliveries_due", "deliveries_open_by_recipient", "deliveries_outside_lanes", "deliveries_finished";
ALTER TABLE "ended_deliveries" DROP CONSTRAINT "deliveries_due_while_open";
ALTER TABLE "ended_deliveries" DROP COLUMN "due_at", DROP COLUMN "lease_token", DROP COLUMN "lease_until";
UPDATE "ended_deliveries" SET "finished_at" = "created_at" WHERE "finished_at" IS NULL;
ALTER TABLE "ended_deliveries" ALTER COLUMN "finished_at" SET NOT NULL, ALTER COLUMN "status" DROP DEFAULT,
    ADD COLUMN "provider" TEXT, ADD COLUMN "outcome" "attempt_outcome", ADD COLUMN "failure" TEXT, ADD COLUMN "response" TEXT,
    ADD COLUMN "attempt_started_at" TIMESTAMPTZ(3), ADD COLUMN "attempt_finished_at" TIMESTAMPTZ(3);
ALTER TABLE "ended_deliveries" ADD CONSTRAINT "ended_deliveries_status" CHECK ("status" NOT IN ('pending', 'sending')) NOT VALID;
CREATE INDEX "ended_deliveries_finished" ON "ended_deliveries"("finished_at");

ALTER TABLE "ended_deliveries" RENAME CONSTRAINT "deliveries_pkey" TO "ended_deliveries_pkey";
ALTER TABLE "ended_deliveries" RENAME CONSTRAINT "deliveries_campaign_id_fkey" TO "ended_deliveries_campaign_id_fkey";
ALTER TABLE "ended_deliveries" RENAME CONSTRAINT "deliveries_notification_id_fkey" TO "ended_deliveries_notification_id_fkey";
ALTER TABLE "ended_deliveries" RENAME CONSTRAINT "deliveries_recipient_id_fkey" TO "ended_deliveries_recipient_id_fkey";
ALTER TABLE "ended_deliveries" RENAME CONSTRAINT "deliveries_group_id_fkey" TO "ended_deliveries_group_id_fkey";
ALTER TABLE "ended_deliveries" RENAME CONSTRAINT "deliveries_template_version_id_fkey" TO "ended_deliveries_template_version_id_fkey";
ALTER TABLE "ended_deliveries" RENAME CONSTRAINT "deliveries_one_source" TO "ended_deliveries_one_source";
ALTER TABLE "ended_deliveries" RENAME CONSTRAINT "deliveries_reason_where_unsent" TO "ended_deliveries_reason_where_unsent";
ALTER INDEX "deliveries_campaign_recipient_leg" RENAME TO "ended_deliveries_campaign_recipient_leg";
ALTER INDEX "deliveries_notification_recipient_leg" RENAME TO "ended_deliveries_notification_recipient_leg";
ALTER INDEX "deliveries_recipient" RENAME TO "ended_deliveries_recipient";
ALTER INDEX "deliveries_group" RENAME TO "ended_deliveries_group";
ALTER INDEX "deliveries_reason" RENAME TO "ended_deliveries_reason";

-- It is written once, when it ends: pages are filled, and no vacuum is in a hurry.
ALTER TABLE "ended_deliveries" RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);

-- The hand-over with which a delivery ended is in its own row from now on; that of one that ended before stays where it is.
ALTER TABLE "attempts" RENAME TO "earlier_attempts";
ALTER TABLE "earlier_attempts" RENAME CONSTRAINT "attempts_pkey" TO "earlier_attempts_pkey";

-- Every question about deliveries is asked here. The constants are what has a question that says which kind it means put to one table alone.
CREATE VIEW "deliveries" AS
SELECT "id", "campaign_id", "notification_id", "recipient_id", "leg", "channel", "priority", "queue",
    CASE WHEN "lease_token" IS NULL THEN 'pending'::"delivery_status" ELSE 'sending'::"delivery_status" END AS "status",
    "due_at", "reason", NULL::TEXT AS "detail", "lease_token", "lease_until", "attempt_count", "forgiven_count", "revision", "template_version_id",
    "group_id", "hold_count", "decided_at", "policy_version", "type_version", "preferences_version", NULL::TIMESTAMPTZ(3) AS "finished_at", "created_at"
FROM "open_deliveries"
UNION ALL
SELECT "id", "campaign_id", "notification_id", "recipient_id", "leg", "channel", "priority", "queue", "status",
    NULL::TIMESTAMPTZ(3), "reason", "detail", NULL::UUID, NULL::TIMESTAMPTZ(3), "attempt_count", "forgiven_count", "revision", "template_version_id",
    "group_id", "hold_count", "decided_at", "policy_version", "type_version", "preferences_version", "finished_at", "created_at"
FROM "ended_deliveries";

CREATE VIEW "attempts" AS
SELECT "delivery_id", "number", "provider", "outcome", "failure", "response", "started_at", "finished_at" FROM "earlier_attempts"
UNION ALL
SELECT "id", "attempt_count", "provider", "outcome", "failure", "response", "attempt_started_at", "attempt_finished_at"
FROM "ended_deliveries" WHERE "outcome" IS NOT NULL;

-- The one clock: what is due, held, quiet and leased is decided by it, whatever the clocks of workers and of the API say. Tests that skip
-- time put another one in its place.
CREATE FUNCTION "ledger_now"() RETURNS timestamptz
  LANGUAGE sql VOLATILE PARALLEL SAFE
  RETURN clock_timestamp();
