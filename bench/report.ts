import { table } from "../cli/demo/table.ts";
import type { AnalyticsDetails, AnalyticsResult } from "./analytics.ts";
import type { ApiDetails, ApiResult } from "./api.ts";
import type { OverloadResult } from "./overload.ts";
import type { DatabaseWork } from "./database-work.ts";
import type { CampaignDetails, CampaignResult } from "./campaign.ts";
import type { ChannelsDetails, ChannelsResult } from "./channels.ts";
import type { DayResult, PolicyDetails, PolicyResult } from "./policy.ts";
import type { ConsoleDetails, ConsoleResult } from "./console.ts";
import type { FeedbackResult } from "./feedback.ts";
import type { LatencyDetails, LatencyResult } from "./latency.ts";
import { percentile } from "./percentile.ts";
import type { CampaignFigures } from "./measure-campaign.ts";
import type { TrackingDetails, TrackingResult } from "./tracking.ts";
import type { MailboxDetails, MailboxResult } from "./mailbox.ts";

const workLines = (work: DatabaseWork) =>
  [
    ["PostgreSQL, a message", ""],
    ["  statements", work.statementsPerMessage],
    ["  rows written", work.rowsWrittenPerMessage],
    ["    of the updates, heap-only", work.hotUpdatesShare],
    ["  entries put into indexes", work.indexEntriesPerMessage],
    ["  bytes of WAL", work.walBytesPerMessage],
  ] as const;

export function printCampaign(result: CampaignResult, details: CampaignDetails): void {
  const { cpuSecondsPerThousand: cpu } = result;
  process.stdout.write(
    `\nA campaign to ${result.recipients.toLocaleString("en-US")} recipients\n${table([
      ["workers", result.workers],
      ["milliseconds from a command to its reply", result.serverDelayMs],
      ["messages a second", result.messagesPerSecond],
      ["  seconds in all", details.seconds],
      ["  of which until the first reached the sink", details.firstAfterSeconds ?? "not known"],
      ["  a second between first and last at the sink", details.sinkPerSecond ?? "not known"],
      ["a nodemailer loop, messages a second", result.nodemailerPerSecond],
      ["a bare SMTP conversation, messages a second", result.smtpPerSecond],
      ["times the nodemailer loop", result.ratioToNodemailer],
      ["times the SMTP conversation", result.ratioToSmtp],
      [
        "rate when a transaction beside it is old, of that when it is new",
        result.besideTransactionRatio ?? "not asked",
      ],
      ...(details.besideRates ?? []).map(
        (rate, tenth) => [`  messages a second in tenth ${tenth + 1}`, rate] as const,
      ),
      ["CPU milliseconds a thousand messages", ""],
      ...Object.entries(cpu).map(([role, seconds]) => [`  ${role}`, seconds * 1_000] as const),
      ...workLines(result),
      ["peak memory, MB", ""],
      ...Object.entries(details.peakRssMb).map(([role, mb]) => [`  ${role}`, mb] as const),
      ["Temporal events a thousand messages", result.temporalEventsPerThousand],
      ["lost", result.lost],
      ["duplicated", result.duplicated],
      ["messages about which ledger and sink differ", result.discrepancies ?? "not known"],
    ])}\n`,
  );
}

export function printFeedback({ differences, ...result }: FeedbackResult): void {
  process.stdout.write(
    `\nWhat became of a campaign to ${result.recipients.toLocaleString("en-US")} recipients, by the log of the server\n${table(
      [
        ["accepted", result.accepted],
        ["returned later", result.bounced],
        ["complained about", result.complained],
        ["followed by filters", result.scanned],
        ["opened by people", result.opened],
        ["with a link followed by people", result.clicked],
        ["unsubscribed from", result.unsubscribed],
        ["seconds until Tidings says the same", result.settledSeconds],
        ["differences", differences.length],
      ],
    )}\n${differences
      .slice(0, 20)
      .map((line) => `${line}\n`)
      .join("")}`,
  );
}

export function printAnalytics(result: AnalyticsResult, { slowest }: AnalyticsDetails): void {
  process.stdout.write(
    `\nReports, with ${result.deliveries.toLocaleString("en-US")} deliveries\n${table([
      ["slowest report, p95, ms (at most 100)", result.p95Ms],
      ["cells of quarter hours that were generated", result.rollupCells],
      ["  deliveries that they stand for", result.rollupsOfDeliveries],
      ["  slowest report, p95, ms (at most 100)", result.rollupP95Ms],
      ["until an engagement is in the cells, ms (at most 5,000)", result.rollupLagMs],
      ["cells equal the ledger", String(result.equalsLedger)],
    ])}\n${slowest.map((line) => `${line}\n`).join("")}`,
  );
}

export function printConsole(result: ConsoleResult, { faults, statements }: ConsoleDetails): void {
  process.stdout.write(
    `\nThe console, with ${result.deliveries.toLocaleString("en-US")} deliveries\n${table([
      ["first load, KB after gzip (at most 150)", result.firstLoadKb],
      ["overview shown, ms (at most 2,000)", result.overviewMs],
      ["change of screen, p95, ms (at most 300)", result.routeChangeP95Ms],
      ["longest task while scrolling, ms (at most 100)", result.longTaskMs],
      ["elements of the page (at most 2,500)", result.domNodes],
      ["growth of the heap, MB (at most 30)", result.heapGrowthMb],
      ["screens", result.routes],
      ["serious faults of accessibility (0)", result.axeSerious],
      ["journeys passed", result.journeys ?? "not run"],
      ["statements: one browser, ten browsers", statements.join(", ")],
      ["  ten to one (at most 1.2)", result.statementsOfTenBrowsers],
    ])}\n${faults.map((fault) => `${fault}\n`).join("")}`,
  );
}

export function printChannels(result: ChannelsResult, details: ChannelsDetails): void {
  process.stdout.write(
    `\nCampaigns to ${details.recipients.toLocaleString("en-US")} recipients by three channels\n${table(
      [
        ["messages a second by email", details.emailPerSecond],
        ["messages a second into inboxes", result.inAppPerSecond],
        ["  times those by email", result.inAppRatioToEmail],
        ["messages a second to push devices", result.pushPerSecond],
        ["  a loop of web-push, messages a second", details.webPushPerSecond],
        ["  times the loop of web-push", result.pushRatioToWebPush],
        ["inboxes that were open", result.sseStreams],
        ["  milliseconds from request to event, median", details.sseP50Ms],
        ["  milliseconds from request to event, 99 of 100", result.sseP99Ms],
        ["deliveries of three stages that were frozen", details.frozen],
        ["  seconds in all", details.freezeSeconds],
        ["  seconds a million", result.freezeSecondsPerMillionStages],
        ["lost", result.lost],
        ["duplicated", result.duplicated],
      ],
    )}\n`,
  );
}

export function printMailbox(result: MailboxResult, details: MailboxDetails): void {
  process.stdout.write(
    `\nNotifications to ${details.recipients.toLocaleString("en-US")} recipients\n${table([
      ["posted one by one", result.notifications],
      ["a second, from the first request to the last arrival", result.perSecond],
      ["  accepted a second", details.acceptedPerSecond],
      ["CPU milliseconds a thousand of them", ""],
      ...Object.entries(result.cpuSecondsPerThousand).map(
        ([role, seconds]) => [`  ${role}`, seconds * 1_000] as const,
      ),
      ...workLines(result),
      ["critical ones, one at a time", details.criticals],
      ["  normal ones that waited meanwhile, at least", details.leastWaiting],
      ["  milliseconds from request to arrival, median", result.criticalP50Ms],
      ["  milliseconds from request to arrival, 99 of 100", result.criticalP99Ms],
      ["lost", result.lost],
      ["duplicated", result.duplicated],
      ["messages about which ledger and sink differ", result.discrepancies],
    ])}\n`,
  );
}

export function printLatency(result: LatencyResult, details: LatencyDetails): void {
  const { rests, restSeconds, hopP50Ms, besideCampaign } = details;
  const besideLines = besideCampaign
    ? ([
        ["beside a campaign on the same worker, milliseconds", ""],
        ["  normal, how many", besideCampaign.normal.length],
        ["    median", percentile(besideCampaign.normal, 0.5)],
        ["    95 of 100", percentile(besideCampaign.normal, 0.95)],
        ["      without the campaign", details.p95Ms],
        ["  critical, how many", besideCampaign.critical.length],
        ["    median", percentile(besideCampaign.critical, 0.5)],
        ["    95 of 100", percentile(besideCampaign.critical, 0.95)],
        ["      without the campaign", details.criticalP95Ms],
      ] as const)
    : [];
  process.stdout.write(
    `\nNotifications, one at a time\n${table([
      ["sent, of each priority", result.sends],
      ["milliseconds from request to arrival", ""],
      ["  normal, median", result.p50Ms],
      ["  normal, 99 of 100", result.p99Ms],
      ["  critical, median", result.criticalP50Ms],
      ["  critical, 99 of 100", result.criticalP99Ms],
      ["a signal and an activity of Temporal, milliseconds", ""],
      ["  median", hopP50Ms],
      ["  99 of 100", result.hopP99Ms],
      ["beyond the hop, 99 of 100", ""],
      ["  normal", result.p99Ms - result.hopP99Ms],
      ["  critical", result.criticalP99Ms - result.hopP99Ms],
      [`after ${rests} rests of ${restSeconds} s each, milliseconds`, ""],
      ["  median", result.restMedianMs],
      ["  the slowest", result.restMaxMs],
      ["statements a second during the rests", result.idleQueriesPerSecond],
      ...besideLines,
    ])}\n`,
  );
}

export function printApi(result: ApiResult, details: ApiDetails): void {
  process.stdout.write(
    `\nThe API over ${details.deliveries.toLocaleString("en-US")} deliveries and ${details.recipients.toLocaleString("en-US")} recipients\n${table(
      [
        ["notifications accepted a second", result.acceptsPerSecond],
        ["  bare transactions of two inserts a second", details.insertsPerSecond],
        ["  times the bare transactions", result.acceptsPerSecond / details.insertsPerSecond],
        ["milliseconds, 99 of 100", ""],
        ["  accepting", result.acceptP99Ms],
        ["  lists", result.listP99Ms],
        ["    a bare page by primary key", details.bareListP99Ms],
        ["  searches", result.searchP99Ms],
        ["  counts of segments", result.segmentCountP99Ms],
        ["the slowest of each kind", ""],
        ...details.slowest.map(({ what, p99Ms }) => [`  ${what}`, p99Ms] as const),
      ],
    )}\n`,
  );
}

export function printPolicy(result: PolicyResult, details: PolicyDetails): void {
  const day = (what: string, { asked, sent, savedRatio, lost, late }: DayResult, fewest: number) =>
    [
      [`a day ${what}, notifications`, asked],
      ["  messages sent", sent],
      ["    times the fewest that there can be", sent / fewest],
      ["  of the notifications that needed none of their own", savedRatio],
      ["  lost", lost],
      ["  sent after their window", late],
    ] as const;
  process.stdout.write(
    `\nThe policy\n${table([
      ["decisions a second, on one core", result.decisionsPerSecond],
      ["  times bare copies of the facts", result.decisionsPerSecond / details.copiesPerSecond],
      ...day("in bursts", result.bursty, details.fewest.bursty),
      ...day("spread evenly", result.even, details.fewest.even),
    ])}\n`,
  );
}

export function printOverload({ attacks, seconds, quiet, attacked }: OverloadResult): void {
  const rows = Object.keys(quiet) as (keyof typeof quiet)[];
  process.stdout.write(
    `\nOne caller for ${seconds} s without others, and beside those who would slow it down (${attacks.join(", ")})\n${table(
      rows.map((row) => [row, `${Math.round(quiet[row])} → ${Math.round(attacked[row])}`]),
    )}\n`,
  );
}

const campaignLines = (
  name: string,
  { perSecond, workerMicros, postgresMicros, walBytes }: CampaignFigures,
): (readonly [string, number])[] => [
  [`${name}, messages a second`, perSecond],
  ["  microseconds of the worker's CPU time a message", workerMicros],
  ["  microseconds of PostgreSQL's CPU time a message", postgresMicros],
  ["  bytes of WAL a message", walBytes],
];

export function printTracking(result: TrackingResult, details: TrackingDetails): void {
  process.stdout.write(
    `\nTracking\n${table([
      ["microseconds of CPU time in which a token is signed", result.tokenMicros],
      ["requests for images and links a second", result.hitsPerSecond],
      ["  99th percentile in milliseconds", result.hitP99Ms],
      ...campaignLines(
        "a campaign without tracking, List-Unsubscribe and return addresses",
        details.plain,
      ),
      ...campaignLines("a campaign with the three", details.tracked),
      ["  share of the rate that is lost", result.campaignSlowdown],
      ...campaignLines("the same, signed with RSA and Ed25519", details.signed),
      ["  share of the rate that is lost", result.dkimSlowdown],
      ...campaignLines("a campaign without numbers", details.analytics.campaign.without),
      ...campaignLines("a campaign with numbers", details.analytics.campaign.with),
      ["  share of the rate that is lost", result.analyticsSlowdown],
      ...campaignLines(
        "notifications of 50 types without numbers",
        details.analytics.mixed.without,
      ),
      ...campaignLines("notifications of 50 types with numbers", details.analytics.mixed.with),
    ])}\n`,
  );
}
