-- AlterTable
ALTER TABLE "engagements" ADD COLUMN "handed_at" TIMESTAMPTZ(3),
ADD COLUMN "channel" "channel",
ADD COLUMN "provider" TEXT;

-- AlterTable
ALTER TABLE "delivery_count_changes" ADD COLUMN "template_version_id" UUID;

-- CreateTable
CREATE TABLE "engagement_count_changes" (
    "handed_at" TIMESTAMPTZ(3) NOT NULL,
    "campaign_id" UUID,
    "type_id" UUID,
    "channel" "channel" NOT NULL,
    "provider" TEXT,
    "template_version_id" UUID,
    "time_zone" TEXT NOT NULL,
    "weeks_since" SMALLINT NOT NULL,
    "is_removed" BOOLEAN NOT NULL,
    "confirmed" INTEGER NOT NULL,
    "read" INTEGER NOT NULL,
    "acted" INTEGER NOT NULL,
    "opened" INTEGER NOT NULL,
    "opened_by_machine" INTEGER NOT NULL,
    "clicked" INTEGER NOT NULL,
    "clicked_by_machine" INTEGER NOT NULL,
    "unsubscribed" INTEGER NOT NULL,
    "bounced" INTEGER NOT NULL,
    "complained" INTEGER NOT NULL,
    "opens" INTEGER NOT NULL,
    "clicks" INTEGER NOT NULL
);

-- CreateTable
CREATE TABLE "analytics_cells" (
    "id" UUID NOT NULL,
    "width" SMALLINT NOT NULL,
    "zone" TEXT NOT NULL,
    "handed_at" TIMESTAMPTZ(3) NOT NULL,
    "is_removed" BOOLEAN NOT NULL,
    "campaign_id" UUID,
    "type_id" UUID,
    "channel" "channel" NOT NULL,
    "provider" TEXT,
    "template_version_id" UUID,
    "sent" INTEGER NOT NULL DEFAULT 0,
    "delivered" INTEGER NOT NULL DEFAULT 0,
    "failed" INTEGER NOT NULL DEFAULT 0,
    "suppressed" INTEGER NOT NULL DEFAULT 0,
    "cancelled" INTEGER NOT NULL DEFAULT 0,
    "unknown" INTEGER NOT NULL DEFAULT 0,
    "confirmed" INTEGER NOT NULL DEFAULT 0,
    "read" INTEGER NOT NULL DEFAULT 0,
    "acted" INTEGER NOT NULL DEFAULT 0,
    "opened" INTEGER NOT NULL DEFAULT 0,
    "opened_by_machine" INTEGER NOT NULL DEFAULT 0,
    "clicked" INTEGER NOT NULL DEFAULT 0,
    "clicked_by_machine" INTEGER NOT NULL DEFAULT 0,
    "unsubscribed" INTEGER NOT NULL DEFAULT 0,
    "bounced" INTEGER NOT NULL DEFAULT 0,
    "complained" INTEGER NOT NULL DEFAULT 0,
    "opens" INTEGER NOT NULL DEFAULT 0,
    "clicks" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "analytics_cells_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "analytics_weeks" (
    "week" DATE NOT NULL,
    "channel" "channel" NOT NULL,
    "local_hour" SMALLINT NOT NULL,
    "weeks_since" SMALLINT NOT NULL,
    "handed" INTEGER NOT NULL DEFAULT 0,
    "opened" INTEGER NOT NULL DEFAULT 0,
    "clicked" INTEGER NOT NULL DEFAULT 0,
    "acted" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "analytics_weeks_pkey" PRIMARY KEY ("week","channel","local_hour","weeks_since")
);

-- CreateTable
CREATE TABLE "analytics_progress" (
    "id" SMALLINT NOT NULL,
    "counted_until" TIMESTAMPTZ(3) NOT NULL,
    "report_zone" TEXT NOT NULL,

    CONSTRAINT "analytics_progress_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "recipient_engagements" (
    "recipient_id" UUID NOT NULL,
    "last_engaged_on" DATE NOT NULL,

    CONSTRAINT "recipient_engagements_pkey" PRIMARY KEY ("recipient_id")
);

-- CreateIndex
CREATE INDEX "analytics_cells_handed" ON "analytics_cells"("width", "zone", "handed_at");

-- CreateIndex
CREATE INDEX "analytics_cells_campaign" ON "analytics_cells"("campaign_id", "width", "zone", "handed_at") WHERE ("campaign_id" IS NOT NULL);

-- CreateIndex
CREATE INDEX "recipient_engagements_last" ON "recipient_engagements"("last_engaged_on");

-- Changes are appended and taken away all the time.
ALTER TABLE "engagement_count_changes" SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- The id of the cell with these properties, as `delivery_count_id`.
CREATE FUNCTION "analytics_cell_id"("width" int, "zone" text, "handed_at" timestamptz, "is_removed" boolean, "campaign_id" uuid, "type_id" uuid,
    "channel" "channel", "provider" text, "template_version_id" uuid) RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN md5(ROW("width", "zone", extract(epoch FROM "handed_at")::bigint, "is_removed", "campaign_id", "type_id", "channel", "provider", "template_version_id")::text)::uuid;

-- The hour of the week (0 for Monday from 0:00 to 1:00) at an instant in a time zone. A zone that PostgreSQL's time zone data lacks counts as UTC: a number must not stop the work that it counts.
CREATE FUNCTION "local_hour_of_week"("at" timestamptz, "time_zone" text) RETURNS int
  LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  local timestamp;
BEGIN
  BEGIN
    local := "at" AT TIME ZONE "time_zone";
  EXCEPTION WHEN invalid_parameter_value THEN
    local := "at" AT TIME ZONE 'UTC';
  END;
  RETURN (extract(isodow FROM local)::int - 1) * 24 + extract(hour FROM local)::int;
END $$;

-- What is known of the hand-over to which an engagement belongs. It stays with the engagement if the delivery is handed over again.
UPDATE "engagements" AS e SET "handed_at" = d."finished_at", "channel" = d."channel", "provider" = d."provider" FROM "ended_deliveries" AS d WHERE d."id" = e."delivery_id";
UPDATE "engagements" AS e SET "handed_at" = now(), "channel" = d."channel" FROM "open_deliveries" AS d WHERE d."id" = e."delivery_id";
DELETE FROM "engagements" WHERE "handed_at" IS NULL;
ALTER TABLE "engagements" ALTER COLUMN "handed_at" SET NOT NULL, ALTER COLUMN "channel" SET NOT NULL;

INSERT INTO "analytics_progress" ("id", "counted_until", "report_zone") VALUES (1, date_bin('1 minute', now(), 'epoch'::timestamptz), 'UTC');

-- The numbers of what the ledger contains and of what retention has removed, less the changes that are not added to cells yet, because these will be added to these cells too.
INSERT INTO "analytics_cells" ("id", "width", "zone", "handed_at", "is_removed", "campaign_id", "type_id", "channel", "provider", "template_version_id",
    "sent", "delivered", "failed", "suppressed", "cancelled", "unknown", "confirmed", "read", "acted", "opened", "opened_by_machine", "clicked", "clicked_by_machine", "unsubscribed", "bounced", "complained", "opens", "clicks")
SELECT "analytics_cell_id"("width", 'UTC', "at", "is_removed", "campaign_id", "type_id", "channel", "provider", "template_version_id"), "width", 'UTC', "at", "is_removed", "campaign_id", "type_id", "channel", "provider", "template_version_id",
  coalesce(sum("count") FILTER (WHERE "kind" = 'sent'), 0), coalesce(sum("count") FILTER (WHERE "kind" = 'delivered'), 0), coalesce(sum("count") FILTER (WHERE "kind" = 'failed'), 0),
  coalesce(sum("count") FILTER (WHERE "kind" = 'suppressed'), 0), coalesce(sum("count") FILTER (WHERE "kind" = 'cancelled'), 0), coalesce(sum("count") FILTER (WHERE "kind" = 'unknown'), 0),
  sum("confirmed"), sum("read"), sum("acted"), sum("opened"), sum("opened_by_machine"), sum("clicked"), sum("clicked_by_machine"), sum("unsubscribed"), sum("bounced"), sum("complained"), sum("opens"), sum("clicks")
FROM (
  SELECT "width", CASE "width" WHEN 1440 THEN date_trunc('day', c."handed_at", 'UTC') ELSE date_bin("width" * interval '1 minute', c."handed_at", 'epoch'::timestamptz) END AS "at", c.*
  FROM (
    SELECT d."finished_at" AS "handed_at", false AS "is_removed", d."campaign_id", n."type_id", d."channel", d."provider", n."template_version_id", d."status"::text AS "kind", 1 AS "count",
      0 AS "confirmed", 0 AS "read", 0 AS "acted", 0 AS "opened", 0 AS "opened_by_machine", 0 AS "clicked", 0 AS "clicked_by_machine", 0 AS "unsubscribed", 0 AS "bounced", 0 AS "complained", 0 AS "opens", 0 AS "clicks"
    FROM "ended_deliveries" AS d LEFT JOIN "notifications" AS n ON n."id" = d."notification_id"
    UNION ALL
    SELECT "finished_at", r."is_removed", "campaign_id", "type_id", "channel", "provider", NULL, "status"::text, "removed", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM (SELECT "finished_at", "campaign_id", "type_id", "channel", "provider", "status", "removed" FROM "delivery_counts" WHERE "removed" > 0 AND "channel" IS NOT NULL
      UNION ALL SELECT "finished_at", "campaign_id", "type_id", "channel", "provider", "status", "removed" FROM "delivery_count_changes" WHERE "removed" > 0) AS c,
      (VALUES (false), (true)) AS r ("is_removed")
    UNION ALL
    SELECT "finished_at", false, "campaign_id", "type_id", "channel", "provider", NULL, "status"::text, -"count", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM "delivery_count_changes" WHERE "status" <> 'pending'
    UNION ALL
    SELECT "finished_at", true, "campaign_id", "type_id", "channel", "provider", NULL, "status"::text, -"removed", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM "delivery_count_changes" WHERE "removed" > 0
    UNION ALL
    SELECT e."handed_at", false, d."campaign_id", n."type_id", e."channel", e."provider", n."template_version_id", 'engagement', 0,
      ("delivered_at" IS NOT NULL)::int, ("read_at" IS NOT NULL)::int, ("acted_at" IS NOT NULL)::int, ("opened_at" IS NOT NULL)::int, ("opened_by_machine_at" IS NOT NULL)::int,
      ("clicked_at" IS NOT NULL)::int, ("clicked_by_machine_at" IS NOT NULL)::int, ("unsubscribed_at" IS NOT NULL)::int, ("bounced_at" IS NOT NULL)::int, ("complained_at" IS NOT NULL)::int, "opens", "clicks"
    FROM "engagements" AS e JOIN "deliveries" AS d ON d."id" = e."delivery_id" LEFT JOIN "notifications" AS n ON n."id" = d."notification_id"
  ) AS c, (VALUES (15), (60), (1440)) AS w ("width")
  WHERE "width" = 1440 OR c."handed_at" >= now() - CASE "width" WHEN 15 THEN interval '45 days' ELSE interval '730 days' END
) AS binned
GROUP BY "width", "at", "is_removed", "campaign_id", "type_id", "channel", "provider", "template_version_id";

INSERT INTO "analytics_weeks" ("week", "channel", "local_hour", "weeks_since", "handed", "opened", "clicked", "acted")
SELECT date_trunc('week', "at", 'UTC')::date, "channel", "local_hour_of_week"("at", "time_zone"), 0, sum("handed"), sum("opened"), sum("clicked"), sum("acted")
FROM (
  SELECT date_bin('15 minutes', d."finished_at", 'epoch'::timestamptz) AS "at", d."channel", r."time_zone", count(*) AS "handed", 0 AS "opened", 0 AS "clicked", 0 AS "acted"
  FROM "ended_deliveries" AS d JOIN "recipients" AS r ON r."id" = d."recipient_id"
  WHERE d."status" IN ('sent', 'delivered') AND d."finished_at" < (SELECT "counted_until" FROM "analytics_progress") GROUP BY 1, 2, 3
) AS c
GROUP BY 1, 2, 3;

INSERT INTO "recipient_engagements" ("recipient_id", "last_engaged_on")
SELECT "recipient_id", (max(greatest("read_at", "acted_at", "opened_at", "clicked_at")) AT TIME ZONE 'UTC')::date FROM "engagements"
WHERE coalesce("read_at", "acted_at", "opened_at", "clicked_at") IS NOT NULL GROUP BY 1;
