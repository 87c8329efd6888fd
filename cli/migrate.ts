// npm run db:migrate, db:diff, db:check.
import { relative } from "node:path";
import { Command } from "commander";
import { ConfigurationError, readEnvironment } from "../config/environment.ts";
import {
  applyMigrations,
  checkMigrations,
  MigrationError,
  writeMigration,
} from "../prisma/migrate.ts";
import { grantToApplication } from "../prisma/grants.ts";
import { startThrowawayPostgres } from "./stack/postgres.ts";

const program = new Command("migrate").description(
  "Manage the schema of the database: apply migrations, write the next migration, check for drift",
);

program
  .command("apply")
  .description(
    "apply missing migrations to the database of DATABASE_URL, whose role owns the tables",
  )
  .option("--app-role <role>", "grant this role only the rights that the API and workers need")
  .action(async ({ appRole }: { appRole?: string }) => {
    const { DATABASE_URL } = readEnvironment(["DATABASE_URL"], process.env);
    const applied = await applyMigrations(DATABASE_URL);
    console.log(
      applied.length === 0 ? "The database is up to date." : `Applied ${applied.join(", ")}.`,
    );
    if (appRole !== undefined) {
      await grantToApplication(DATABASE_URL, appRole);
      console.log(`${appRole} may read and write rows.`);
    }
  });

program
  .command("diff")
  .description("write the next migration: the changes in prisma/schema.prisma since the last one")
  .requiredOption("--name <name>", "what the migration does, in a few words")
  .action(async ({ name }: { name: string }) => {
    const folder = await withShadow((shadowUrl) =>
      writeMigration({ shadowUrl, name, now: new Date() }),
    );
    console.log(
      folder
        ? `Wrote ${relative(process.cwd(), folder)}.`
        : "The schema has no changes: no migration is needed.",
    );
  });

program
  .command("check")
  .description(
    "fail if the schema and the migrations differ, or (with DATABASE_URL) if a database and the migrations differ",
  )
  .action(async () => {
    const databaseUrl =
      process.env["DATABASE_URL"] || process.env["DATABASE_URL_FILE"]
        ? readEnvironment(["DATABASE_URL"], process.env).DATABASE_URL
        : undefined;
    const faults = await withShadow((shadowUrl) =>
      checkMigrations({ shadowUrl, ...(databaseUrl && { databaseUrl }) }),
    );
    if (faults.length > 0) throw new MigrationError(faults.join("\n\n"));
    console.log("Schema and migrations agree.");
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof MigrationError || error instanceof ConfigurationError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

/** Provides an empty temporary database: differences are found by applying the migrations to it. */
async function withShadow<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
  const shadow = await startThrowawayPostgres();
  try {
    return await work(shadow.url);
  } finally {
    await shadow.stop();
  }
}
