import type { Pool } from "pg";
import { Gauge, type Registry } from "prom-client";
import { within } from "../config/within.ts";
import { type CampaignStatus, campaignStatuses } from "../domain/campaign.ts";
import { priorities, type Priority } from "../domain/priority.ts";

/** What was read is shown for at least so long, and for so many times what the reading took: it costs a twentieth of a connection at most. */
const rememberedMs = 5_000;
const rememberedTimes = 20;
/** Prometheus gives up after 10 s; what is not read by then is left out, and shown when it is there. */
const patienceMs = 5_000;
const probeMs = 2_000;

const queueKinds = ["mailbox", "critical", "campaign", "digest"] as const;
type QueueKind = (typeof queueKinds)[number];

interface Reading {
  open: { kind: QueueKind; priority: Priority; open: number; overdueSeconds: number | null }[];
  campaigns: { status: CampaignStatus; count: number }[];
}

/**
 * Open rows by queue and priority, from their index alone, and of each the one that has been due for the longest; rows
 * of campaigns that do not run are due to nobody.
 */
const openSql = `
  WITH open AS (
    SELECT queue, priority, count(*) AS count, min(due_at) AS due_at FROM deliveries WHERE due_at IS NOT NULL GROUP BY queue, priority
  ),
  judged AS (
    SELECT split_part(queue, '/', 1) AS kind, priority, count,
      CASE WHEN due_at < clock_timestamp() AND (queue NOT LIKE 'campaign/%' OR EXISTS (
        SELECT FROM campaigns c WHERE c.status = 'running' AND c.id = (
          SELECT d.campaign_id FROM deliveries d WHERE d.queue = open.queue AND d.priority = open.priority AND d.due_at = open.due_at LIMIT 1
        )
      )) THEN extract(epoch FROM clock_timestamp() - due_at) END AS overdue
    FROM open
  )
  SELECT kind, priority, sum(count)::float8 AS open, max(overdue)::float8 AS "overdueSeconds" FROM judged GROUP BY kind, priority`;

const campaignsSql = "SELECT status, count(*)::int AS count FROM campaigns GROUP BY status";

/**
 * Gauges of what the ledger says, read when they are asked for. Whatever the database does, asking ends within
 * `patienceMs`: without a reading they are left out, and `tidings_database_up` says whether it answers at all.
 */
export function addLedgerMetrics(registry: Registry, pool: Pool): void {
  const registers = [registry];
  const up = new Gauge({
    name: "tidings_database_up",
    help: "1 if the database answers",
    registers,
    async collect() {
      up.set((await reading()).up ? 1 : 0);
    },
  });
  const open = new Gauge({
    name: "tidings_open_deliveries",
    help: "Deliveries that are pending or being sent, by kind of queue and priority",
    labelNames: ["queue", "priority"],
    registers,
    async collect() {
      open.reset();
      const { found } = await reading();
      if (!found) return;
      for (const queue of queueKinds)
        for (const priority of priorities) open.set({ queue, priority }, 0);
      for (const row of found.open) open.set({ queue: row.kind, priority: row.priority }, row.open);
    },
  });
  const overdue = new Gauge({
    name: "tidings_oldest_overdue_seconds",
    help: "How long the oldest delivery that is due has been so, by kind of queue; those of campaigns that do not run do not count",
    labelNames: ["queue"],
    registers,
    async collect() {
      overdue.reset();
      const { found } = await reading();
      if (!found) return;
      for (const queue of queueKinds) {
        const ages = found.open.flatMap(({ kind, overdueSeconds }) =>
          kind === queue ? (overdueSeconds ?? []) : [],
        );
        overdue.set({ queue }, Math.max(0, ...ages));
      }
    },
  });
  const campaigns = new Gauge({
    name: "tidings_campaigns",
    help: "Campaigns by status",
    labelNames: ["status"],
    registers,
    async collect() {
      campaigns.reset();
      const { found } = await reading();
      if (!found) return;
      for (const status of campaignStatuses) campaigns.set({ status }, 0);
      for (const { status, count } of found.campaigns) campaigns.set({ status }, count);
    },
  });

  let known: { up: boolean; found: Reading | null } = { up: false, found: null };
  let goodUntil = 0;
  let underWay: Promise<void> | null = null;

  /** One at a time, whoever asks. */
  const read = async () => {
    const startedAt = performance.now();
    let answers = false;
    try {
      await within(probeMs, pool.query("SELECT 1"));
      answers = true;
      known = { up: true, found: known.found };
      const [rows, counts] = await Promise.all([
        pool.query<Reading["open"][number]>(openSql),
        pool.query<Reading["campaigns"][number]>(campaignsSql),
      ]);
      known = { up: true, found: { open: rows.rows, campaigns: counts.rows } };
    } catch {
      known = { up: answers, found: null };
    }
    const now = performance.now();
    goodUntil = now + Math.max(rememberedMs, (now - startedAt) * rememberedTimes);
  };

  const reading = async () => {
    if (performance.now() >= goodUntil)
      await within(patienceMs, (underWay ??= read().finally(() => (underWay = null)))).catch(
        () => {},
      );
    return known;
  };
}
