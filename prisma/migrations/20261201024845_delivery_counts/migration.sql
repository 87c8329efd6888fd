-- CreateTable
CREATE TABLE "delivery_counts" (
    "id" UUID NOT NULL,
    "width" SMALLINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),
    "campaign_id" UUID,
    "type_id" UUID,
    "leg" TEXT NOT NULL,
    "route_id" INTEGER,
    "channel" "channel",
    "priority" "priority",
    "provider" TEXT,
    "status" "delivery_status" NOT NULL,
    "reason" TEXT,
    "count" INTEGER NOT NULL,
    "removed" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "delivery_counts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "delivery_count_changes" (
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),
    "campaign_id" UUID,
    "type_id" UUID,
    "leg" TEXT NOT NULL,
    "route_id" INTEGER,
    "channel" "channel",
    "priority" "priority",
    "provider" TEXT,
    "status" "delivery_status" NOT NULL,
    "reason" TEXT,
    "count" INTEGER NOT NULL,
    "removed" INTEGER NOT NULL DEFAULT 0
);

-- CreateIndex
CREATE INDEX "delivery_counts_finished" ON "delivery_counts"("width", "finished_at");

-- CreateIndex
CREATE INDEX "delivery_counts_created" ON "delivery_counts"("created_at");

-- CreateIndex
CREATE INDEX "delivery_counts_campaign" ON "delivery_counts"("campaign_id") WHERE ("campaign_id" IS NOT NULL);

-- Changes are appended and taken away all the time.
ALTER TABLE "delivery_count_changes" SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- The id of the cell with these properties. Numbers stand for instants, whose text depends on settings.
CREATE FUNCTION "delivery_count_id"("width" int, "created_at" timestamptz, "finished_at" timestamptz, "campaign_id" uuid, "type_id" uuid, "leg" text, "route_id" int,
    "channel" "channel", "priority" "priority", "provider" text, "status" "delivery_status", "reason" text) RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN md5(ROW("width", extract(epoch FROM "created_at")::bigint, extract(epoch FROM "finished_at")::bigint, "campaign_id", "type_id", "leg", "route_id",
    "channel", "priority", "provider", "status", "reason")::text)::uuid;

-- Each delivery of the ledger with the properties by which it is counted.
CREATE VIEW "counted_deliveries" AS
SELECT d."created_at", d."finished_at", d."campaign_id", n."type_id", CASE WHEN d."leg" LIKE 'snooze%' THEN 'snooze' ELSE d."leg" END AS "leg",
  CASE WHEN d."campaign_id" IS NOT NULL THEN d."route_id" END AS "route_id", d."channel", d."priority", d."provider", d."status", d."reason"
FROM (
  SELECT "created_at", NULL::timestamptz AS "finished_at", "campaign_id", "notification_id", "leg", "route_id", NULL::"channel" AS "channel", NULL::"priority" AS "priority",
    NULL::text AS "provider", 'pending'::"delivery_status" AS "status", NULL::text AS "reason" FROM "open_deliveries"
  UNION ALL
  SELECT "created_at", "finished_at", "campaign_id", "notification_id", "leg", "route_id", "channel", "priority", "provider", "status", "reason" FROM "ended_deliveries"
) AS d LEFT JOIN "notifications" AS n ON n."id" = d."notification_id";

-- The numbers of what the ledger contains, and of what retention has removed, of which only the campaign is known.
INSERT INTO "delivery_counts"
SELECT "delivery_count_id"("width", c."created_at", c."finished_at", c."campaign_id", c."type_id", c."leg", c."route_id", c."channel", c."priority", c."provider", c."status", c."reason"), c.*
FROM (
  SELECT "width", date_bin("width" * interval '1 minute', "created_at", 'epoch'::timestamptz) AS "created_at", date_bin("width" * interval '1 minute', "finished_at", 'epoch'::timestamptz) AS "finished_at",
    "campaign_id", "type_id", "leg", "route_id", "channel", "priority", "provider", "status", "reason", sum("count")::int, sum("removed")::int
  FROM (
    SELECT *, CASE WHEN coalesce("finished_at", "created_at") >= now() - interval '2 days' THEN 1 WHEN coalesce("finished_at", "created_at") >= now() - interval '14 days' THEN 15 ELSE 60 END AS "width"
    FROM (
      SELECT *, 1 AS "count", 0 AS "removed" FROM "counted_deliveries"
      UNION ALL
      SELECT coalesce(c."frozen_at", c."created_at"), coalesce(c."finished_at", c."updated_at"), a."campaign_id", NULL, a."leg", nullif(a."route_id", 0), NULL, NULL, NULL, a."status", NULL, a."count", a."count"
      FROM "archived_deliveries" AS a JOIN "campaigns" AS c ON c."id" = a."campaign_id"
    ) AS of
  ) AS aged
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
) AS c;
