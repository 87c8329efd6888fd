import pg from "pg";
import { startTemporaryStack } from "../cli/demo/temporary-stack.ts";
import { measures } from "../ledger/analytics-cells.ts";
import { findAnalyticsDifferences } from "../ledger/analytics-differences.ts";
import { engagementsNow, recordEngagements } from "../ledger/engagement.ts";
import { foldAnalytics, setReportZone } from "../ledger/folding-analytics.ts";
import { foldCountsRegularly } from "../ledger/folding-counts.ts";
import { executeOn } from "../ledger/sql.ts";
import { inTransaction } from "../ledger/transaction.ts";
import { caller } from "./api.ts";
import { fillLedger } from "./full-ledger.ts";
import { measureCalls } from "./measure-calls.ts";
import { template } from "./message.ts";
import { percentile } from "./percentile.ts";

export interface AnalyticsBench {
  /** How many deliveries the ledger has. */
  deliveries: number;
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

export interface AnalyticsResult {
  bench: "analytics";
  deliveries: number;
  /** The slowest report over all ranges, with its period before. */
  p95Ms: number;
  /** Quarter-hour cells that were generated, and the deliveries that they stand for. */
  rollupCells: number;
  rollupsOfDeliveries: number;
  /** The slowest report on these. */
  rollupP95Ms: number;
  /** The longest time from an engagement until it is in the cells. */
  rollupLagMs: number;
  /** Whether the cells equal a count over the ledger. */
  equalsLedger: boolean;
}

export interface AnalyticsDetails {
  /** The slowest reports: of the ledger, and on the generated cells. */
  slowest: string[];
}

const templateKey = "weekly";
const recipients = 200_000;
const engaged = 100_000;
const engagedAtOnce = 500;
const reportZone = "Europe/Berlin";
const callsOfEach = 20;
const lagSamples = 5;

/** Days of the reports, each with the zones in which they are read. */
const ranges: [number, string[]][] = [
  [1, ["UTC", reportZone, "Asia/Kolkata"]],
  [7, ["UTC", reportZone, "America/New_York", "Asia/Kolkata"]],
  [30, ["UTC", reportZone, "America/New_York"]],
  [90, ["UTC", reportZone]],
  [365, ["UTC", reportZone]],
];
const overTime = ["overview", "channels", "types", "campaigns", "templates", "providers", "funnel"];
const byWeek = ["send-times", "cohorts"];

const generated = { days: 90, types: 25, channels: ["email", "push"], deliveries: 100_000_000 };

/** Measures reports on a full ledger, and on the cells of a hundred times as many deliveries. */
export async function benchAnalytics({
  deliveries,
  environment,
  say,
}: AnalyticsBench): Promise<AnalyticsResult & { details: AnalyticsDetails }> {
  say("starting the stack");
  const stack = await startTemporaryStack({
    environment: { ...environment, API_REQUESTS_PER_MINUTE: "10000000" },
    workers: 0,
    say,
  });
  const pool = new pg.Pool({ connectionString: stack.databaseUrl, max: 2 });
  try {
    const call = caller(stack);
    await call("POST", "/v1/templates", {
      key: templateKey,
      name: "Weekly summary",
      content: { email: template },
    });
    say(`filling the ledger with ${deliveries} deliveries`);
    await fillLedger(stack.databaseUrl, { recipients, deliveries, templateKey });
    await setReportZone(pool, reportZone);
    await engage(pool);
    const rollupLagMs = await measureLag(pool);
    await foldAnalytics(pool);
    await pool.query("VACUUM (ANALYZE) analytics_cells");
    say("comparing with the ledger");
    const equalsLedger = (await findAnalyticsDifferences(executeOn(pool))).length === 0;
    say("reading reports");
    const own = await measureReports(call);
    say("generating cells");
    const cells = await generateCells(pool);
    const large = await measureReports(call);
    return {
      bench: "analytics",
      deliveries,
      p95Ms: own[0]!.p95Ms,
      rollupCells: cells,
      rollupsOfDeliveries: generated.deliveries,
      rollupP95Ms: large[0]!.p95Ms,
      rollupLagMs,
      equalsLedger,
      details: {
        slowest: [own, large].flatMap((reports) =>
          reports
            .slice(0, 5)
            .map(
              ({ path, p95Ms, leastMs }) =>
                `${p95Ms.toFixed(0)} ms (at least ${leastMs.toFixed(0)}) ${path}`,
            ),
        ),
      },
    };
  } finally {
    await pool.end();
    await stack.stop();
  }
}

/** Opens some of the newest deliveries. */
async function engage(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ id: string }>(
    "SELECT id FROM ended_deliveries WHERE status = 'sent' ORDER BY id DESC LIMIT $1",
    [engaged],
  );
  for (let from = 0; from < rows.length; from += engagedAtOnce)
    await inTransaction(pool, (client) =>
      recordEngagements(
        executeOn(client),
        engagementsNow(
          rows.slice(from, from + engagedAtOnce).map(({ id }) => id),
          from % 2 === 0 ? "opened" : "clicked",
        ),
      ),
    );
}

/** The longest time until changes are folded, as workers fold them. */
async function measureLag(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ id: string }>(
    "SELECT id FROM ended_deliveries WHERE status = 'sent' ORDER BY id LIMIT $1",
    [lagSamples],
  );
  const folding = foldCountsRegularly(pool);
  let longest = 0;
  try {
    for (const { id } of rows) {
      const startedAt = performance.now();
      await inTransaction(pool, (client) =>
        recordEngagements(executeOn(client), engagementsNow([id], "opened")),
      );
      while ((await pool.query("SELECT FROM engagement_count_changes LIMIT 1")).rowCount! > 0)
        await new Promise((resolve) => setTimeout(resolve, 20));
      longest = Math.max(longest, performance.now() - startedAt);
    }
  } finally {
    folding.stop();
  }
  return longest;
}

async function measureReports(
  call: ReturnType<typeof caller>,
): Promise<{ path: string; p95Ms: number; leastMs: number }[]> {
  const paths = ranges.flatMap(([days, zones]) => {
    const time = `from=${new Date(Date.now() - days * 86_400_000).toISOString()}`;
    return [
      ...zones.flatMap((zone) =>
        overTime.map((report) => `/v1/analytics/${report}?${time}&zone=${zone}`),
      ),
      ...byWeek.map((report) => `/v1/analytics/${report}?${time}`),
    ];
  });
  const found = [];
  for (const path of [...paths, "/v1/analytics/segments"]) {
    const { ms } = await measureCalls({ calls: callsOfEach, callers: 1 }, () => call("GET", path));
    found.push({ path, p95Ms: percentile(ms, 0.95), leastMs: Math.min(...ms) });
  }
  return found.toSorted((a, b) => b.p95Ms - a.p95Ms);
}

/** Adds cells as 100,000,000 hand-overs of 25 types on two channels in 90 days have. Resolves with the number of quarter hours' cells. */
async function generateCells(pool: pg.Pool): Promise<number> {
  const key = "is_removed, campaign_id, type_id, channel, provider, template_version_id";
  const added = measures.map((measure) => `sum(${measure})::int`).join(", ");
  const quarters = generated.days * 96 * generated.types * generated.channels.length;
  const each = Math.round(generated.deliveries / quarters);
  const { rowCount } = await pool.query(
    `INSERT INTO analytics_cells (id, width, zone, handed_at, is_removed, type_id, channel, provider, sent, delivered, failed, opened, clicked, opens, clicks)
     SELECT gen_random_uuid(), 15, 'UTC', at, false, type, channel::channel, 'smtp', $1 - 20, 20, 4, $1 / 3, $1 / 20, $1 / 2, $1 / 15
     FROM generate_series(date_bin('15 minutes', now(), 'epoch') - interval '${generated.days} days' + interval '15 minutes', now(), '15 minutes') AS at,
       (SELECT gen_random_uuid() AS type FROM generate_series(1, ${generated.types})) AS t, unnest($2::text[]) AS channel`,
    [each, generated.channels],
  );
  for (const [width, zone, at] of [
    [60, "UTC", "date_trunc('hour', handed_at, 'UTC')"],
    [1_440, "UTC", "date_trunc('day', handed_at, 'UTC')"],
    [1_440, reportZone, `date_trunc('day', handed_at, '${reportZone}')`],
  ] as const)
    await pool.query(
      `INSERT INTO analytics_cells (id, width, zone, handed_at, ${key}, ${measures.join(", ")})
       SELECT gen_random_uuid(), ${width}, '${zone}', at, ${key}, ${added}
       FROM (SELECT *, ${at} AS at FROM analytics_cells WHERE width = 15 AND provider = 'smtp') AS c GROUP BY at, ${key}`,
    );
  await pool.query("VACUUM (ANALYZE) analytics_cells");
  return rowCount!;
}
