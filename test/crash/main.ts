import { Command } from "commander";
import { table } from "../../cli/demo/table.ts";
import { crash, passes, type Variants } from "./crash.ts";
import { wholeNumber } from "../../cli/whole-number.ts";

/** Default options. */
const presetKills = 3;

const program = new Command("crash")
  .description(
    "Kills workers, Temporal and PostgreSQL while campaigns run, and lets the mail server judge.",
  )
  .option("--recipients <number>", "size of the audience", wholeNumber(1, 10_000_000), 1_000)
  .option(
    "--kills <number>",
    `how many times a worker is killed (default: ${presetKills}, with one of the following none)`,
    wholeNumber(0, 1_000),
  )
  .option("--slow-server", "the mail server takes up to 5 seconds over a message", false)
  .option("--clock-ahead", "the clock of one of the two workers is an hour ahead", false)
  .option("--freeze", "a worker and the mail server stand still for longer than a lease", false)
  .option("--sigterm", "each worker is asked to end in the middle of its work", false)
  .option(
    "--disk-full",
    "the disk that all of it is on is full for longer than a lease, twice",
    false,
  )
  .option(
    "--restart-at-once",
    "the launcher and all its processes are killed, and it is started at once, twice",
    false,
  )
  .option("--json", "end with one line of JSON")
  .parse();
const { json, ...options } = program.opts<
  { recipients: number; kills?: number; json?: true } & Variants
>();
const isHarder = Object.values(options).includes(true);

const result = await crash({
  ...options,
  kills: options.kills ?? (isHarder ? 0 : presetKills),
  environment: process.env,
  say: (line) => process.stderr.write(`crash: ${line}\n`),
});
const { slowServer, clockAhead, freeze, sigterm, diskFull, restartAtOnce } = result;
const discrepancies = result.discrepancies.length;
const countDifferences = result.countDifferences.length;
const seconds = Math.round(result.seconds * 10) / 10;
const yesOrNo = (value: boolean) => (value ? "yes" : "no");
process.stdout.write(
  `\n${table([
    ["recipients", result.recipients],
    ["notifications beside", result.notifications],
    ["workers killed", result.kills],
    ["Temporal and PostgreSQL killed", result.kills > 0 ? "once each" : "no"],
    ["slow mail server", yesOrNo(slowServer)],
    ["a clock ahead", yesOrNo(clockAhead)],
    ["a worker and the mail server frozen", yesOrNo(freeze)],
    ["workers asked to end", yesOrNo(sigterm)],
    ["disk full", yesOrNo(diskFull)],
    ["all killed and started at once", yesOrNo(restartAtOnce)],
    ["lost", result.lost],
    ["early", result.early],
    ["begun after a cancel or a pause", result.begunAfterStop],
    ["  begun before, finished after it", result.finishedAfterStop],
    ["ledger duplicates", result.ledgerDuplicates],
    ["delivered twice", result.deliveredTwice],
    [
      "  at most (workers disturbed × in-flight bound)",
      `${result.disturbances} × ${result.inFlightBound}`,
    ],
    ["workers that did not end in time", result.drainsCutOff],
    ["messages about which ledger and mail server differ", discrepancies],
    ["numbers that differ from the ledger", countDifferences],
    ["reconciled", result.reconciled ? "yes" : `no: ${JSON.stringify(result.statuses)}`],
    ["seconds", seconds],
    ["verdict", passes(result) ? "the promise holds" : "BROKEN"],
  ])}\n`,
);
if (json) {
  const { statuses: _, ...line } = result;
  process.stdout.write(
    `${JSON.stringify({ ...line, discrepancies, countDifferences, seconds })}\n`,
  );
}
process.exitCode = passes(result) ? 0 : 1;
