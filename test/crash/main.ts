import { Command } from "commander";
import { table } from "../../cli/demo/table.ts";
import { crash, passes } from "./crash.ts";
import { wholeNumber } from "../../cli/whole-number.ts";

const program = new Command("crash")
  .description(
    "Kills workers, Temporal and PostgreSQL while a campaign runs, and lets the mail server judge.",
  )
  .option("--recipients <number>", "size of the audience", wholeNumber(1, 10_000_000), 1_000)
  .option("--kills <number>", "how many times a worker is killed", wholeNumber(1, 1_000), 3)
  .option("--json", "end with one line of JSON")
  .parse();
const options = program.opts<{ recipients: number; kills: number; json?: true }>();

const result = await crash({
  ...options,
  environment: process.env,
  say: (line) => process.stderr.write(`crash: ${line}\n`),
});
const {
  recipients,
  kills,
  lost,
  ledgerDuplicates,
  deliveredTwice,
  inFlightBound,
  reconciled,
  notifications,
} = result;
const discrepancies = result.discrepancies.length;
const seconds = Math.round(result.seconds * 10) / 10;
process.stdout.write(
  `\n${table([
    ["recipients", recipients],
    ["notifications beside", notifications],
    ["workers killed", kills],
    ["Temporal and PostgreSQL killed", "once each"],
    ["lost", lost],
    ["ledger duplicates", ledgerDuplicates],
    ["delivered twice", deliveredTwice],
    ["  at most (workers killed × in-flight bound)", `${kills} × ${inFlightBound}`],
    ["messages about which ledger and mail server differ", discrepancies],
    ["reconciled", reconciled ? "yes" : `no: ${JSON.stringify(result.statuses)}`],
    ["seconds", seconds],
    ["verdict", passes(result) ? "the promise holds" : "BROKEN"],
  ])}\n`,
);
if (options.json) {
  const line = {
    recipients,
    kills,
    lost,
    ledgerDuplicates,
    deliveredTwice,
    inFlightBound,
    reconciled,
    discrepancies,
    seconds,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
process.exitCode = passes(result) ? 0 : 1;
