// npm run doctor: reports what is found or missing, and what to do about it.
import { Command, Option } from "commander";
import { diagnose } from "./doctor/diagnose.ts";
import { report } from "./doctor/report.ts";

const program = new Command("doctor")
  .description(
    "Check that everything that Tidings needs is present; the exit code is 1 if something required is missing",
  )
  .addOption(
    new Option("--data <folder>", "the folder in which npm start keeps its data")
      .env("TIDINGS_DATA")
      .default(".tidings"),
  )
  .option("--json", "print the findings as one JSON document")
  .parse();

const { data, json = false } = program.opts<{ data: string; json?: boolean }>();
const { text, exitCode } = report(await diagnose({ environment: process.env, dataDir: data }), {
  json,
});
// Checks that did not answer in time may still be running, so the process exits explicitly.
process.stdout.write(text, () => process.exit(exitCode));
