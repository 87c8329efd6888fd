// npm run doctor: what is found or missing, and the mend for each.
import { Command, Option } from "commander";
import { diagnose } from "./doctor/diagnose.ts";
import { report } from "./doctor/report.ts";

const program = new Command("doctor")
  .description(
    "Look whether everything that Tidings needs is here; exits with 1 if something required is missing",
  )
  .addOption(
    new Option("--data <folder>", "where npm start keeps everything")
      .env("TIDINGS_DATA")
      .default(".tidings"),
  )
  .option("--json", "print one JSON document")
  .parse();

const { data, json = false } = program.opts<{ data: string; json?: boolean }>();
const { text, exitCode } = report(await diagnose({ environment: process.env, dataDir: data }), {
  json,
});
// What did not answer in time is not waited for.
process.stdout.write(text, () => process.exit(exitCode));
