import pg from "pg";
import { describe, expect, it } from "vitest";
import { findAnalyticsDifferences } from "../../ledger/analytics-differences.ts";
import { changesOfCreated, changesOfEnded, countChanges } from "../../ledger/delivery-counts.ts";
import { engagementsNow, recordEngagements } from "../../ledger/engagement.ts";
import { foldAnalytics, setReportZone } from "../../ledger/folding-analytics.ts";
import { foldCounts } from "../../ledger/folding-counts.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const database = useLedgerDatabase();

/** Zones whose midnight is on a half hour, on a quarter, on an hour, and where clocks change. */
const zones = ["Asia/Kolkata", "Australia/Adelaide", "Asia/Kathmandu", "Europe/Berlin"];

/** Writes deliveries that were handed over every 25 minutes for some days, the newest `daysAgo`, and records opens of a third of them. */
async function handOver(daysAgo: number): Promise<void> {
  const { id: campaignId } = await database.seed.campaign();
  const recipientIds = await database.seed.recipients(150);
  const { rows } = await database.pool.query<{ ids: string[] }>(
    `WITH added AS (
       INSERT INTO ended_deliveries (id, campaign_id, recipient_id, leg, channel, priority, queue, status, created_at, finished_at)
       SELECT uuid_v7(at), $1, recipient_id, 'primary', 'email', 'normal', 'mailbox/0', 'sent', at, at
       FROM (
         SELECT r.id AS recipient_id, now() - $3 * interval '1 day' - r.n * interval '25 minutes' AS at FROM unnest($2::uuid[]) WITH ORDINALITY AS r(id, n)
       ) AS instants RETURNING *
     ),
     counted AS (${countChanges(changesOfEnded("added"), changesOfCreated("added"))})
     SELECT array_agg(id) AS ids FROM added`,
    [campaignId, recipientIds, daysAgo],
  );
  const opened = rows[0]!.ids.filter((_, place) => place % 3 === 0);
  await inTransaction(database.pool, (client) =>
    recordEngagements(executeOn(client), engagementsNow(opened, "opened")),
  );
}

const fold = async () => {
  await foldCounts(database.pool);
  await foldAnalytics(database.pool);
};
const differencesIn = (zone: string) =>
  findAnalyticsDifferences(executeOn(database.pool), { zone });

describe("the days of the report zone", () => {
  it("equal the ledger in each zone, before and after it was set, and later engagements count in them", async () => {
    await handOver(30);
    await handOver(0);
    await fold();
    for (const zone of zones) {
      await setReportZone(database.pool, zone);
      expect(await differencesIn(zone)).toEqual([]);
      await handOver(1);
      expect(await differencesIn(zone)).toEqual([]);
      await fold();
      expect(await differencesIn(zone)).toEqual([]);
    }
    await setReportZone(database.pool, "UTC");
  });

  it("older than quarter hours are made from hours, so that all are counted, and half an hour may count on the day before", async () => {
    await handOver(60);
    await fold();
    await setReportZone(database.pool, "Europe/Berlin");
    expect(await differencesIn("Europe/Berlin")).toEqual([]);
    await setReportZone(database.pool, "Asia/Kolkata");
    const differences = await differencesIn("Asia/Kolkata");
    const sum = differences.reduce((total, { difference }) => total + difference, 0);
    expect(sum).toBe(0);
    await setReportZone(database.pool, "UTC");
  });

  it("count once what is folded by a statement that began before the zone was set", async () => {
    await handOver(1);
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    await holder.query(`
      CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END';
      CREATE TRIGGER wait_for_test BEFORE DELETE ON engagement_count_changes FOR EACH STATEMENT EXECUTE FUNCTION wait_for_test();
      CREATE TRIGGER wait_for_test BEFORE DELETE ON delivery_count_changes FOR EACH STATEMENT EXECUTE FUNCTION wait_for_test();
      ALTER TABLE engagement_count_changes ENABLE ALWAYS TRIGGER wait_for_test;
      ALTER TABLE delivery_count_changes ENABLE ALWAYS TRIGGER wait_for_test;`);
    for (const folding of [foldCounts, foldAnalytics]) {
      await holder.query("SELECT pg_advisory_lock(4711)");
      const folded = folding(database.pool);
      await expect
        .poll(
          async () =>
            (
              await holder.query(
                "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
              )
            ).rowCount,
        )
        .toBe(1);
      const zone = folding === foldCounts ? "Asia/Kolkata" : "Europe/Berlin";
      await setReportZone(database.pool, zone);
      await holder.query("SELECT pg_advisory_unlock(4711)");
      await folded;
      expect(await differencesIn(zone)).toEqual([]);
      const { rows } = await holder.query(
        "SELECT DISTINCT zone FROM analytics_cells ORDER BY zone",
      );
      expect(rows).toEqual([zone, "UTC"].toSorted().map((each) => ({ zone: each })));
    }
    await holder.query("DROP FUNCTION wait_for_test CASCADE");
    await holder.end();
    await setReportZone(database.pool, "UTC");
  });
});
