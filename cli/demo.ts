// npm run demo: runs all of Tidings in a temporary folder, with a sample audience, a campaign and a few notifications.
import { Command } from "commander";
import { startPushSink } from "./demo/push-sink.ts";
import { runDemo, type DemoDetails, type DemoResult } from "./demo/run.ts";
import { columns, table } from "./demo/table.ts";
import { startTemporaryStack, type TemporaryStack } from "./demo/temporary-stack.ts";
import { wholeNumber } from "./whole-number.ts";

const options = new Command("demo")
  .description(
    "Send a campaign and notifications to a sample audience by email, push and in-app, all of it on this machine, and keep everything running until Ctrl-C",
  )
  .option("--recipients <number>", "repeat the sample to this size", wholeNumber(1, 10_000_000))
  .option("--json", "print the result as one line of JSON")
  .option("--exit", "exit when the demo is done")
  .parse()
  .opts<{ recipients?: number; json?: true; exit?: true }>();

let stack: TemporaryStack | null = null;
let stopping = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => void end(signal));

/** The first signal stops everything in order. A second signal, or one before the stack has started, ends it at once. */
async function end(signal: NodeJS.Signals): Promise<void> {
  if (stopping || !stack) {
    stack?.abandon();
    process.exit(130);
  }
  stopping = true;
  say(`${signal}: stopping`);
  await stack.stop();
  process.exit(0);
}

// Progress goes to standard error: standard output may have to be JSON.
function say(line: string): void {
  process.stderr.write(`demo: ${line}\n`);
}

function print(
  result: DemoResult,
  details: DemoDetails,
  { urls, apiKey, consoleLink }: TemporaryStack,
): void {
  const refused = details.refusedLines.map(
    ({ line, field, message }) => `  line ${line}: ${field ? `${field} ` : ""}${message}\n`,
  );
  const { leftOut } = details;
  process.stdout.write(
    `\nRefused lines of the sample\n${refused.join("")}\nDeliveries\n${table([
      ["accepted", result.accepted],
      ["sent (includes delivered)", result.sent],
      ["failed", result.failed],
      ["suppressed (no address)", result.suppressed - leftOut],
      ["suppressed (already read)", leftOut],
      ["pending", result.pending],
      ["waiting for their stage", result.waiting],
      ["lost", result.lost],
      ["duplicated", result.duplicated],
      ["emails duplicated by Message-ID", details.duplicatedByMessageId],
      ["emails duplicated by delivery id", details.duplicatedByDelivery],
      ["reconciled", result.reconciled ? "yes" : "no"],
      ["seconds", result.seconds],
      ["messages a second", result.messagesPerSecond],
    ])}\nChannels, each compared with what its own witness has: the mailbox, the push service, the recipients' inboxes\n${columns(
      ["channel", "owed", "sent", "waiting", "lost", "duplicated"],
      result.channels.map(({ channel, owed, sent, waiting, lost, duplicated }) => [
        channel,
        owed,
        sent,
        waiting,
        lost,
        duplicated,
      ]),
    )}\n`,
  );
  process.stdout.write(`${describeFallback(details)}${describeEscalation(details)}`);
  if (options.exit) return;
  process.stdout.write(
    `Where to look\n${table([
      ["console (signs in once)", consoleLink],
      ["messages", urls.mailbox!],
      ["workflows", `${urls.temporalUi!}/namespaces/default/workflows`],
      ["API", urls.api],
      ["API key of this demo", apiKey],
      [
        "for example",
        `curl -H 'Authorization: Bearer ${apiKey}' ${urls.api}/v1/campaigns/${details.campaignId}/progress`,
      ],
    ])}\n`,
  );
}

function describeFallback({ fallback }: DemoDetails): string {
  if (!fallback) return "";
  const attempts = fallback.attempts.map(
    ({ provider, outcome, response }) =>
      [provider ?? "unknown", `${outcome}: ${response ?? "no answer"}`] as const,
  );
  return `A fallback: the device was gone, so an email was sent (${fallback.delivery})\n${table(attempts)}\n`;
}

function describeEscalation({ escalation, leftOut }: DemoDetails): string {
  if (!escalation) return "";
  const { delivery, summary, waiting } = escalation;
  const rows = table([
    ["waiting", waiting],
    ["for example", summary],
    ["left out", `${leftOut}, because the inbox item was read`],
  ]);
  return `An escalation: an email is sent after a minute to those who have not read the inbox item (${delivery})\n${rows}\n`;
}

try {
  say("starting PostgreSQL, Temporal, a mailbox, a push service, the API and a worker");
  const sink = await startPushSink();
  stack = await startTemporaryStack({ environment: { ...process.env, ...sink.settings }, say });
  const { details, ...result } = await runDemo(stack, sink, { ...options, say });
  print(result, details, stack);
  if (!options.exit) say("everything keeps running; Ctrl-C stops it and deletes its data");
  if (options.json) {
    const seconds = Math.round(result.seconds * 100) / 100;
    const messagesPerSecond = Math.round(result.messagesPerSecond * 10) / 10;
    process.stdout.write(`${JSON.stringify({ ...result, seconds, messagesPerSecond })}\n`);
  }
  if (options.exit) {
    await stack.stop();
    await sink.close();
  }
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  await stack?.stop();
  process.exit(1);
}
