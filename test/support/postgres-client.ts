import { execFileSync } from "node:child_process";

/** Whether PostgreSQL's client programs are in `PATH`: Debian's package postgresql-client has them, npm does not. */
export const hasPostgresClient = answers("psql") && answers("pg_dump");

if (!hasPostgresClient)
  process.stderr.write(
    "Without psql and pg_dump (Debian: apt-get install postgresql-client) some tests of the deployment are skipped.\n",
  );

function answers(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}
