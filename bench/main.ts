// This import must come first: schemas can be described in OpenAPI only if they are created after its library is loaded.
import "@hono/zod-openapi";
import { Command, InvalidArgumentError, Option } from "commander";
import { type AnalyticsBench, benchAnalytics } from "./analytics.ts";
import { benchApi } from "./api.ts";
import { benchCampaign, type CampaignBench } from "./campaign.ts";
import { benchChannels, type ChannelsBench } from "./channels.ts";
import { benchConsole, type ConsoleBench } from "./console.ts";
import { benchFeedback, type FeedbackBench } from "./feedback.ts";
import { benchLatency, type LatencyBench } from "./latency.ts";
import { benchMailbox } from "./mailbox.ts";
import { type Attack, attacks, benchOverload } from "./overload.ts";
import { benchPolicy } from "./policy.ts";
import { benchTracking, type TrackingBench } from "./tracking.ts";
import {
  printAnalytics,
  printApi,
  printCampaign,
  printChannels,
  printConsole,
  printFeedback,
  printLatency,
  printMailbox,
  printOverload,
  printPolicy,
  printTracking,
} from "./report.ts";
import { wholeNumber } from "../cli/whole-number.ts";

/** The duration of a backup of a large database. */
const backupSeconds = 600;

type Options<Bench> = Omit<Bench, "environment" | "say"> & { json?: true };

const program = new Command("bench").description(
  "Measure Tidings and bare senders on this machine.",
);

program
  .command("campaign", { isDefault: true })
  .description(
    "a campaign through the whole stack, beside a nodemailer loop and a bare SMTP conversation",
  )
  .option("--recipients <number>", "size of the audience", wholeNumber(1, 10_000_000), 10_000)
  .option("--workers <number>", "how many workers", wholeNumber(1, 100), 1)
  .addOption(
    new Option("--delay <milliseconds>", "how far away the sink is: from a command to its reply")
      .argParser(wholeNumber(0, 10_000))
      .default(0)
      .conflicts("smtp"),
  )
  .addOption(
    new Option(
      "--beside-transaction [seconds]",
      "send a campaign that lasts so long beside a transaction, and compare its end with its beginning",
    )
      .argParser(wholeNumber(10, 86_400))
      .preset(String(backupSeconds))
      .conflicts("smtp"),
  )
  .option(
    "--smtp <url>",
    "send to this server, which needs no login, instead of a sink of our own",
    smtpUrl,
  )
  .option("--json", "end with one line of JSON")
  .action(async ({ json, ...options }: Options<CampaignBench>) => {
    const { details, ...result } = await benchCampaign({
      ...options,
      environment: process.env,
      say,
    });
    printCampaign(result, details);
    failOver(result.discrepancies);
    if (json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

program
  .command("analytics")
  .description("reports on a ledger that is full, and on the numbers of 100,000,000 deliveries")
  .option("--deliveries <number>", "how many", wholeNumber(1, 10_000_000), 1_000_000)
  .option("--json", "end with one line of JSON")
  .action(async ({ json, ...options }: Options<AnalyticsBench>) => {
    const { details, ...result } = await benchAnalytics({
      ...options,
      environment: process.env,
      say,
    });
    printAnalytics(result, details);
    if (!result.equalsLedger) process.exitCode = 1;
    if (json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

program
  .command("console")
  .description("the console in Chromium, on a ledger that is full")
  .option("--deliveries <number>", "how many", wholeNumber(1, 10_000_000), 1_000_000)
  .option("--scroll-seconds <number>", "how long to scroll", wholeNumber(1, 3_600), 60)
  .option(
    "--watch-seconds <number>",
    "how long browsers watch a campaign",
    wholeNumber(1, 3_600),
    30,
  )
  .option("--no-journeys", "do not run the journeys of npm run test:browser")
  .option("--json", "end with one line of JSON")
  .action(async ({ json, ...options }: Options<ConsoleBench>) => {
    const { details, ...result } = await benchConsole({
      ...options,
      environment: process.env,
      say,
    });
    printConsole(result, details);
    if (json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

program
  .command("mailbox")
  .description("notifications posted one by one, and critical ones while others wait")
  .option("--json", "end with one line of JSON")
  .action(async (options: { json?: true }) => {
    const { details, ...result } = await benchMailbox({ environment: process.env, say });
    printMailbox(result, details);
    failOver(result.discrepancies);
    if (options.json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

program
  .command("latency")
  .description("notifications one at a time, and after rests, beside a bare hop of Temporal")
  .option("--sends <number>", "how many of each priority", wholeNumber(1, 1_000_000), 1_000)
  .option("--rests <number>", "how many rests", wholeNumber(1, 1_000), 30)
  .option("--rest-seconds <number>", "how long each of them is", wholeNumber(1, 3_600), 30)
  .addOption(
    new Option(
      "--beside-campaign [recipients]",
      "then send lone ones beside a campaign to so many, and compare",
    )
      .argParser(wholeNumber(1, 10_000_000))
      .preset("50000"),
  )
  .option("--json", "end with one line of JSON")
  .action(async ({ json, ...options }: Options<LatencyBench>) => {
    const { details, ...result } = await benchLatency({
      ...options,
      environment: process.env,
      say,
    });
    printLatency(result, details);
    if (json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

program
  .command("api")
  .description("notifications accepted, and lists, searches and counts over a full ledger")
  .option("--json", "end with one line of JSON")
  .action(async (options: { json?: true }) => {
    const { details, ...result } = await benchApi({ environment: process.env, say });
    printApi(result, details);
    if (options.json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

program
  .command("channels")
  .description("campaigns into inboxes and to push devices, open inboxes, and three stages")
  .option("--recipients <number>", "size of each audience", wholeNumber(1, 10_000_000), 10_000)
  .option("--streams <number>", "how many inboxes are open", wholeNumber(1, 2_000), 1_000)
  .option("--sends <number>", "messages to open inboxes", wholeNumber(1, 1_000_000), 1_000)
  .option(
    "--freeze <number>",
    "size of the audience of three stages",
    wholeNumber(1, 10_000_000),
    100_000,
  )
  .option("--json", "end with one line of JSON")
  .action(async ({ json, ...options }: Options<ChannelsBench>) => {
    const { details, ...result } = await benchChannels({
      ...options,
      environment: process.env,
      say,
    });
    printChannels(result, details);
    failOver(result.lost + result.duplicated);
    if (json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

program
  .command("policy")
  .description("decisions alone, and days of notifications that may go out together")
  .option("--json", "end with one line of JSON")
  .action(async (options: { json?: true }) => {
    const { details, ...result } = await benchPolicy({ say });
    printPolicy(result, details);
    if (options.json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

program
  .command("overload")
  .description("notifications of one caller beside others who would slow everybody down")
  .option("--seconds <number>", "how long, without and with them", wholeNumber(1, 3_600), 60)
  .addOption(
    new Option("--attacks <names...>", "the attacks").choices(attacks).default([...attacks]),
  )
  .option("--json", "end with one line of JSON")
  .action(async (options: { seconds: number; attacks: Attack[]; json?: true }) => {
    const { json, ...bench } = options;
    const result = await benchOverload({ ...bench, environment: process.env, say });
    printOverload(result);
    if (json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

program
  .command("tracking")
  .description("tokens, requests for images and links, and campaigns with and without tracking")
  .option("--recipients <number>", "size of the audience", wholeNumber(1, 10_000_000), 30_000)
  .option("--hits <number>", "how many requests", wholeNumber(1, 10_000_000), 30_000)
  .option("--json", "end with one line of JSON")
  .action(async ({ json, ...options }: Options<TrackingBench>) => {
    const { details, ...result } = await benchTracking({
      ...options,
      environment: process.env,
      say,
    });
    printTracking(result, details);
    if (json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

program
  .command("feedback")
  .description(
    "a campaign to a server that returns messages later, passes on complaints, and whose filters and users follow links: its log beside what Tidings says",
  )
  .option("--recipients <number>", "size of the audience", wholeNumber(100, 1_000_000), 10_000)
  .option("--json", "end with one line of JSON")
  .action(async ({ json, ...options }: Options<FeedbackBench>) => {
    const result = await benchFeedback({ ...options, environment: process.env, say });
    printFeedback(result);
    failOver(result.differences.length);
    if (json) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  });

/** Fails if the account of a run is wrong, because its figures are then not valid. */
function failOver(discrepancies: number | null): void {
  if (discrepancies !== null && discrepancies > 0) process.exitCode = 1;
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

function smtpUrl(text: string): URL {
  if (!URL.canParse(text) || new URL(text).protocol !== "smtp:" || new URL(text).username)
    throw new InvalidArgumentError("It must be smtp://host:port, without a login.");
  return new URL(text);
}

/** Rounds to three significant digits: more would be noise. */
function rounded(value: unknown): unknown {
  if (typeof value === "number") return Math.round(value * 1_000) / 1_000;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(rounded);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rounded(inner)]));
}

await program.parseAsync();
