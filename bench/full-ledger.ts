import pg from "pg";
import { publicId } from "../domain/ids.ts";
import { changesOfCreated, changesOfEnded, countChanges } from "../ledger/delivery-counts.ts";
import { foldCounts } from "../ledger/folding-counts.ts";

/** The contents of a ledger that has been in use for a while. */
export interface FullLedger {
  deliveries: number;
  /** Public ids. */
  campaigns: string[];
  /** Public ids, the newest. */
  notifications: string[];
}

const campaignCount = 3;
/** The share of deliveries that belong to campaigns. */
const campaignShare = 0.6;
const deliveriesOfNotification = 20;

/** Temporary functions for the statements below, which end with the connection. */
const helpersSql = `
  CREATE TEMP TABLE numbered AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id FROM recipients;
  ALTER TABLE numbered ADD PRIMARY KEY (n);
  ANALYZE numbered;
  CREATE FUNCTION pg_temp.state(n bigint) RETURNS delivery_status LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN n % 100 = 1 THEN 'failed' WHEN n % 100 = 2 THEN 'suppressed' ELSE 'sent' END::delivery_status;`;

/** Inserts deliveries of `source`, one per `recipient`, in `state`, created at `at`. Pending ones are due in ten years. */
const insertDeliveries = (source: "campaign_id" | "notification_id", from: string) => `
  WITH made AS MATERIALIZED (SELECT uuid_v7(at) AS id, made.* FROM (${from}) AS made),
  open AS (
    INSERT INTO open_deliveries (id, ${source}, recipient_id, channel, priority, queue, due_at, created_at)
    SELECT id, source, recipient, 'email', 'normal', queue, now() + interval '10 years', at FROM made WHERE state = 'pending'
  )
  INSERT INTO ended_deliveries (id, ${source}, recipient_id, channel, priority, queue, status, reason, attempt_count, finished_at, created_at)
  SELECT id, source, recipient, 'email', 'normal', queue, state,
    CASE state WHEN 'failed' THEN 'provider_rejected' WHEN 'suppressed' THEN 'no_address' END, CASE state WHEN 'sent' THEN 1 ELSE 0 END, at, at
  FROM made WHERE state <> 'pending'`;

/**
 * Fills a migrated database directly, without the API: recipients, and their deliveries of three campaigns and many notifications over
 * the last 90 days. Most were sent, one in a hundred failed, one in a hundred was suppressed, one in a thousand is pending.
 */
export async function fillLedger(
  databaseUrl: string,
  wanted: { recipients: number; deliveries: number; templateKey: string },
): Promise<FullLedger> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO recipients (id, external_id, email, time_zone, locale, attributes, created_at, updated_at)
       SELECT uuid_v7(at), 'user-' || n, 'user-' || n || '@example.org',
         (ARRAY['Europe/Berlin','America/New_York','Asia/Tokyo'])[1 + n % 3], (ARRAY['en','de','fr','ja'])[1 + n % 4],
         jsonb_build_object('plan', (ARRAY['free','pro','team'])[1 + n % 3], 'city', 'city-' || n % 500, 'points', n * 37 % 5000, 'first_name', 'Name ' || n),
         at, at
       FROM generate_series(0, $1::int - 1) AS n, LATERAL (SELECT now() - interval '90 days' * (1 - n::float / $1) AS at) AS t`,
      [wanted.recipients],
    );
    await client.query(helpersSql);
    const version = await client.query<{ id: string }>(
      "SELECT v.id FROM template_versions v JOIN templates t ON t.id = v.template_id WHERE t.key = $1",
      [wanted.templateKey],
    );
    const versionId = version.rows[0]!.id;

    const audience = Math.min(
      wanted.recipients,
      Math.floor((wanted.deliveries * campaignShare) / campaignCount),
    );
    const campaigns = await client.query<{ id: string }>(
      `INSERT INTO campaigns (id, name, status, template_version_id, audience, data, lane_count, start_at, frozen_at, audience_count, deliveries_from, deliveries_until, finished_at, created_at, updated_at)
       SELECT uuid_v7(at), 'Campaign ' || k, 'completed', $1, '{"all":true}', '{"plan":"family"}', 4, at, at, $2, at, at + $2::int * interval '1 ms', at, at, at
       FROM generate_series(1, ${campaignCount}) AS k, LATERAL (SELECT now() - interval '20 days' * k AS at) AS t RETURNING id`,
      [versionId, audience],
    );
    for (const { id } of campaigns.rows) {
      await client.query(
        insertDeliveries(
          "campaign_id",
          `SELECT c.id AS source, r.id AS recipient, 'campaign/' || $2 || '/lane/' || r.n % 4 AS queue, pg_temp.state(r.n) AS state,
             c.frozen_at + r.n * interval '1 ms' AS at
           FROM campaigns c, numbered r WHERE c.id = $1 AND r.n < $3 ORDER BY r.n`,
        ),
        [id, publicId("campaign", id), audience],
      );
    }

    const rest = wanted.deliveries - audience * campaignCount;
    await client.query(
      `INSERT INTO notifications (id, template_version_id, priority, data, send_at, created_at)
       SELECT uuid_v7(at), $1, 'normal', '{"plan":"family"}', at, at
       FROM generate_series(0, $2::int - 1) AS k, LATERAL (SELECT now() - interval '90 days' * (1 - k::float / $2) AS at) AS t`,
      [versionId, Math.ceil(rest / deliveriesOfNotification)],
    );
    await client.query(
      insertDeliveries(
        "notification_id",
        `SELECT s.id AS source, r.id AS recipient, 'mailbox/' || d.n % 4 AS queue,
           CASE WHEN d.n % 400 = 3 THEN 'pending' ELSE pg_temp.state(d.n) END AS state, s.created_at AS at
         FROM (SELECT id, created_at, row_number() OVER (ORDER BY id) - 1 AS k FROM notifications) AS s,
           generate_series(0, ${deliveriesOfNotification - 1}) AS j,
           LATERAL (SELECT s.k * ${deliveriesOfNotification} + j AS n) AS d
           JOIN numbered r ON r.n = d.n * 7919 % $2::int
         WHERE d.n < $1::int`,
      ),
      [rest, wanted.recipients],
    );
    await client.query(
      countChanges(
        changesOfCreated(
          "(SELECT created_at, campaign_id, notification_id, leg, route_id FROM deliveries)",
        ),
        changesOfEnded("ended_deliveries"),
      ),
    );
    await foldCounts(client);
    await client.query("VACUUM (ANALYZE)");
    const count = await client.query<{ count: number }>("SELECT count(*)::int FROM deliveries");
    const newest = await client.query<{ id: string }>(
      "SELECT id FROM notifications ORDER BY id DESC LIMIT 1000",
    );
    return {
      deliveries: count.rows[0]!.count,
      campaigns: campaigns.rows.map(({ id }) => publicId("campaign", id)),
      notifications: newest.rows.map(({ id }) => publicId("notification", id)),
    };
  } finally {
    await client.end();
  }
}
